"""JSON Lines into Parquet: read by Arrow in steps, so that memory does not grow with the file."""

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa

STEP = 8 << 20  # bytes of JSON in one row group: Arrow takes fifteen times as much for a moment
LEVEL = 3


def parquet(blocks: Iterable[bytes], schema: "pa.Schema", *, extras: bool) -> Iterator[bytes]:
    """The file's bytes. blocks: whole lines that fit the schema. extras: see arrow_schema().

    Row groups are cut by the number of bytes alone: the same lines give the same file. One is
    written by a thread while the lines of the next are fetched, so that the database never waits.
    """
    import pyarrow as pa  # 45 MB that the web process need not hold
    import pyarrow.json
    import pyarrow.parquet

    drain = _Drain()
    read = pyarrow.json.ReadOptions(block_size=STEP * 4)
    parse = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    with (
        pyarrow.parquet.ParquetWriter(
            drain, schema, compression="zstd", compression_level=LEVEL, version="2.6"
        ) as writer,
        ThreadPoolExecutor(1, "parquet-writer") as thread,
    ):

        def write(step: bytes) -> None:
            text = _tool_calls_as_text(step) if extras else step
            table = pyarrow.json.read_json(
                pa.BufferReader(text), read_options=read, parse_options=parse
            )
            writer.write_table(table.select(schema.names).cast(schema), row_group_size=len(table))

        writing = None
        for step in _steps(blocks):
            if writing is not None:
                writing.result()
                yield drain.take()
            writing = thread.submit(write, step)
        if writing is not None:
            writing.result()
    yield drain.take()


class _Drain(io.RawIOBase):
    """A file that is only written; what was written is taken away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: "bytes | memoryview") -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        self._size += len(self._parts[-1])
        return len(self._parts[-1])

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def _steps(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, about STEP bytes at once; where it is cut follows from the lines alone."""
    waiting, size = bytearray(), 0
    for block in blocks:
        start = 0
        while start < len(block):
            end = block.find(b"\n", max(start, start + STEP - size - 1)) + 1 or len(block)
            waiting += block[start:end]
            size = len(waiting)
            start = end
            if size >= STEP:
                yield bytes(waiting)
                waiting, size = bytearray(), 0
    if waiting:
        yield bytes(waiting)


def _tool_calls_as_text(lines: bytes) -> bytes:
    """Tool calls have no one shape: as JSON in a string they fit into a column."""
    if b'"tool_calls": ' not in lines:
        return lines
    made = []
    for line in lines.splitlines():
        row = msgspec.json.decode(line)
        for message in row["prompt"] if isinstance(row["prompt"], list) else ():
            if message.get("tool_calls") is not None:
                message["tool_calls"] = msgspec.json.encode(message["tool_calls"]).decode()
        made.append(msgspec.json.encode(row))
    return b"\n".join(made) + b"\n"
