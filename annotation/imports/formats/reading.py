"""The door: a file and what the person decided, to typed rows and refusals in the file's order."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from annotation.imports.formats.containers import Container, open_container, plain_name
from annotation.imports.formats.detection import SAMPLE, Detection, detect
from annotation.imports.formats.format import Format
from annotation.imports.formats.limits import Limits
from annotation.imports.formats.reading_options import Options, Reading
from annotation.imports.formats.records import Record
from annotation.imports.formats.refusals import FileRefused, Refusal, Refused
from annotation.imports.formats.registry import BY_NAME, format_named
from annotation.imports.formats.rows import Row
from annotation.imports.formats.streams import Readable
from annotation.imports.formats.table import TABLE

_GROUP_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Good:
    """One record that was understood, with its fixes. No rows: it is part of a neighbour's."""

    line: int
    offset: int
    rows: tuple[Row, ...]
    fixes: tuple[str, ...]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A file about to be read. `results` yields Good and Refusal, one for each record.

    columns: the fields of its first records, in order, for a mapping. head: those records.

    Iterating raises FileRefused when the file cannot be read to its end.
    """

    container: Container
    format: Format
    variant: str
    detection: Detection | None
    results: Iterator[Good | Refusal]
    columns: tuple[str, ...] = ()
    head: tuple[Any, ...] = ()


def read_file(
    file: Readable,
    name: str,
    *,
    format_name: str = "",
    options: Options | None = None,
    limits: Limits | None = None,
    delimiter: str = "",
    header: bool = True,
) -> Opened:
    """Open `file` (called `name`), recognise its format unless `format_name` gives it, and read.

    Raises FileRefused when the container or the format cannot be told, ValueError for an unknown
    `format_name`.
    """
    limits = limits or Limits()
    options = options or Options()
    if format_name:
        format_named(format_name)
    container = open_container(file, name, limits, delimiter=delimiter, header=header)
    records, sample, broken = _sample(container.records)
    chosen, variant, detection = _choose(sample, format_name, options, container, name, broken)
    expanded = _expanded(records, chosen) if container.kind == "object" else records
    reading = Reading(options, variant)
    read = _read_groups if chosen.read_group else _read_each
    results = read(expanded, chosen, reading, limits)
    head = tuple(record.value for record in sample if type(record.value) is dict)
    return Opened(container, chosen, variant, detection, results, _columns(sample), head)


def _columns(sample: list[Record]) -> tuple[str, ...]:
    names = (key for record in sample if type(record.value) is dict for key in record.value)
    return tuple(itertools.islice(dict.fromkeys(names), 100))


def _sample(
    records: Iterator[Record],
) -> tuple[Iterator[Record], list[Record], FileRefused | None]:
    """The first records, and all records again. A file that breaks early still shows its sample."""
    sample: list[Record] = []
    broken: FileRefused | None = None
    size = 0
    try:
        for record in records:
            sample.append(record)
            size += len(record.raw)
            if len(sample) >= SAMPLE or size > 4 * 1024 * 1024:
                break
    except FileRefused as error:
        broken = error
    if broken is not None:
        return itertools.chain(sample, _raising(broken)), sample, broken
    return itertools.chain(sample, records), sample, None


def _raising(error: FileRefused) -> Iterator[Record]:
    raise error
    yield


def _choose(
    sample: list[Record],
    format_name: str,
    options: Options,
    container: Container,
    name: str,
    broken: FileRefused | None,
) -> tuple[Format, str, Detection | None]:
    values = [record.value for record in sample if record.problem is None]
    found = detect(values)
    if format_name:
        chosen = BY_NAME[format_name]
        variants = [variant for value in values[:8] if (variant := chosen.recognise(value))]
        return chosen, variants[0] if variants else "", found
    if found is not None:
        return found.format, found.variant, found
    if options.columns:
        return TABLE, "mapped", None
    if broken is not None:
        raise broken
    raise _unrecognised(sample, values, container, name)


def _unrecognised(
    sample: list[Record], values: list[Any], container: Container, name: str
) -> FileRefused:
    if not sample:
        return FileRefused("The file holds no records.")
    if not values:
        first = sample[0]
        return FileRefused(
            f"No record of {plain_name(name)} can be read. The first one {first.problem}.",
            line=first.line,
            offset=first.offset,
            original=first.raw[:2000],
        )
    first_value = values[0]
    what = f"records of type {type(first_value).__name__}"
    if isinstance(first_value, dict):
        what = "the fields " + ", ".join(repr(str(key)[:40]) for key in list(first_value)[:12])
    unknown = FileRefused(
        f"No format is known for {what}. Name the format, or map the columns of a table.",
        line=sample[0].line,
        offset=sample[0].offset,
    )
    unknown.columns = _columns(sample)
    return unknown


def _expanded(records: Iterable[Record], chosen: Format) -> Iterator[Record]:
    """One record for each record inside the one object of the file."""
    for record in records:
        if (
            record.problem is not None
            or chosen.expand is None
            or not chosen.recognise(record.value)
        ):
            yield record
            continue
        try:
            for path, value in chosen.expand(record.value):
                yield Record(record.line, record.offset, path.encode(), value)
        except Refused as problem:
            yield record._replace(problem=problem, value=None)


def _refusal(record: Record, error: Refused, limits: Limits) -> Refusal:
    kept = record.raw[: limits.kept_of_a_refused_record]
    return Refusal(record.line, record.offset, error.path, error.reason, kept)


def _read_each(
    records: Iterable[Record], chosen: Format, reading: Reading, limits: Limits
) -> Iterator[Good | Refusal]:
    read = chosen.read
    for record in records:
        line, offset, raw, value, problem = record
        if problem is not None:
            yield _refusal(record, problem, limits)
            continue
        reading.fixes = []
        try:
            if type(value) is not dict and not chosen.recognise(value):
                raise Refused(f"is {type(value).__name__} where the record should be an object")
            rows = read(value, reading)
        except Refused as error:
            yield _refusal(record, error, limits)
        else:
            yield Good(line, offset, tuple(rows), tuple(reading.fixes), raw)


def _read_groups(
    records: Iterable[Record], chosen: Format, reading: Reading, limits: Limits
) -> Iterator[Good | Refusal]:
    """Neighbours with one key are read together; results keep the order of the file."""
    assert chosen.group_key is not None
    assert chosen.read_group is not None
    key_of = chosen.group_key
    waiting: list[Record] = []
    current = ""

    def flush() -> Iterator[Good | Refusal]:
        reading.fixes = []
        usable = [record for record in waiting if record.problem is None]
        assert chosen.read_group is not None
        found = iter(chosen.read_group([record.value for record in usable], reading))
        fixes = tuple(reading.fixes)
        for record in waiting:
            result = record.problem if record.problem is not None else next(found)
            if isinstance(result, Refused):
                yield _refusal(record, result, limits)
            elif isinstance(result, Exception):
                raise result
            else:
                own = fixes if result else ()
                yield Good(record.line, record.offset, tuple(result), own, record.raw)

    for record in records:
        if record.problem is None and type(record.value) is not dict:
            what = type(record.value).__name__
            record = record._replace(problem=Refused(f"is {what} where an object should be"))
        try:
            key = key_of(record.value) if record.problem is None else current
        except Refused as problem:
            record, key = record._replace(problem=problem), current
        if waiting and (key != current or len(waiting) >= _GROUP_LIMIT):
            yield from flush()
            waiting = []
        current = key
        waiting.append(record)
    if waiting:
        yield from flush()
