"""Whose verdicts are in the workspace already and can be suggested to people.

Judges' verdicts and scores are judgements of this room. Who keeps scores elsewhere registers here,
in AppConfig.ready; this room asks without knowing who they are.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg

from annotation.domain.suggestions import from_scores, from_verdicts
from annotation.models import Campaign, Comparison, Rating, Source
from annotation.models.campaigns import Kind
from annotation.models.suggestions import Origin
from annotation.queries import current

MOST = 100  # names of one kind that are offered


@dataclass(frozen=True)
class Suggester:
    """key: what the form sends back. name: for managers, never for annotators."""

    key: str
    origin: str
    name: str


# workspace -> (key, name) of each
Names = Callable[[Any], Sequence[tuple[str, str]]]
# (workspace, key, ids of completions) -> score of each that has one, higher is better
Scores = Callable[[Any, str, Sequence[int]], Mapping[int, float]]
_registered: list[tuple[Names, Scores]] = []


def register(names: Names, scores: Scores) -> None:
    if (names, scores) not in _registered:
        _registered.append((names, scores))


def suggesters_for(campaign: Campaign) -> list[Suggester]:
    """Everybody who has said something in the workspace; only answers can be scored."""
    if campaign.kind not in (Kind.COMPARISON, Kind.RANKING):
        return []
    workspace = campaign.workspace_id
    said = current(Comparison.objects.filter(prompt__workspace=workspace, source=Source.JUDGE))
    judges = said.order_by("annotator_label").values_list("annotator_label", flat=True).distinct()
    rated = current(Rating.objects.filter(prompt__workspace=workspace, source=Source.JUDGE))
    pairs = rated.order_by("annotator_label", "aspect").values_list("annotator_label", "aspect")
    return [
        *(Suggester(f"verdicts {name}", Origin.JUDGE, name) for name in judges[:MOST]),
        *(
            Suggester(f"ratings {aspect}\x1f{name}", Origin.JUDGE, f"{name}: {aspect}")
            for name, aspect in pairs.distinct()[:MOST]
        ),
        *(
            Suggester(f"scores {number} {key}", Origin.REWARD, name)
            for number, (names, _scores) in enumerate(_registered)
            for key, name in names(campaign.workspace)
        ),
    ]


def suggested(
    campaign: Campaign, who: Suggester, items: Mapping[int, Sequence[int]]
) -> dict[int, dict[str, Any]]:
    """What `who` says of items (with the completions that each shows); the rest has no verdict."""
    kind, _space, key = who.key.partition(" ")
    if kind == "verdicts":
        return _by_verdicts(campaign, key, items)
    shown = sorted({one for each in items.values() for one in each})
    scores: Mapping[int, float]
    if kind == "ratings":
        scores = _ratings(key, shown)
    else:
        number, _space, name = key.partition(" ")
        scores = _registered[int(number)][1](campaign.workspace, name, shown)
    found = {item: from_scores(campaign.kind, scores, each) for item, each in items.items()}
    return {item: content for item, content in found.items() if content is not None}


def _by_verdicts(
    campaign: Campaign, judge: str, items: Mapping[int, Sequence[int]]
) -> dict[int, dict[str, Any]]:
    shown = {one for each in items.values() for one in each}
    rows = current(
        Comparison.objects.filter(
            prompt__workspace=campaign.workspace_id,
            source=Source.JUDGE,
            annotator_label=judge,
            left__in=shown,
            right__in=shown,
        )
    ).values_list("left_id", "right_id", "choice")
    of: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    for row in rows:
        of[row[0]].append(row)
    found = {
        item: from_verdicts(campaign.kind, (row for one in each for row in of[one]), each)
        for item, each in items.items()
    }
    return {item: content for item, content in found.items() if content is not None}


def _ratings(key: str, shown: Sequence[int]) -> dict[int, float]:
    aspect, _unit, judge = key.partition("\x1f")
    rows = current(
        Rating.objects.filter(
            completion__in=shown, source=Source.JUDGE, annotator_label=judge, aspect=aspect
        )
    )
    return dict(
        rows.order_by()
        .values("completion_id")
        .annotate(mean=Avg("score"))
        .values_list("completion_id", "mean")
    )
