"""Everything that hangs on a workspace, whatever room it is in: found by the foreign keys.

Django's own delete stops at a PROTECT even where both sides go. Here both sides are known to go,
and PostgreSQL checks the keys at the end of the transaction, so their order does not matter.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from webapp.workspaces.models import Workspace

A_BATCH = 5000
Rows = dict[type[models.Model], set[Any]]
KEPT = (models.SET_NULL, models.SET_DEFAULT, models.DO_NOTHING)


def rows_below(workspace: Workspace) -> Rows:
    """Model -> keys of the rows that cannot stay without the workspace, itself included.

    Raises:
        ValidationError: a row of another workspace is among them.
    """
    found: Rows = defaultdict(set)
    found[Workspace].add(workspace.pk)
    waiting: list[tuple[type[models.Model], set[Any]]] = [(Workspace, {workspace.pk})]
    while waiting:
        model, keys = waiting.pop()
        for relation in _relations(model):
            if relation.on_delete in KEPT:
                continue
            dependent = relation.related_model
            new = set(_referring(relation, keys)) - found[dependent]
            if new:
                _all_of(workspace, dependent, new)
                found[dependent] |= new
                waiting.append((dependent, new))
    return {model: keys for model, keys in found.items() if keys}


def delete_rows(rows: Rows) -> None:
    """Delete them, and empty the optional references of rows that stay."""
    for model, keys in rows.items():
        for relation in _relations(model):
            if relation.on_delete is models.SET_NULL:
                for batch in _batches(keys):
                    manager = relation.related_model._base_manager
                    manager.filter((f"{relation.field.name}__in", batch)).update(
                        **{relation.field.name: None}
                    )
    for model, keys in rows.items():
        for batch in _batches(keys):
            queryset = model._base_manager.filter(pk__in=batch)
            queryset._raw_delete(queryset.db)


def _relations(model: type[models.Model]) -> Iterator[Any]:
    for field in model._meta.get_fields(include_hidden=True):
        if field.auto_created and not field.concrete and (field.one_to_one or field.one_to_many):
            yield field


def _referring(relation: Any, keys: set[Any]) -> Iterator[Any]:
    manager = relation.related_model._base_manager
    for batch in _batches(keys):
        yield from manager.filter((f"{relation.field.name}__in", batch)).values_list(
            "pk", flat=True
        )


def _all_of(workspace: Workspace, model: type[models.Model], keys: set[Any]) -> None:
    names = {field.name for field in model._meta.concrete_fields}
    if "workspace" not in names:
        return
    for batch in _batches(keys):
        strangers = model._base_manager.filter(pk__in=batch).exclude(workspace=workspace.pk)
        if strangers.exists():
            sentence = _("The workspace cannot be deleted: %(what)s of another one depend on it.")
            raise ValidationError(sentence % {"what": model._meta.verbose_name_plural})


def _batches(keys: set[Any]) -> Iterator[list[Any]]:
    each = iter(keys)
    while batch := list(islice(each, A_BATCH)):
        yield batch
