"""One change to one or very many prompts, written down so that it can be undone."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Func, Q, QuerySet, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.domain.use_case_rules import guess_use_case
from annotation.models import Prompt, PromptEdit, PromptEditRow, Split, UseCase
from annotation.prompt_filter import PromptFilter
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.workspaces.models import Workspace

AT_ONCE = 500  # prompts that a request changes itself; more are a job
BATCH = 1000
GUESSED = "use_case_guessed"  # the flag of a use case that nobody has looked at
KIND = "prompts.edit"
Kinds = PromptEdit.Kind
LONGEST = 60
MOST_TAGS = 50


@transaction.atomic
def edit_prompts(
    *, workspace: Workspace, by: Any, kind: str, value: str = "", prompts: PromptFilter
) -> PromptEdit:
    """Change every prompt that passes the filter: at once up to 500, more of them as a job.

    The edit has `.job` and no `finished_at` while a job is at it. Prompts that are already as asked
    for are left alone and not counted. What comes in after this moment is not changed.

    Raises:
        ValidationError: a value that the kind cannot have, or nothing to change.
    """
    value = checked_value(kind, value)
    found = prompts.apply(Prompt.objects.filter(workspace=workspace))
    chosen = list(found.order_by("pk").values_list("pk", flat=True)[: AT_ONCE + 1])
    if not chosen:
        raise ValidationError(_("No prompt was chosen. Choose some, or widen the filter."))
    newest = Prompt.objects.filter(workspace=workspace).order_by("-pk").first()
    edit = PromptEdit.objects.create(
        workspace=workspace,
        by=by,
        kind=kind,
        value=value,
        filter=prompts.as_json(),
        newest=newest.pk if newest else 0,
    )
    if len(chosen) <= AT_ONCE:
        change(edit, chosen)
        finish(edit)
    else:
        edit.job = enqueue(kind=KIND, owner=by, workspace=workspace, arguments={"edit": edit.pk})
        edit.save(update_fields=["job"])
    record(
        actor=by,
        action=f"prompts.{kind}",
        target=edit,
        workspace=workspace,
        changes={"value": ["", value], "prompts": [0, edit.changed or prompts.in_words()]},
    )
    return edit


def checked_value(kind: str, value: str) -> str:
    """The value as it is stored.

    Raises:
        ValidationError: an unknown kind, or a value that it cannot have.
    """
    value = " ".join(value.split())
    if kind not in Kinds.values:
        allowed = ", ".join(Kinds.values)
        raise ValidationError(
            _("There is no edit %(kind)s. Allowed: %(allowed)s.")
            % {"kind": repr(kind[:40]), "allowed": allowed}
        )
    if len(value) > LONGEST or "\0" in value:
        raise ValidationError(_("A tag or use case has at most %d characters.") % LONGEST)
    if kind in (Kinds.TAG, Kinds.UNTAG) and not value:
        raise ValidationError(_("Write the tag."))
    if kind == Kinds.SPLIT and value not in Split.values:
        allowed = ", ".join(Split.values)
        raise ValidationError(_("A split is one of: %s.") % allowed)
    return "" if kind in (Kinds.RETIRE, Kinds.RESTORE, Kinds.GUESS) else value


def finish(edit: PromptEdit) -> None:
    edit.finished_at = timezone.now()
    edit.changed = edit.rows.count()
    edit.save(update_fields=["finished_at", "changed"])


def run_edit(*, edit: PromptEdit, on_batch: Callable[[int], None]) -> int:
    """The job's part: every prompt of the filter up to the newest at the time of asking.

    Goes by id, so that changing what the filter asks for skips nothing; run again after a stop it
    goes on, since what was changed is not changed twice. Returns how many were looked at.
    """
    if edit.undone_at is not None:  # its job was cancelled, undone, and started again
        return 0
    wanted = PromptFilter.from_json(edit.filter)
    seen, last = 0, 0
    while True:
        within = Prompt.objects.filter(
            workspace=edit.workspace_id, pk__gt=last, pk__lte=edit.newest
        )
        found = wanted.apply(within).order_by("pk").values_list("pk", flat=True)
        batch = list(found[:BATCH])
        if not batch:
            break
        with transaction.atomic():
            change(edit, batch)
        seen, last = seen + len(batch), batch[-1]
        on_batch(seen)
    finish(edit)
    return seen


def change(edit: PromptEdit, ids: list[int]) -> None:
    """Change these prompts, locked, and keep what each one was."""
    locked = Prompt.objects.select_for_update().filter(pk__in=ids, workspace_id=edit.workspace_id)
    rows = list(locked.order_by("pk"))
    befores = _BEFORE[edit.kind](edit, rows)
    kept = [
        PromptEditRow(edit=edit, prompt_id=key, before=before, after=after)
        for key, (before, after) in befores.items()
    ]
    PromptEditRow.objects.bulk_create(kept, ignore_conflicts=True)
    by_value: dict[str, list[int]] = {}
    for row in kept:
        by_value.setdefault(row.after, []).append(row.prompt_id)
    for after, keys in by_value.items():
        _set(edit.kind, Prompt.objects.filter(pk__in=keys), edit.value or after)


def _set(kind: str, prompts: QuerySet[Prompt], value: str) -> None:
    if kind == Kinds.TAG:
        prompts.update(tags=Func(F("tags"), Value(value), function="array_append"))
    elif kind == Kinds.UNTAG:
        prompts.update(tags=Func(F("tags"), Value(value), function="array_remove"))
    elif kind == Kinds.SPLIT:
        prompts.update(split=value)
    elif kind == Kinds.USE_CASE:
        # A person has looked: it is no guess any more.
        flags = Func(F("flags"), Value(GUESSED), function="array_remove")
        prompts.update(use_case=value, flags=flags)
    elif kind == Kinds.GUESS:
        others = Func(F("flags"), Value(GUESSED), function="array_remove")
        flags = Func(others, Value(GUESSED), function="array_append")
        prompts.update(use_case=value, flags=flags)
    else:
        prompts.update(retired_at=timezone.now() if kind == Kinds.RETIRE else None)


Befores = dict[int, tuple[str, str]]


def _tagged(edit: PromptEdit, rows: list[Prompt]) -> Befores:
    return {
        row.pk: ("", edit.value)
        for row in rows
        if edit.value not in row.tags and len(row.tags) < MOST_TAGS
    }


def _untagged(edit: PromptEdit, rows: list[Prompt]) -> Befores:
    return {row.pk: (edit.value, "") for row in rows if edit.value in row.tags}


def _split(edit: PromptEdit, rows: list[Prompt]) -> Befores:
    return {row.pk: (row.split, edit.value) for row in rows if row.split != edit.value}


def _labelled(edit: PromptEdit, rows: list[Prompt]) -> Befores:
    return {
        row.pk: (row.use_case, edit.value)
        for row in rows
        if row.use_case != edit.value or GUESSED in row.flags
    }


def _guessed(edit: PromptEdit, rows: list[Prompt]) -> Befores:
    own = {
        row.name: row.words.splitlines()
        for row in UseCase.objects.filter(workspace=edit.workspace_id)
    }
    found: Befores = {}
    for row in rows:
        if not row.use_case or GUESSED in row.flags:
            guess = guess_use_case(row.messages, own)
            if guess != row.use_case:
                found[row.pk] = (row.use_case, guess)
    return found


def _retired(edit: PromptEdit, rows: list[Prompt]) -> Befores:
    return {row.pk: ("", "retired") for row in rows if row.retired_at is None}


def _restored(edit: PromptEdit, rows: list[Prompt]) -> Befores:
    return {row.pk: (row.retired_at.isoformat(), "") for row in rows if row.retired_at is not None}


_BEFORE: dict[str, Callable[[PromptEdit, list[Prompt]], Befores]] = {
    Kinds.TAG: _tagged,
    Kinds.UNTAG: _untagged,
    Kinds.SPLIT: _split,
    Kinds.USE_CASE: _labelled,
    Kinds.GUESS: _guessed,
    Kinds.RETIRE: _retired,
    Kinds.RESTORE: _restored,
}


def still_as_left(edit: PromptEdit) -> Q:
    """Prompts that nobody has changed in this respect since: only these go back."""
    kind, value = edit.kind, edit.value
    if kind == Kinds.TAG:
        return Q(prompt__tags__contains=[value])
    if kind == Kinds.UNTAG:
        return ~Q(prompt__tags__contains=[value])
    if kind == Kinds.SPLIT:
        return Q(prompt__split=F("after"))
    if kind in (Kinds.USE_CASE, Kinds.GUESS):
        return Q(prompt__use_case=F("after"))
    return Q(prompt__retired_at__isnull=kind == Kinds.RESTORE)
