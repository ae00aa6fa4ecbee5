"""New rows into their tables with COPY: ids from the sequences, values in COPY's text form."""

import datetime
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from django.db import connection, models
from django.utils import timezone

from annotation.models import (
    Comparison,
    Completion,
    Demonstration,
    Prompt,
    Ranking,
    RankingEntry,
    Rating,
)

IDS_AT_ONCE = 4000
_PLURALS: dict[type[models.Model], str] = {RankingEntry: "ranked answers"}  # not "entrys"
# The sequence's name is asked once: within the list it would be looked up for every id.
_IDS = """
WITH wanted AS MATERIALIZED (SELECT pg_get_serial_sequence(%s, 'id')::regclass AS sequence)
SELECT nextval(sequence) FROM wanted, generate_series(1, %s)
"""
_IN_ARRAY = re.compile(r'["\\]')


def as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class Copier:
    """Writes new rows of one workspace's import and counts them in `written`, by table."""

    def __init__(self, workspace_id: int, created_by_id: int | None, import_id: int | None) -> None:
        now: datetime.datetime = timezone.now()
        self.written: Counter[str] = Counter()
        self._copies = _copies()
        self._ids: dict[type[models.Model], list[int]] = defaultdict(list)
        self._common: dict[str, Any] = {
            "workspace_id": workspace_id,
            "created_by_id": created_by_id,
            "created_at": now,
            "imported_in_id": import_id,
            "settings": "{}",
            "strength": "",
        }

    def ids(self, model: type[models.Model], count: int) -> list[int]:
        """The next `count` ids of a table. Thousands are taken at once, some never used."""
        ready = self._ids[model]
        if len(ready) < count:
            with connection.cursor() as cursor:
                cursor.execute(_IDS, [model._meta.db_table, max(count, IDS_AT_ONCE)])
                ready += [key for (key,) in cursor.fetchall()]
        taken, self._ids[model] = ready[:count], ready[count:]
        return taken

    def copy(self, model: type[models.Model], values: Sequence[dict[str, Any]]) -> None:
        """Send rows in COPY's text form, one write for a batch. All have the same columns."""
        if not values:
            return
        statement, columns = self._copies[model]
        # What is the same in every row is written once, into the pattern of a line.
        first = values[0]
        same = {name for name in first if all(first[name] == value[name] for value in values)}
        fixed = {**self._common, **{name: first[name] for name in same}}
        own = [name for name in columns if name in first and name not in same]
        pattern = "\t".join(
            "%s" if name in own else _field(fixed.get(name, default)).replace("%", "%%")
            for name, default in columns.items()
        )
        pattern += "\n"
        lines = "".join(
            [pattern % tuple([_field(value[name]) for name in own]) for value in values]
        )
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(lines.encode())
        name = _PLURALS.get(model) or str(model._meta.verbose_name_plural).lower()
        self.written[name] += len(values)


def _field(value: Any) -> str:
    """One value in the text form. Raises TypeError for a kind that no column of ours has."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None:
        return "\\N"
    if kind is int or kind is float or kind is uuid.UUID:
        return str(value)
    if kind is bytes:
        return "\\\\x" + value.hex()
    if kind is bool:
        return "t" if value else "f"
    if kind is list:
        if not value:
            return "{}"
        items = ",".join(f'"{_IN_ARRAY.sub(_backslash, item)}"' for item in value)
        return _text("{" + items + "}")
    if kind is dict:
        return _text(as_json(value))
    if kind is datetime.datetime:
        return str(value.isoformat())
    raise TypeError(f"COPY has no text for a {kind.__name__}.")


def _text(value: str) -> str:
    """Escaped as COPY's text form asks (PostgreSQL manual, COPY, "Text Format")."""
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if "\n" in value:
        value = value.replace("\n", "\\n")
    if "\t" in value:
        value = value.replace("\t", "\\t")
    if "\r" in value:
        value = value.replace("\r", "\\r")
    return value


def _backslash(match: re.Match[str]) -> str:
    return f"\\{match.group()}"


def _copies() -> dict[type[models.Model], tuple[str, dict[str, Any]]]:
    """The COPY statement of each table, and its columns with the defaults that the models have."""
    quote = connection.ops.quote_name
    found: dict[type[models.Model], tuple[str, dict[str, Any]]] = {}
    for model in (Prompt, Completion, Demonstration, Comparison, Ranking, RankingEntry, Rating):
        columns = {str(field.column): field.get_default() for field in model._meta.concrete_fields}
        names = ", ".join(map(quote, columns))
        found[model] = f"COPY {quote(model._meta.db_table)} ({names}) FROM STDIN", columns
    return found
