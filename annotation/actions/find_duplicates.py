"""Ask for a search of a workspace's near duplicates."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import DuplicateSearch
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.workspaces.models import Workspace

KIND = "prompts.duplicates"


@transaction.atomic
def find_duplicates(*, workspace: Workspace, by: Any, threshold: float = 0.7) -> DuplicateSearch:
    """A job that looks for clusters of prompts whose word 3-grams have Jaccard >= `threshold`.

    Raises:
        ValidationError: the threshold is outside 0.5 to 1, or a search is under way.
    """
    if not 0.5 <= threshold <= 1.0:
        raise ValidationError(
            _("The threshold is %s; write a number from 0.5 (half alike) to 1 (the same words).")
            % threshold
        )
    for other in DuplicateSearch.objects.filter(workspace=workspace, finished_at__isnull=True):
        if other.job and not other.job.is_finished:
            raise ValidationError(_("A search is under way already. Wait for it, or cancel it."))
    search = DuplicateSearch.objects.create(workspace=workspace, by=by, threshold=threshold)
    search.job = enqueue(kind=KIND, owner=by, workspace=workspace)
    search.save(update_fields=["job"])
    record(
        actor=by,
        action="prompts.duplicates",
        target=search,
        workspace=workspace,
        changes={"threshold": [None, threshold]},
    )
    return search
