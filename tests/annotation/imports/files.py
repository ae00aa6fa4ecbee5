"""Files made by the tests: any records in any container, and the real ones beside the project."""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard

from annotation.imports.formats.limits import Limits
from annotation.imports.formats.reading import Good, Opened, read_file
from annotation.imports.formats.reading_options import Options
from annotation.imports.formats.refusals import Refusal
from annotation.imports.formats.rows import Row

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"

# One record for each format and variant, with the kinds of rows it gives.
EXAMPLES = [
    json.loads(line) for line in Path(__file__).with_name("examples.jsonl").read_text().splitlines()
]


def real_file(path: str) -> Path:
    """A file of the shared data; a clone without them skips the test and says so."""
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not beside this clone")
    return SHARED / path


def jsonl(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def json_list(*records: Any, indent: int | None = None) -> bytes:
    return json.dumps(list(records), indent=indent).encode()


def csv_file(*rows: Sequence[Any], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode()


def parquet(*records: dict[str, Any], **options: Any) -> bytes:
    import pyarrow as arrow
    from pyarrow import parquet as writer

    sink = io.BytesIO()
    writer.write_table(arrow.Table.from_pylist(list(records)), sink, **options)
    return sink.getvalue()


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)  # the same bytes, and so the same test ids, each time


def zst(data: bytes) -> bytes:
    return zstandard.compress(data)


def opened(data: bytes, name: str, limits: Limits | None = None, **options: Any) -> Opened:
    format_name = options.pop("format_name", "")
    layout = {key: options.pop(key) for key in ("delimiter", "header") if key in options}
    return read_file(
        io.BytesIO(data),
        name,
        format_name=format_name,
        options=Options(**options),
        limits=limits,
        **layout,
    )


def outcomes(data: bytes, name: str, **options: Any) -> tuple[list[Good], list[Refusal]]:
    """All good records and all refusals of a file."""
    found = list(opened(data, name, **options).results)
    good = [item for item in found if isinstance(item, Good)]
    return good, [item for item in found if isinstance(item, Refusal)]


def rows_of(record: Any, **options: Any) -> list[Row]:
    """The rows of one record, which must be good."""
    good, refused = outcomes(jsonl(record), "file.jsonl", **options)
    assert not refused, refused
    return list(good[0].rows)


def refusal_of(record: Any, **options: Any) -> Refusal:
    """The refusal of one record, which must be refused."""
    good, refused = outcomes(jsonl(record), "file.jsonl", **options)
    assert not good, good
    return refused[0]
