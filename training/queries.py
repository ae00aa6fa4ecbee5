"""Reads that more than one act or page needs."""

from django.db.models import QuerySet

from training.models import DatasetSnapshot, SnapshotState
from webapp.workspaces.models import Workspace


def snapshots_in(workspace: Workspace) -> QuerySet[DatasetSnapshot]:
    """A workspace's snapshots, the newest first, with their jobs and makers."""
    found = DatasetSnapshot.objects.filter(workspace=workspace)
    return found.select_related("job", "created_by").order_by("-pk")


def ready_snapshots(workspace: Workspace, *kinds: str) -> QuerySet[DatasetSnapshot]:
    """Those that can be trained on, of these kinds (none: of all)."""
    found = snapshots_in(workspace).filter(state=SnapshotState.READY)
    return found.filter(kind__in=kinds) if kinds else found


def snapshots_with(kind: str, judgement_id: int) -> QuerySet[DatasetSnapshot]:
    """The snapshots that hold a judgement: kind is demonstration, comparison, ranking ..."""
    return DatasetSnapshot.objects.filter(
        judgements__kind=kind,
        judgements__first__lte=judgement_id,
        judgements__last__gte=judgement_id,
        judgements__ids__contains=[judgement_id],
    ).order_by("-pk")
