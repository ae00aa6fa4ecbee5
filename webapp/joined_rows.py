"""Rows of several models from one hand-written statement.

The ORM needs about half a millisecond of CPU to compile a join of three tables. The few reads that
every request of a busy API makes are written as SQL; what they return are ordinary instances.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model

Converter = Callable[[Any, Any, Any], Any]


@functools.cache
def columns(model: type[Model], alias: str) -> str:
    """`alias.a, alias.b ...`: every column of `model`, in the order in which instances() reads."""
    return ", ".join(f'{alias}."{field.column}"' for field in model._meta.concrete_fields)


@functools.cache
def _fields(model: type[Model]) -> tuple[list[str], list[tuple[int, Converter]]]:
    fields = model._meta.concrete_fields
    converted = [
        (place, field.from_db_value)
        for place, field in enumerate(fields)
        if hasattr(field, "from_db_value")
    ]
    return [field.attname for field in fields], converted


def instances(row: Sequence[Any], *models: type[Model]) -> tuple[list[Any], Sequence[Any]]:
    """The instances whose columns `row` begins with, and the rest of the row.

    A model whose primary key is null (an outer join found nothing) is None.
    """
    found: list[Any] = []
    start = 0
    for model in models:
        names, converted = _fields(model)
        values = list(row[start : start + len(names)])
        start += len(names)
        for place, convert in converted:
            values[place] = convert(values[place], None, connection)
        empty = values[0] is None
        found.append(None if empty else model.from_db(connection.alias, names, values))
    return found, row[start:]
