"""Which snapshots hold a judgement and which models learned from them: annotation.holders asks."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.holders import Holder
from training.models import DatasetSnapshot, ModelVersion, SnapshotJudgements

A_BATCH = 5000  # ids in one question


def holding(workspace: Any, judgements: Mapping[str, Sequence[int]]) -> list[Holder]:
    """Snapshots with one of the judgements, then the models trained on those, their children, and
    what learned from rows that they let pass."""
    held: set[int] = set()
    for kind, ids in judgements.items():
        for start in range(0, len(ids), A_BATCH):
            some = ids[start : start + A_BATCH]
            runs = SnapshotJudgements.objects.filter(
                snapshot__workspace=workspace,
                kind=kind,
                first__lte=max(some),
                last__gte=min(some),
                ids__overlap=list(some),
            )
            held |= set(runs.values_list("snapshot_id", flat=True))
    found = [
        Holder(
            _("Snapshot “%s”") % snapshot.name,
            reverse("training:snapshot", args=[workspace.slug, snapshot.pk]),
        )
        for snapshot in DatasetSnapshot.objects.filter(pk__in=held).order_by("pk")
    ]
    models: set[int] = set()
    reached = set(
        ModelVersion.objects.filter(run__data__snapshot__in=held).values_list("pk", flat=True)
    )
    while reached - models:
        models |= reached
        learned = Q(parents__in=models) | Q(run__data__snapshot__screened_by__in=models)
        reached = set(ModelVersion.objects.filter(learned).values_list("pk", flat=True))
    return found + [
        Holder(
            _("Model %(name)s, version %(n)d") % {"name": model.name, "n": model.version},
            reverse("training:model", args=[workspace.slug, model.pk]),
        )
        for model in ModelVersion.objects.filter(pk__in=models).order_by("pk")
    ]
