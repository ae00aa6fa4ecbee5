"""G7 in small: ten times the file takes no more memory. bench_import.py has the gigabyte."""

import io
import json
import os
from collections.abc import Iterator

import pytest

from annotation.imports.formats.reading import read_file
from annotation.imports.prepared import Preparation

pytestmark = pytest.mark.heavy
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


def test_memory_does_not_grow_with_the_file() -> None:
    grown_by(2_000)  # what is loaded once
    small = grown_by(3_000)
    large = grown_by(30_000)  # 60 MB
    assert large < small + 15, (small, large)


def test_control_a_list_of_all_records_would_be_seen() -> None:
    before = resident()
    opened = read_file(Endless(20_000), "endless.jsonl")  # type: ignore[arg-type]
    held = list(Preparation(source="x").batches(opened.results, 500))
    assert resident() - before > 40
    assert len(held) == 40
