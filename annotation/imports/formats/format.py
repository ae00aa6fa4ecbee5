"""What one format of the registry is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from annotation.imports.formats.reading_options import Reading
from annotation.imports.formats.rows import Row


@dataclass(frozen=True, slots=True)
class Format:
    """One format that can be named, recognised and read.

    recognise: the variant that a record looks like, or "" when it is not of this format.
    read: the typed rows of one record; raises Refused.
    dataset: the source's name where its ids mean something by themselves.
    columns: our fields that the person importing may map to columns of the file.
    expand: where one object of a file holds many records: each with its path.
    group_key: where neighbouring records are read together: what they share.
    read_group: reads such neighbours; one list of rows or one Refused for each of them.
    """

    name: str
    title: str
    recognise: Callable[[Any], str]
    read: Callable[[Any, Reading], list[Row]]
    dataset: str = ""
    columns: tuple[str, ...] = ()
    expand: Callable[[Any], Iterator[tuple[str, Any]]] | None = None
    group_key: Callable[[Any], str] | None = None
    read_group: Callable[[list[Any], Reading], list[list[Row] | Exception]] | None = None


def has(record: Any, *keys: str) -> bool:
    """Whether the record is an object with all these fields."""
    return type(record) is dict and all(key in record for key in keys)


def has_list(record: Any, key: str) -> bool:
    """Whether the field is a list, also one written as text in a table."""
    value = record.get(key) if type(record) is dict else None
    return type(value) is list or (type(value) is str and value.lstrip()[:1] == "[")
