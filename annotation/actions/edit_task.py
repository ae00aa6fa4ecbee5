"""Tasks of Natural Instructions: begun, changed, deleted, made into prompts with answers."""

import json
from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotation.actions.start_import import check_import
from annotation.actions.upload_import import upload_import
from annotation.domain.conversion.instruction_task import PARTS, USUAL
from annotation.domain.conversion.instruction_task import InstructionTask as Content
from annotation.models import Import, InstructionTask
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace

LONGEST_NAME = 100
MOST_SHOTS = 20


def begin_task(
    *, workspace: Workspace, by: Any, name: str, content: Content, licence: str = ""
) -> InstructionTask:
    """
    Raises:
        ValidationError: no name, or one that is taken.
    """
    name = _name(name)
    try:
        with transaction.atomic():
            row = InstructionTask.objects.create(
                workspace=workspace,
                name=name,
                content=content.as_v2(),
                parts=list(USUAL),
                licence=licence[:100],
                created_by=by,
            )
            record(actor=by, action="task.begin", target=row, workspace=workspace)
    except IntegrityError:
        raise ValidationError(
            _("There is already a task named “%s”. Choose another name.") % name
        ) from None
    return row


@transaction.atomic
def save_task(
    *, row: InstructionTask, by: Any, content: Content, parts: Collection[str], shots: int
) -> InstructionTask:
    """
    Raises:
        ValidationError: an unknown part, or a number of examples that cannot be.
    """
    check_parts(parts)
    if not 0 <= shots <= MOST_SHOTS:
        raise ValidationError(_("0 to %d examples of each side can be shown.") % MOST_SHOTS)
    locked = InstructionTask.objects.select_for_update().get(pk=row.pk)
    locked.content, locked.parts, locked.shots = content.as_v2(), list(parts), shots
    locked.save()
    record(actor=by, action="task.change", target=locked, workspace=locked.workspace)
    return locked


def check_parts(parts: Collection[str]) -> None:
    """
    Raises:
        ValidationError: one that there is not.
    """
    if unknown := sorted(set(parts) - set(PARTS)):
        raise ValidationError(
            _("There is no part %(name)s. Allowed: %(allowed)s.")
            % {"name": repr(unknown[0][:40]), "allowed": ", ".join(PARTS)}
        )


@transaction.atomic
def delete_task(*, row: InstructionTask, by: Any) -> None:
    """Prompts that were made of it stay."""
    record(actor=by, action="task.delete", target=row, workspace=row.workspace)
    row.delete()


def make_instructions(*, row: InstructionTask, by: Any, content: Content) -> Import:
    """Its instances, rendered, as a file on its way in: looked through now, imported when somebody
    says so.

    Raises:
        ValidationError: it has no instance.
    """
    if not content.instances:
        raise ValidationError(_("The task has no instance yet. Write one with its answer."))
    lines = (
        json.dumps(line, ensure_ascii=False).encode() + b"\n"
        for line in content.rows(row.parts, row.shots)
    )
    made = upload_import(workspace=row.workspace, by=by, name=f"{row.name}.jsonl", chunks=lines)
    plan = {"format": "table", "source": row.name, "licence": row.licence}
    check_import(imported=made, by=by, plan={key: text for key, text in plan.items() if text})
    return made


def _name(given: str) -> str:
    name = " ".join(given.split())
    if not 0 < len(name) <= LONGEST_NAME or "\0" in name:
        raise ValidationError(_("Give the task a name of at most %d characters.") % LONGEST_NAME)
    return name
