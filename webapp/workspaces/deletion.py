"""Everything that hangs on a workspace, whatever room it is in: found by the foreign keys.

Django's own delete stops at a PROTECT even where both sides go. Here both sides are known to go,
and PostgreSQL checks the keys at the end of the transaction, so their order does not matter. It is
done in batches, since a workspace may hold millions of rows: some rows that name the workspace
with everything that hangs on them, and these again, until it is empty.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from webapp.workspaces.models import Workspace

A_BATCH = 5000
MANY = 10_000  # rows from which on each holds little: prompts, say, and not runs
FEW_AT_ONCE, MANY_AT_ONCE = 20, 1000
Rows = dict[type[models.Model], set[Any]]
KEPT = (models.SET_NULL, models.SET_DEFAULT, models.DO_NOTHING)


def take_out(
    workspace: Workspace,
    *,
    fenced: Callable[[], AbstractContextManager[None]],
    on_batch: Callable[[int], None],
) -> None:
    """Delete the workspace with all of its rows, a transaction of `fenced` for each batch.

    Begun again after a crash it goes on where it was. on_batch: told how many rows are gone.

    Raises:
        ValidationError: a row of another workspace depends on one; that batch stays.
    """
    gone = 0
    for model, count in sorted(rows_in(workspace).items(), key=lambda item: -item[1]):
        at_once = MANY_AT_ONCE if count > MANY else FEW_AT_ONCE
        mine = model._base_manager.filter(workspace=workspace.pk).values_list("pk", flat=True)
        while True:
            with fenced():
                batch = rows_below(workspace, model, set(mine[:at_once]))
                delete_rows(batch)
            if not batch:
                break
            gone += sum(map(len, batch.values()))
            on_batch(gone)
    with fenced():
        # Whoever writes a row into it now waits for the lock, and then finds no workspace.
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        delete_rows(rows_below(workspace, Workspace, {workspace.pk}))


def rows_in(workspace: Workspace) -> dict[type[models.Model], int]:
    """How many rows name the workspace, by model; other rows hang on these."""
    found = {
        relation.related_model: relation.related_model._base_manager.filter(
            workspace=workspace.pk
        ).count()
        for relation in _relations(Workspace)
        if relation.on_delete not in KEPT and relation.field.name == "workspace"
    }
    return {model: count for model, count in found.items() if count}


def refuse_strangers(workspace: Workspace) -> None:
    """Raises ValidationError when a row of another workspace depends on one of this."""
    for model in rows_in(workspace):
        for relation in _relations(model):
            dependent = relation.related_model
            if relation.on_delete in KEPT or "workspace" not in _names(dependent):
                continue
            here = dependent._base_manager.filter(
                **{f"{relation.field.name}__workspace": workspace.pk}
            )
            if here.exclude(workspace=workspace.pk).exists():
                raise _strangers_depend(dependent)


def rows_below(workspace: Workspace, model: type[models.Model], keys: set[Any]) -> Rows:
    """Model -> keys of the rows that cannot stay without these rows, themselves included.

    Raises:
        ValidationError: a row of another workspace is among them.
    """
    found: Rows = defaultdict(set)
    found[model] |= keys
    waiting: list[tuple[type[models.Model], set[Any]]] = [(model, keys)]
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
    if "workspace" not in _names(model):
        return
    for batch in _batches(keys):
        strangers = model._base_manager.filter(pk__in=batch).exclude(workspace=workspace.pk)
        if strangers.exists():
            raise _strangers_depend(model)


def _names(model: type[models.Model]) -> set[str]:
    return {field.name for field in model._meta.concrete_fields}


def _strangers_depend(model: type[models.Model]) -> ValidationError:
    sentence = _("The workspace cannot be deleted: %(what)s of another one depend on it.")
    return ValidationError(sentence % {"what": model._meta.verbose_name_plural})


def _batches(keys: set[Any]) -> Iterator[list[Any]]:
    each = iter(keys)
    while batch := list(islice(each, A_BATCH)):
        yield batch
