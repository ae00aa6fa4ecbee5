"""The taxonomy of a workspace: classes of its own, and the words that tell them."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import UseCase
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace

MOST = 100


@transaction.atomic
def save_use_case(*, workspace: Workspace, by: Any, name: str, words: str) -> UseCase:
    """Add a class, or replace the words of the one that has this name.

    Raises:
        ValidationError: no name, or a hundred classes already.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= 60 or "\0" in name + words:
        raise ValidationError(_("Give the use case a name of at most 60 characters."))
    if UseCase.objects.filter(workspace=workspace).exclude(name=name).count() >= MOST:
        raise ValidationError(_("There are %d use cases already. Delete one first.") % MOST)
    lines = list(dict.fromkeys(line.strip() for line in words.splitlines() if line.strip()))
    row, new = UseCase.objects.update_or_create(
        workspace=workspace, name=name, defaults={"words": "\n".join(lines)}
    )
    record(
        actor=by,
        action="use_case.add" if new else "use_case.change",
        target=row,
        workspace=workspace,
        changes={"name": ["" if new else name, name], "words": [None, len(lines)]},
    )
    return row


@transaction.atomic
def delete_use_case(*, use_case: UseCase, by: Any) -> None:
    """Its prompts keep their label; the rules forget the class."""
    record(
        actor=by,
        action="use_case.delete",
        target=use_case,
        workspace=use_case.workspace,
        changes={"name": [use_case.name, ""]},
    )
    use_case.delete()
