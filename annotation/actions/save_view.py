"""Keep a filter under a name."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import SavedView
from annotation.prompt_filter import PromptFilter
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace

MOST = 100  # of one person in one workspace


@transaction.atomic
def save_view(
    *,
    workspace: Workspace,
    by: Any,
    name: str,
    filter: PromptFilter,
    sort: str = "",
    shared: bool = False,
) -> SavedView:
    """Save the filter as a view of this person, or replace the one of that name.

    Raises:
        ValidationError: no name, a name that is too long, or a hundred views already.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= 80 or "\0" in name:
        raise ValidationError(_("Give the view a name of at most 80 characters."))
    mine = SavedView.objects.filter(workspace=workspace, owner=by)
    if mine.exclude(name=name).count() >= MOST:
        raise ValidationError(_("You have %d views here. Delete one first.") % MOST)
    view, _created = SavedView.objects.update_or_create(
        workspace=workspace,
        owner=by,
        name=name,
        defaults={"filter": filter.as_json(), "sort": sort, "shared": shared},
    )
    if shared:
        record(
            actor=by,
            action="view.share",
            target=view,
            workspace=workspace,
            changes={"name": ["", name]},
        )
    return view


@transaction.atomic
def delete_view(*, view: SavedView, by: Any) -> None:
    """A person's own view; a shared one of somebody else a manager may delete (the caller asks)."""
    if view.shared:
        record(
            actor=by,
            action="view.delete",
            target=view,
            workspace=view.workspace,
            changes={"name": [view.name, ""]},
        )
    view.delete()
