"""Parquet rows, read by a guarded child process (see `parquet_process`)."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from annotation.imports.formats.compressed import CHUNK
from annotation.imports.formats.json_text import decode_record
from annotation.imports.formats.limits import MEBIBYTE, Limits
from annotation.imports.formats.lines import lines
from annotation.imports.formats.records import Record
from annotation.imports.formats.refusals import FileRefused, Refused

MAGIC = b"PAR1"
MEMORY = 512 * MEBIBYTE
PROCESS = Path(__file__).with_name("parquet_process.py")


def read_parquet(
    pieces: Iterator[bytes], limits: Limits, *, memory: int = MEMORY
) -> Iterator[Record]:
    """One Record a row; its `line` is the row's number, its `offset` 0, its `raw` the row as JSON.

    `memory`: bytes that decoding may take. NaN becomes null and a time its ISO text.
    Raises FileRefused for a damaged file, extension types, pickled metadata and a file that
    decodes to more than the memory allows.
    """
    with tempfile.TemporaryFile() as copy:
        for piece in pieces:
            copy.write(piece)
        copy.seek(0)
        yield from _rows(copy, limits, memory)


def _rows(copy: IO[bytes], limits: Limits, memory: int) -> Iterator[Record]:
    descriptor = copy.fileno()
    seconds = max(1, int(min(limits.seconds, 24 * 3600)))
    child = subprocess.Popen(
        [sys.executable, "-I", str(PROCESS), str(descriptor), str(memory), str(seconds)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[descriptor],
        # Other allocators reserve a gigabyte of addresses ahead of need: the ceiling would see it.
        env={"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"},
    )
    row = 0
    try:
        assert child.stdout is not None
        assert child.stderr is not None
        for line in lines(_pieces(child.stdout), limits):
            row = line.number
            raw = line.raw.rstrip(b"\n")
            if line.too_long:
                problem = Refused(f"is larger than {limits.record_bytes:,} bytes")
                yield Record(row, 0, raw, None, problem)
                continue
            try:
                yield Record(row, 0, raw, decode_record(raw, depth=limits.depth))
            except Refused as problem:
                yield Record(row, 0, raw, None, problem)
        reason = child.stderr.read(4096).decode("utf-8", "replace")
        status = child.wait()
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
    if status == 3:
        raise FileRefused(f"The Parquet file {reason}.", line=row + 1)
    if status:
        raise FileRefused(
            "Reading the Parquet file was stopped: it took too much memory or time, or is damaged.",
            line=row + 1,
        )


def _pieces(file: BinaryIO | IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(CHUNK):
        yield piece
