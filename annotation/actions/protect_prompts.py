"""Keep the prompts of a campaign or a board out of every training snapshot, or stop doing so."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import Board, Campaign
from annotation.protected_sets import SETS
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace


@transaction.atomic
def protect_prompts(
    *, workspace: Workspace, by: Any, kind: str, pk: int, protects: bool
) -> Campaign | Board:
    """Snapshots that are frozen from now on leave the set's prompts out, or no longer.

    kind: "campaign" or "board". Frozen snapshots stay as they are.

    Raises:
        ValidationError: there is no such campaign or board in the workspace.
    """
    model = SETS.get(kind)
    rows = model._default_manager.select_for_update().filter(workspace=workspace) if model else None
    row = rows.filter(pk=pk).first() if rows is not None else None
    if row is None:
        raise ValidationError(
            _("There is no %(kind)s %(id)s here. Choose a campaign or a board of this workspace.")
            % {"kind": repr(kind[:20]), "id": pk}
        )
    before, row.protects = row.protects, protects
    if before != protects:
        row.save(update_fields=["protects"])
        record(
            actor=by,
            action="prompts.protect",
            target=row,
            workspace=workspace,
            changes={"protects": [before, protects]},
        )
    return row
