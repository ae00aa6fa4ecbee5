"""Reads of maps: what is on them, and what of it is still there."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from annotation.models import Comparison, Demonstration, Prompt, Ranking, Rating, SavedView
from training.models import MapPoint, PromptMap, SnapshotJudgements
from webapp.workspaces.models import Workspace

A_BATCH = 5000
_TABLES: dict[str, Any] = {
    "comparison": Comparison,
    "demonstration": Demonstration,
    "ranking": Ranking,
    "rating": Rating,
}
# What no prompt of the workspace says any more: a person who takes a prompt back takes its
# embedding along, by the next map at the latest.
_FORGET = """
DELETE FROM training_promptembedding AS kept
WHERE kept.version_id = %s AND NOT EXISTS (
    SELECT 1 FROM annotation_prompt AS prompt
    WHERE prompt.workspace_id = %s AND sha256(convert_to(prompt.text, 'UTF8')) = kept.text_hash
)
"""


def maps_in(workspace: Workspace) -> QuerySet[PromptMap]:
    found = PromptMap.objects.filter(workspace=workspace)
    return found.select_related("workspace", "version", "job", "created_by").order_by("-pk")


def map_of(workspace: Workspace, pk: int) -> PromptMap:
    """Raises Http404."""
    return get_object_or_404(maps_in(workspace), pk=pk)


def views_for(workspace: Workspace, person: Any) -> list[SavedView]:
    """The saved views that this person may use: shared ones, and their own."""
    found = SavedView.objects.filter(workspace=workspace)
    mine = found.filter(owner=person) if getattr(person, "pk", None) else found.none()
    return list((found.filter(shared=True) | mine).distinct())


def prompts_of_snapshot(workspace: Workspace, snapshot: int) -> set[int]:
    """Ids of the prompts whose judgements, or which themselves, are in it."""
    found: set[int] = set()
    runs = SnapshotJudgements.objects.filter(snapshot=snapshot, snapshot__workspace=workspace)
    for kind, ids in runs.values_list("kind", "ids"):
        table = _TABLES.get(kind)
        if table is None:
            found |= set(ids)
        else:
            rows = table.objects.filter(pk__in=ids)
            found |= set(rows.values_list("prompt_id", flat=True))
    return found


def prompts_at(row: PromptMap, points: Iterable[int]) -> list[int]:
    """The prompts of these points that are still there, in the order of their ids."""
    numbers, found = list(points), set()
    for start in range(0, len(numbers), A_BATCH):
        some = MapPoint.objects.filter(map=row, number__in=numbers[start : start + A_BATCH])
        for ids in some.values_list("prompts", flat=True):
            found |= set(ids)
    wanted, there = sorted(found), []
    for start in range(0, len(wanted), A_BATCH):
        some_ids = wanted[start : start + A_BATCH]
        left = Prompt.objects.filter(workspace=row.workspace_id, pk__in=some_ids)
        there += list(left.order_by("pk").values_list("pk", flat=True))
    return there


def points_with_texts(row: PromptMap, points: Sequence[int]) -> list[dict[str, Any]]:
    """Points with {number, counts, prompts, text}; text None where no prompt is left."""
    found = list(
        MapPoint.objects.filter(map=row, number__in=list(points))
        .order_by("number")
        .values_list("number", "counts", "prompts")
    )
    texts = dict(
        Prompt.objects.filter(
            workspace=row.workspace_id, pk__in={pk for _n, _c, ids in found for pk in ids[:5]}
        ).values_list("pk", "text")
    )
    return [
        {
            "number": number,
            "counts": counts,
            "prompts": ids,
            "prompt": next((pk for pk in ids if pk in texts), None),
            "text": next((texts[pk] for pk in ids if pk in texts), None),
        }
        for number, counts, ids in found
    ]


def forget_texts_that_are_gone(row: PromptMap) -> int:
    """Delete this model's embeddings of texts that no prompt of the workspace has any more."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [row.version_id, row.workspace_id])
        return int(cursor.rowcount)
