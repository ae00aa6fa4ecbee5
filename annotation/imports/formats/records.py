"""One record of any container, with its place in the file."""

from typing import Any, NamedTuple

from annotation.imports.formats.refusals import Refused


class Record(NamedTuple):
    """line: 1-based line on which it starts (Parquet: row). offset: bytes before it.

    raw: the record as it stands in the file. value: what it says; None when `problem` says why not.
    """

    line: int
    offset: int
    raw: bytes
    value: Any
    problem: Refused | None = None
