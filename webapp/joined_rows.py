"""Rows of several models from one hand-written statement, and a row for one to insert.

The ORM needs about half a millisecond of CPU to compile a join of three tables. The few reads that
every request of a busy API makes are written as SQL; what they return are ordinary instances.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model
from django.db.models.base import ModelState

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
        found.append(None if values[0] is None else _stored(model, names, values))
    return found, row[start:]


def _stored(model: type[Model], names: Sequence[str], values: Sequence[Any]) -> Model:
    """What Model.from_db makes of a whole row. It asks each field how it wants to be set and tells
    the signals of each instance; our models have neither such fields nor such listeners."""
    made = model.__new__(model)
    made.__dict__.update(zip(names, values, strict=True))
    made._state = ModelState()
    made._state.adding, made._state.db = False, DEFAULT_DB_ALIAS
    return made


@functools.cache
def insertion(model: type[Model]) -> tuple[str, str]:
    """The columns that a new row of `model` names, and the places of their values: %(column)s."""
    names = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    return ", ".join(f'"{name}"' for name in names), ", ".join(f"%({name})s" for name in names)


def stored_values(row: Model) -> dict[str, Any]:
    """What save() would write of a new row, by column: the values for insertion()."""
    database = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up for each field
    return {
        str(field.column): field.get_db_prep_save(field.pre_save(row, True), database)
        for field in row._meta.concrete_fields
        if not field.primary_key
    }
