"""G7 in small: ten times the file takes no more memory. bench_import.py has the gigabyte."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotation.imports.formats.reading import read_file
from annotation.imports.prepared import Preparation

pytestmark = pytest.mark.heavy
ROOT = Path(__file__).resolve().parents[3]
KILOBYTE = "All rivers lead to the sea, they say. " * 27


class Endless(io.RawIOBase):
    """A file of `records` conversations that is made as it is read."""

    def __init__(self, records: int) -> None:
        self.pieces = self._made(records)

    @staticmethod
    def _made(records: int) -> Iterator[bytes]:
        for number in range(records):
            turns = [
                {"from": "human", "value": f"{number} {KILOBYTE}"},
                {"from": "gpt", "value": KILOBYTE},
            ]
            yield json.dumps({"id": str(number), "conversations": turns}).encode() + b"\n"

    def read(self, size: int = -1) -> bytes:
        taken = []
        held = 0
        for piece in self.pieces:
            taken.append(piece)
            held += len(piece)
            if held >= size > 0:
                break
        return b"".join(taken)


def resident() -> float:
    """Megabytes of this process."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def grown_by(records: int) -> float:
    opened = read_file(Endless(records), "endless.jsonl")  # type: ignore[arg-type]
    before, most, seen = resident(), 0.0, 0
    for batch in Preparation(source="x").batches(opened.results, 500):
        seen += len(batch)
        most = max(most, resident() - before)
    assert seen == records
    return most


def held_by(records: int) -> float:
    before = resident()
    opened = read_file(Endless(records), "endless.jsonl")  # type: ignore[arg-type]
    held = list(Preparation(source="x").batches(opened.results, 500))
    assert sum(map(len, held)) == records
    return resident() - before


def apart(expression: str) -> float:
    """Its value in a process of its own: this one may have room left from tests before."""
    code = f"import django; django.setup(); from {__name__} import *; print({expression})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "webapp.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def test_memory_does_not_grow_with_the_file() -> None:
    small, large = apart("grown_by(3_000)"), apart("grown_by(30_000)")  # 6 MB and 60 MB
    assert large < small + 15, (small, large)


def test_control_a_list_of_all_records_would_be_seen() -> None:
    assert apart("held_by(20_000)") > 40
