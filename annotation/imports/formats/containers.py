"""Any accepted file as a stream of records: which container it is, and how that one is read."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from annotation.imports.formats.compressed import BOM, Bytes
from annotation.imports.formats.delimited import read_delimited
from annotation.imports.formats.json_lists import ListScanner
from annotation.imports.formats.json_text import decode_record
from annotation.imports.formats.limits import Limits, Watch
from annotation.imports.formats.lines import lines
from annotation.imports.formats.parquet import MAGIC, read_parquet
from annotation.imports.formats.records import Record
from annotation.imports.formats.refusals import FileRefused, Refused
from annotation.imports.formats.streams import Readable

CONTAINERS = ("json", "jsonl", "csv", "tsv", "parquet")
_COMPRESSED_ENDINGS = (".gz", ".zst", ".zstd", ".gzip")
_SPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Container:
    """kind: one of CONTAINERS, or `object` for a .json file that is one object.

    compression: "", gzip or zstd. bom: whether a byte order mark was passed over.
    """

    kind: str
    compression: str
    bom: bool
    records: Iterator[Record]


def open_container(
    file: Readable,
    name: str,
    limits: Limits,
    *,
    delimiter: str = "",
    header: bool = True,
) -> Container:
    """The records of `file`; `name` helps to tell CSV from JSON Lines, the bytes tell the rest.

    Raises FileRefused for an empty file and for what is none of CONTAINERS.
    """
    source = Bytes(file, limits)
    pieces = iter(source)
    start = b""
    while len(start) < 65536:
        piece = next(pieces, b"")
        if not piece:
            break
        start += piece
    bom = start.startswith(BOM)
    if bom:
        start = start[len(BOM) :]
    if not start.strip(_SPACE):
        raise FileRefused("The file is empty.")
    kind = _kind(start, name)
    everything = itertools.chain([start], pieces)
    records: Iterator[Record]
    if kind == "parquet":
        records = read_parquet(everything, limits)
    elif kind in ("csv", "tsv"):
        tab = "\t" if kind == "tsv" else ""
        records = read_delimited(everything, limits, delimiter=delimiter or tab, header=header)
    elif kind == "json":
        records = _json_list(everything, limits)
    elif kind == "object":
        records = _json_object(everything, limits)
    else:
        records = _json_lines(everything, limits)
    shift = len(BOM) if bom else 0
    return Container(kind, source.compression, bom, _watched(records, limits, shift))


def plain_name(name: str) -> str:
    """The file's name without the endings of compression, in lower case."""
    path = PurePath(name.lower())
    while path.suffix in _COMPRESSED_ENDINGS:
        path = path.with_suffix("")
    return path.name


def _kind(start: bytes, name: str) -> str:
    if start.startswith(MAGIC):
        return "parquet"
    suffix = PurePath(plain_name(name)).suffix
    if suffix == ".parquet":
        raise FileRefused("The file is named .parquet but does not start like one. It is damaged.")
    if suffix in (".csv", ".tsv"):
        return suffix[1:]
    head = start.lstrip(_SPACE)
    if head[:1] == b"[":
        # A line that is a list of its own is a JSON Lines record (bare nested lists).
        lines_named = suffix in (".jsonl", ".ndjson")
        if _first_line_is_whole(head, alone=lines_named) and suffix != ".json":
            return "jsonl"
        return "json"
    if head[:1] == b"{":
        if suffix in (".jsonl", ".ndjson") or _first_line_is_whole(head):
            return "jsonl"
        return "object"
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    if suffix == ".json":
        raise FileRefused(
            f"The file is named .json but starts with {head[:20].decode('utf-8', 'replace')!r}; "
            "JSON data starts with [ or {.",
            line=1,
            original=head[:200],
        )
    raise FileRefused(
        "The file is none of .json, .jsonl, .csv, .tsv and .parquet, nor one of these with .gz or "
        ".zst. A table needs the ending .csv or .tsv."
    )


def _first_line_is_whole(head: bytes, *, alone: bool = False) -> bool:
    """Whether the first line is JSON by itself and another follows, or `alone` allows it none.

    Only its shape is asked for: a line that no reader would take (NUL, NaN) is still a line.
    """
    first, _, rest = head.partition(b"\n")
    try:
        json.loads(first.strip())
    except (ValueError, RecursionError):
        return False
    follows = rest.lstrip(_SPACE)[:1]
    return follows in (b"{", b"[") if follows else alone


def _watched(records: Iterator[Record], limits: Limits, shift: int) -> Iterator[Record]:
    watch = Watch(limits)
    for record in records:
        watch.record(record.line, record.offset)
        yield record._replace(offset=record.offset + shift) if shift else record


def _json_list(pieces: Iterator[bytes], limits: Limits) -> Iterator[Record]:
    for raw, line, offset in ListScanner(pieces, limits):
        yield _decoded(raw, line, offset, limits)


def _json_lines(pieces: Iterator[bytes], limits: Limits) -> Iterator[Record]:
    for line in lines(pieces, limits):
        raw = line.raw.strip(_SPACE)
        if line.too_long:
            problem = Refused(f"is longer than {limits.record_bytes:,} bytes")
            yield Record(line.number, line.offset, raw, None, problem)
        elif raw:
            yield _decoded(raw, line.number, line.offset, limits)


def _json_object(pieces: Iterator[bytes], limits: Limits) -> Iterator[Record]:
    whole = bytearray()
    for piece in pieces:
        whole += piece
        if len(whole) > limits.object_bytes:
            raise FileRefused(
                f"The file is one JSON object of more than {limits.object_bytes:,} bytes. "
                "Save its records as a list or as JSON Lines, which are read one by one.",
                line=1,
            )
    yield _decoded(bytes(whole).strip(_SPACE), 1, 0, limits)


def _decoded(raw: bytes, line: int, offset: int, limits: Limits) -> Record:
    try:
        return Record(line, offset, raw, decode_record(raw, depth=limits.depth))
    except Refused as problem:
        return Record(line, offset, raw, None, problem)
