"""Reads that more than one act or page needs."""

from typing import Any

from django.db.models import PROTECT, ManyToOneRel, QuerySet

from annotation.judgement_filter import KINDS
from annotation.models import Prompt
from training.models import DatasetSnapshot, SnapshotJudgements, SnapshotState
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


def learned_from(snapshot: DatasetSnapshot) -> list[str]:
    """What keeps a snapshot from being deleted, counted: "2 training runs"."""
    found = []
    for relation in DatasetSnapshot._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel) and relation.on_delete is PROTECT:
            model: Any = relation.related_model
            number = model._base_manager.filter(**{relation.field.name: snapshot}).count()
            meta = model._meta
            if number:
                name = meta.verbose_name if number == 1 else meta.verbose_name_plural
                found.append(f"{number} {name}")
    return found


def judgements_in(snapshot: DatasetSnapshot, kind: str, start: int, most: int) -> list[Any]:
    """The judgements (or prompts) of a kind in a snapshot, by id, from the place `start` on.

    Those that were deleted since are left out.
    """
    wanted: list[int] = []
    for run in SnapshotJudgements.objects.filter(snapshot=snapshot, kind=kind).order_by("first"):
        wanted += run.ids[start : start + most - len(wanted)]
        start = max(0, start - len(run.ids))
        if len(wanted) >= most:
            break
    if kind == "prompt":
        return list(Prompt.objects.filter(pk__in=wanted).order_by("pk"))
    rows = KINDS[kind]._default_manager.filter(pk__in=wanted)
    return list(rows.select_related("prompt", "annotator").order_by("pk"))
