"""Check questions with how people did on them, and items that would make good ones."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from annotation.domain.gold import in_words
from annotation.domain.proportions import Share, share
from annotation.models import Campaign, Item
from annotation.models.campaigns import CHECKED, Purpose
from annotation.standings import checks_of

SHOWN = 50


@dataclass(frozen=True)
class Question:
    item: Item
    expected: str  # by the letters of the check's own page
    right: Share  # of the people who were asked


def questions(campaign: Campaign) -> list[Question]:
    items = (
        Item.objects.filter(campaign=campaign)
        .exclude(purpose=Purpose.WORK)
        .select_related("prompt")
        .prefetch_related("shown")
        .order_by("-purpose", "pk")
    )
    asked: Counter[int] = Counter()
    right: Counter[int] = Counter()
    for checks in checks_of(campaign).values():
        for check in checks:
            asked[check.item] += 1
            right[check.item] += check.right
    return [
        Question(
            item,
            in_words(item.expected or {}, _letters(item)),
            share(right[item.pk], asked[item.pk]),
        )
        for item in items
    ]


def _letters(item: Item) -> list[int]:
    shown: Any = item.shown.all()
    return sorted(one.completion_id for one in shown)


def candidates(campaign: Campaign, search: str = "") -> QuerySet[Item]:
    """Real questions, those with the most answers first, by a word of their prompt."""
    items = Item.objects.filter(campaign=campaign, purpose=Purpose.WORK)
    if campaign.kind not in CHECKED:
        items = items.none()  # a written text has no right answer
    if search:
        items = items.filter(prompt__text__icontains=search)
    return (
        items.annotate(given=Count("assignments", filter=Q(assignments__state="submitted")))
        .select_related("prompt")
        .order_by("-given", "pk")[:SHOWN]
    )
