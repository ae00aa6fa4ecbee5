"""Parquet to JSON Lines, in a process of its own with a ceiling on memory and CPU time.

Run as `python -I parquet_process.py DESCRIPTOR MEMORY CPU_SECONDS`. A file can claim any size and
decode to far more; a decoder that must be trusted with that is better lost than the server.
Standard output: one JSON object a row. Exit status 3 and a sentence on standard error: refused.
"""

import base64
import datetime
import decimal
import math
import os
import resource
import sys
from typing import Any

ROWS, BYTES = 64, 1 << 24  # decoded at once
PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def main() -> int:
    descriptor, memory, seconds = (int(argument) for argument in sys.argv[1:4])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    import msgspec
    import pyarrow as arrow
    from pyarrow import parquet

    arrow.set_cpu_count(1)
    arrow.set_io_thread_count(1)
    # After the libraries are mapped: their address space is not the file's fault.
    with open("/proc/self/statm") as statm:
        mapped = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (mapped + memory, mapped + memory))
    encode = msgspec.json.Encoder(enc_hook=_plain).encode
    rows = ROWS
    try:
        with os.fdopen(descriptor, "rb") as file:
            metadata = parquet.read_metadata(file)
            reason = _unsafe(metadata)
            if reason:
                return _refuse(reason)
            file.seek(0)
            rows = _rows_at_once(metadata)
            # Without a buffer whole columns of a row group are read at once, however long they are.
            table = parquet.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
            if any(isinstance(field.type, arrow.BaseExtensionType) for field in table.schema_arrow):
                return _refuse("has a column of an extension type")
            for batch in table.iter_batches(batch_size=rows, use_threads=False):
                for row in batch.to_pylist():
                    sys.stdout.buffer.write(encode(_without_nan(row)))
                    sys.stdout.buffer.write(b"\n")
    except BrokenPipeError:
        return 0
    except (MemoryError, arrow.ArrowMemoryError):
        return _refuse(f"needs more than {memory:,} bytes of memory for {rows} rows")
    except (arrow.ArrowException, OSError, ValueError) as error:
        return _refuse(f"is no readable Parquet ({str(error).splitlines()[0][:200]})")
    sys.stdout.flush()
    return 0


def _refuse(reason: str) -> int:
    sys.stderr.write(reason)
    return 3


def _rows_at_once(metadata: Any) -> int:
    """Up to 64, fewer where the file says that its rows are long."""
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    longest = max((each.total_byte_size // max(1, each.num_rows) for each in groups), default=0)
    return max(1, min(ROWS, BYTES // max(1, longest)))


def _unsafe(metadata: Any) -> str:
    """Extension types and pickles are named before anything could rebuild them."""
    for key, value in (metadata.metadata or {}).items():
        decoded = value
        if key == b"ARROW:schema":
            try:
                decoded = base64.b64decode(value, validate=True)
            except ValueError:
                return "has a damaged Arrow schema in its metadata"
        if b"ARROW:extension:name" in decoded:
            return "has a column of an extension type, which could run code when it is rebuilt"
        if value.startswith(PICKLES):
            return f"carries a Python pickle in its metadata ({key.decode('utf-8', 'replace')!r})"
    return ""


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise ValueError(f"a value of type {type(value).__name__} has no place in a text")


def _without_nan(value: Any) -> Any:
    """pandas writes a missing number as NaN; JSON says null. Bytes that are text become text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value


if __name__ == "__main__":
    sys.exit(main())
