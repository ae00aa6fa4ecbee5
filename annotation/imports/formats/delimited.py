"""CSV and TSV: RFC 4180 records as dictionaries, with the line each one starts on."""

import csv
from collections.abc import Iterator
from typing import Any

from annotation.imports.formats.limits import Limits
from annotation.imports.formats.lines import Line, lines
from annotation.imports.formats.records import Record
from annotation.imports.formats.refusals import FileRefused, Refused

DELIMITERS = ",\t;|"


def read_delimited(
    pieces: Iterator[bytes], limits: Limits, *, delimiter: str = "", header: bool = True
) -> Iterator[Record]:
    """Records with the header's names as keys; without a header `column_1`, `column_2` and so on.

    An empty `delimiter` takes the one that cuts the first line into most fields. Values are text.
    Raises FileRefused for a header with empty or repeated names and for a quote never closed.
    """
    # The csv module keeps one limit for the whole process; ours is the larger, checked per record.
    csv.field_size_limit(max(csv.field_size_limit(), limits.record_bytes))
    source = _Feed(lines(pieces, limits), limits)
    first = source.peek()
    if first is None:
        return
    delimiter = delimiter or _delimiter_of(first)
    rows: Iterator[list[str]]
    if delimiter == "\t":
        rows = _TabRows(source)
    else:
        rows = csv.reader(source, delimiter=delimiter, strict=True)
    names: list[str] = []
    while True:
        source.next_record()
        problem: Refused | None = None
        cells: list[str] = []
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            problem = Refused(f"is not valid CSV: {error}")
            if source.exhausted and "end of data" in str(error):
                problem = Refused("is cut off: a quote is opened here and never closed")
        if problem is None and not cells:
            continue
        if not names and problem is None:
            names = _names(cells, header, source)
            if header:
                continue
        value: dict[str, Any] | None = None
        if problem is None:
            problem = _cell_problem(cells, names)
            value = dict(zip(names, cells, strict=False))
        yield Record(source.line, source.offset, source.raw(), value, problem)


class _Feed:
    """Feeds decoded lines to csv.reader and remembers which bytes made the current record."""

    def __init__(self, found: Iterator[Line], limits: Limits) -> None:
        self.found = found
        self.limits = limits
        self.waiting: Line | None = None
        self.taken: list[bytes] = []
        self.size = 0
        self.line = 0
        self.offset = 0
        self.exhausted = False

    def peek(self) -> str | None:
        while self.waiting is None or not self.waiting.raw.strip():
            self.waiting = next(self.found, None)
            if self.waiting is None:
                return None
        return self.waiting.raw.decode("utf-8", "replace")

    def next_record(self) -> None:
        self.taken, self.size = [], 0

    def raw(self) -> bytes:
        return b"".join(self.taken).rstrip(b"\r\n")

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = self.waiting or next(self.found, None)
        self.waiting = None
        if line is None:
            self.exhausted = True
            raise StopIteration
        if not self.taken:
            self.line, self.offset = line.number, line.offset
        self.taken.append(line.raw)
        self.size += len(line.raw)
        if line.too_long or self.size > self.limits.record_bytes:
            raise FileRefused(
                f"The record that starts here is larger than {self.limits.record_bytes:,} bytes; "
                "probably a quote in it is never closed.",
                line=self.line,
                offset=self.offset,
                original=b"".join(self.taken)[: self.limits.kept_of_a_refused_record],
            )
        # Bytes that are no UTF-8 become lone surrogates, which are found and refused by record.
        return line.raw.decode("utf-8", "surrogateescape")


class _TabRows:
    """Rows between tabs. Most such files quote nothing, so that a quote is a letter like any other.

    A line with as many fields as the first line is taken as it is; a field in well-formed quotes
    loses them. Only a line that has too few fields is joined to the next ones, as CSV would.
    """

    def __init__(self, source: _Feed) -> None:
        self.source = source
        self.width = 0

    def __iter__(self) -> "_TabRows":
        return self

    def __next__(self) -> list[str]:
        text = next(self.source)
        cells = text.rstrip("\r\n").split("\t")
        if not self.width:
            self.width = len(cells)
        if cells == [""]:
            return []
        while len(cells) < self.width and text.count('"') % 2:
            text += next(self.source, "")
            if self.source.exhausted:
                raise csv.Error("unexpected end of data")
            cells = next(csv.reader([text], delimiter="\t"), [])
        return [_unquoted(cell) for cell in cells]


def _unquoted(cell: str) -> str:
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        inner = cell[1:-1]
        if '"' not in inner.replace('""', ""):
            return inner.replace('""', '"')
    return cell


def _delimiter_of(first: str) -> str:
    def fields(delimiter: str) -> int:
        try:
            return len(next(csv.reader([first], delimiter=delimiter)))
        except (csv.Error, StopIteration):
            return 0

    return max(DELIMITERS, key=fields)


def _names(cells: list[str], header: bool, source: _Feed) -> list[str]:
    if not header:
        return [f"column_{position}" for position in range(1, len(cells) + 1)]
    names = [cell.strip() for cell in cells]
    if names[0] == "" and len(names) > 1:
        names[0] = "index"  # pandas puts its row numbers under an empty name
    problem = ""
    if "" in names:
        problem = f"Column {names.index('') + 1} of the header has no name."
    elif len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        problem = f"The header names the column {double!r} twice."
    elif any(not name.isprintable() for name in names):
        problem = "The header holds characters that are no text."
    if problem:
        raise FileRefused(problem, line=source.line, offset=source.offset, original=source.raw())
    return names


def _cell_problem(cells: list[str], names: list[str]) -> Refused | None:
    if len(cells) != len(names):
        return Refused(f"has {len(cells)} fields where the header has {len(names)}")
    for name, cell in zip(names, cells, strict=True):
        if "\0" in cell:
            return Refused("holds a NUL character (U+0000), which no database text can store", name)
        if not cell.isascii():
            try:
                cell.encode("utf-8")
            except UnicodeEncodeError:
                return Refused("is not valid UTF-8", name)
    return None
