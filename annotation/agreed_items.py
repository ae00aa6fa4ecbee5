"""Items about which people agree so clearly that their answer can serve as the right one."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q

from annotation.domain import answers
from annotation.domain.gold import expected_from, in_words
from annotation.domain.outcomes import Outcome
from annotation.domain.suggestions import same_key
from annotation.models import (
    Assignment,
    Campaign,
    Comparison,
    Decision,
    Item,
    Ranking,
    Source,
)
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Kind, Purpose
from annotation.queries import current
from annotation.standings import ranked

MOST = 200  # that are offered, those with the most people first


@dataclass(frozen=True)
class Agreed:
    item: Item
    expected: Mapping[str, Any]
    words: str  # by the letters of the check's own page
    people: int
    share: float  # of them who say it


def agreed_items(campaign: Campaign, *, people: int, share: float) -> list[Agreed]:
    """Real questions that all their people have answered, `people` of them at least, of whom at
    least `share` say the same; the other votes are from people whose votes count."""
    waits = Assignment.objects.filter(
        item=OuterRef("pk"), state__in=(AssignmentState.OPEN, AssignmentState.LEASED)
    )
    decided = Decision.objects.filter(item=OuterRef("pk"), taken_back_at__isnull=True)
    found = []
    said = _said(campaign)
    clear = {item: _most(each) for item, each in said.items() if len(each) >= people}
    clear = {item: row for item, row in clear.items() if row[1] >= share * len(said[item])}
    items = Item.objects.filter(
        ~Exists(waits), ~Exists(decided), pk__in=clear, campaign=campaign, purpose=Purpose.WORK
    )
    for item in items.select_related("prompt").prefetch_related("shown"):
        expected, same = clear[item.pk]
        entries: Any = item.shown.all()
        letters = sorted(entry.completion_id for entry in entries)
        n = len(said[item.pk])
        found.append(Agreed(item, expected, in_words(expected, letters), n, same / n))
    return sorted(found, key=lambda one: (-one.people, -one.share, one.item.pk))[:MOST]


def _most(said: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
    """What most say, and how many."""
    by_key = {same_key(one): one for one in said}
    key, same = Counter(same_key(one) for one in said).most_common(1)[0]
    return by_key[key], same


def _said(campaign: Campaign) -> dict[int, list[dict[str, Any]]]:
    """The counted answers of people to each item."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    real = Q(
        assignment__campaign=campaign,
        assignment__purpose=Purpose.WORK,
        assignment__repeat_of__isnull=True,
        source=Source.HUMAN,
    )
    if campaign.kind == Kind.COMPARISON:
        votes = current(Comparison.objects.filter(real)).order_by("pk")
        for item, choice, left, right in votes.values_list(
            "assignment__item_id", "choice", "left_id", "right_id"
        ):
            found[item].append(expected_from(answers.Comparison(Outcome(choice)), [left, right]))
    elif campaign.kind == Kind.RANKING:
        rankings = current(Ranking.objects.filter(real)).select_related("assignment")
        for row in rankings.prefetch_related("entries").order_by("pk"):
            entries: Any = row.entries.all()
            place = {entry.completion_id: entry.tier for entry in entries}
            assert row.assignment is not None
            found[row.assignment.item_id].append(expected_from(ranked(place), []))
    return found
