"""Take one change to prompts back, where nobody has changed the same thing since."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Func, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions.edit_prompts import AT_ONCE, BATCH, GUESSED, Kinds, still_as_left
from annotation.models import Prompt, PromptEdit
from webapp.audit.actions.record import record
from webapp.jobs import enqueue

KIND = "prompts.undo"


@transaction.atomic
def undo_edit(*, edit: PromptEdit, by: Any) -> PromptEdit:
    """Put every prompt of the edit back as it was: at once up to 500, more of them as a job.

    Raises:
        ValidationError: the edit is still under way, or was undone before.
    """
    edit = PromptEdit.objects.select_for_update(of=("self",)).get(pk=edit.pk)
    if edit.finished_at is None and not (edit.job and edit.job.is_finished):
        raise ValidationError(_("This change is still being made. Cancel its job, or wait for it."))
    if edit.undone_at is not None:
        raise ValidationError(_("This change was undone already."))
    edit.undone_at, edit.undone_by = timezone.now(), by
    edit.changed = edit.rows.count()  # of one whose job was cancelled nobody has counted yet
    edit.save(update_fields=["undone_at", "undone_by", "changed"])
    if edit.changed <= AT_ONCE:
        run_undo(edit=edit, on_batch=lambda done: None)
    else:
        edit.job = enqueue(
            kind=KIND, owner=by, workspace=edit.workspace, arguments={"edit": edit.pk}
        )
        edit.save(update_fields=["job"])
    record(
        actor=by,
        action="prompts.undo",
        target=edit,
        workspace=edit.workspace,
        changes={"kind": [edit.kind, ""], "value": [edit.value, ""]},
    )
    return edit


def run_undo(*, edit: PromptEdit, on_batch: Callable[[int], None]) -> int:
    """Batch by batch, each in its transaction; run again after a stop it goes on."""
    done, last = 0, 0
    while True:
        rows = edit.rows.filter(undone=False, prompt_id__gt=last).order_by("prompt_id")
        batch = list(rows.values_list("prompt_id", flat=True)[:BATCH])
        if not batch:
            return done
        with transaction.atomic():
            list(Prompt.objects.select_for_update().filter(pk__in=batch).order_by("pk"))
            _put_back(edit, batch)
        done, last = done + len(batch), batch[-1]
        on_batch(done)


def _put_back(edit: PromptEdit, batch: list[int]) -> None:
    rows = edit.rows.filter(still_as_left(edit), prompt_id__in=batch, undone=False)
    by_value: dict[str, list[int]] = {}
    for key, before in rows.values_list("prompt_id", "before"):
        by_value.setdefault(before, []).append(key)
    for before, keys in by_value.items():
        prompts = Prompt.objects.filter(pk__in=keys)
        if edit.kind in (Kinds.TAG, Kinds.UNTAG):
            act = "array_remove" if edit.kind == Kinds.TAG else "array_append"
            prompts.update(tags=Func(F("tags"), Value(edit.value), function=act))
        elif edit.kind == Kinds.SPLIT:
            prompts.update(split=before)
        elif edit.kind in (Kinds.USE_CASE, Kinds.GUESS):
            flags = Func(F("flags"), Value(GUESSED), function="array_remove")
            prompts.update(use_case=before, flags=flags)
        else:
            prompts.update(retired_at=datetime.fromisoformat(before) if before else None)
    keys = [key for each in by_value.values() for key in each]
    edit.rows.filter(prompt_id__in=keys).update(undone=True)
