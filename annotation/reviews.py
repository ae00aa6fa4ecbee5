"""What waits for a reviewer, and one item as a reviewer reads it.

People are numbered, not named, and answers keep their letters: a reviewer judges what was said.
Nobody reviews an item that they have answered.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from annotation.domain.answers import LETTERS
from annotation.domain.outcomes import Outcome as Choice_
from annotation.models import (
    Assignment,
    Campaign,
    Comparison,
    Decision,
    Demonstration,
    Item,
    Marking,
    Ranking,
    Rating,
    SentBack,
)
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import RANKED, Kind, Purpose, ReviewStep
from annotation.queries import given

# Each person's newest answer to the real questions of a campaign, the excluded people's left out.
_SAID = """
WITH said AS (
    SELECT judged.*, slot.item_id
    FROM {table} judged JOIN annotation_assignment slot ON slot.id = judged.assignment_id
    WHERE slot.campaign_id = %s AND slot.purpose = 'work' AND slot.repeat_of_id IS NULL
      AND judged.withdrawn_at IS NULL
      AND NOT EXISTS (SELECT FROM {table} newer WHERE newer.supersedes_id = judged.id)
      AND NOT EXISTS (
          SELECT FROM annotation_standing standing
          WHERE standing.campaign_id = slot.campaign_id AND standing.user_id = judged.annotator_id
            AND standing.state = 'excluded'))
"""
# The choice with the sides put back in one order.
_COMPARISONS = (
    _SAID.format(table="annotation_comparison")
    + """
SELECT item_id FROM said GROUP BY item_id
HAVING count(DISTINCT CASE WHEN left_id < right_id THEN choice
                           WHEN choice = 'left' THEN 'right'
                           WHEN choice = 'right' THEN 'left' ELSE choice END) > 1
"""
)
# Two answers in opposite order, or one that only some could rank. A tie contradicts nothing.
_RANKINGS = (
    _SAID.format(table="annotation_ranking")
    + """
SELECT one.item_id
FROM said one
JOIN said other ON other.item_id = one.item_id AND other.id > one.id
JOIN annotation_rankingentry a ON a.ranking_id = one.id
JOIN annotation_rankingentry b ON b.ranking_id = one.id AND b.completion_id > a.completion_id
JOIN annotation_rankingentry x ON x.ranking_id = other.id AND x.completion_id = a.completion_id
JOIN annotation_rankingentry y ON y.ranking_id = other.id AND y.completion_id = b.completion_id
WHERE (a.tier < b.tier AND x.tier > y.tier) OR (a.tier > b.tier AND x.tier < y.tier)
   OR (a.tier IS NULL) <> (x.tier IS NULL) OR (b.tier IS NULL) <> (y.tier IS NULL)
"""
)
_DISAGREE = {Kind.COMPARISON: _COMPARISONS, **dict.fromkeys(RANKED, _RANKINGS)}


def may_review(user: Any, campaign: Campaign, manages: bool) -> bool:
    """Managers, and the people that the campaign names."""
    return manages or campaign.reviewers.filter(pk=user.pk).exists()


def disagreed(campaign: Campaign) -> RawSQL | None:
    """A subquery of the ids of items whose people disagree; None where answers are texts."""
    statement = _DISAGREE.get(Kind(campaign.kind))
    return RawSQL(statement, [campaign.pk]) if statement else None  # noqa: S611 - constants


def finished_items(campaign: Campaign) -> QuerySet[Item]:
    """Items that all their people have answered, and that ask a real question."""
    slots = Assignment.objects.filter(
        item=OuterRef("pk"), purpose=Purpose.WORK, repeat_of__isnull=True
    )
    missing = slots.filter(state__in=[AssignmentState.OPEN, AssignmentState.LEASED])
    answered = slots.filter(state=AssignmentState.SUBMITTED)
    return Item.objects.filter(
        ~Exists(missing), Exists(answered), campaign=campaign, purpose=Purpose.WORK
    )


def waiting(campaign: Campaign, user: Any = None) -> QuerySet[Item]:
    """What the review step asks for, oldest first. user: nobody reviews what they answered."""
    if campaign.review == ReviewStep.NOTHING:
        return Item.objects.none()
    decided = Decision.objects.filter(item=OuterRef("pk"), taken_back_at__isnull=True)
    away = SentBack.objects.filter(assignment__item=OuterRef("pk"), ended_at__isnull=True)
    found = finished_items(campaign).filter(~Exists(decided), ~Exists(away))
    if campaign.review == ReviewStep.DISAGREEMENTS:
        different = disagreed(campaign)
        found = found.filter(pk__in=different) if different is not None else found.none()
    if user is not None:
        found = found.exclude(Exists(_answers_of(user)))
    return found.select_related("prompt").order_by("pk")


def _answers_of(user: Any) -> QuerySet[Assignment]:
    return Assignment.objects.filter(item=OuterRef("pk"), annotator=user).exclude(
        purpose=Purpose.REVIEW
    )


def has_answered(user: Any, item: Item) -> bool:
    own = Assignment.objects.filter(item=item, annotator=user)
    return own.exclude(purpose=Purpose.REVIEW).exists()


def away(campaign: Campaign) -> QuerySet[SentBack]:
    """What was sent back and has not come again, oldest first."""
    return (
        SentBack.objects.filter(campaign=campaign, ended_at__isnull=True)
        .select_related("assignment__item__prompt", "by")
        .order_by("pk")
    )


def decisions_of(campaign: Campaign) -> QuerySet[Decision]:
    """Those that stand, newest first."""
    return (
        Decision.objects.filter(item__campaign=campaign, taken_back_at__isnull=True)
        .select_related("item__prompt", "by")
        .order_by("-pk")
    )


@dataclass(frozen=True)
class Counts:
    waiting: int
    away: int
    decided: int


def counts_of(campaign: Campaign, user: Any = None) -> Counts:
    return Counts(
        waiting(campaign, user).order_by().count(),
        away(campaign).count(),
        decisions_of(campaign).count(),
    )


def came_back(user: Any, workspace: Any) -> list[SentBack]:
    """Everything of this person that a reviewer sent back here, what is open first."""
    rows = SentBack.objects.filter(annotator=user, campaign__workspace=workspace)
    found = rows.select_related("campaign", "assignment__item__prompt").order_by("-pk")[:50]
    return sorted(found, key=lambda row: (row.ended_at is not None, -row.pk))


def open_return(assignment: Assignment) -> SentBack | None:
    return SentBack.objects.filter(assignment=assignment, ended_at__isnull=True).first()


def returns_waiting(user: Any, campaign: Campaign) -> int:
    return SentBack.objects.filter(
        annotator=user, campaign=campaign, ended_at__isnull=True
    ).aggregate(n=Count("pk"))["n"]


def order_for(item: Item, user: Any) -> list[int]:
    """Completion ids in the order in which this reviewer sees them: always the same for both."""
    ids = item.shown.values_list("completion_id", flat=True)
    return sorted(ids, key=lambda pk: hashlib.sha256(f"{item.pk}:{user.pk}:{pk}".encode()).digest())


@dataclass(frozen=True)
class Said:
    """One person's answer, in the reviewer's letters."""

    assignment: int
    number: int  # instead of a name
    words: str  # of a choice or a ranking
    texts: list[tuple[str, str]] = field(default_factory=list)  # (what it is, text)
    comment: str = ""
    seconds: float | None = None
    scores: list[tuple[str, str]] = field(default_factory=list)  # (letter and aspect, score)
    earlier: list[SentBack] = field(default_factory=list)  # sent back before, and how it ended
    away: bool = False


def said_of(item: Item, order: Sequence[int]) -> list[Said]:
    """What each person answered, in an order that follows nothing."""
    slots = list(
        Assignment.objects.filter(
            item=item,
            purpose=Purpose.WORK,
            repeat_of__isnull=True,
            state__in=[AssignmentState.SUBMITTED, AssignmentState.LEASED],
            submitted_at__isnull=False,
        )
    )
    slots.sort(key=lambda slot: hashlib.sha256(f"{item.pk}-{slot.pk}".encode()).digest())
    letters = dict(zip(order, LETTERS, strict=False))
    rows = {row.assignment_id: row for row in _rows(item)}
    scores = _scores(item, letters)
    earlier: dict[int, list[SentBack]] = {}
    for back in SentBack.objects.filter(assignment__in=slots).order_by("pk"):
        earlier.setdefault(back.assignment_id, []).append(back)
    return [
        Said(
            assignment=slot.pk,
            number=number,
            words=in_words(rows[slot.pk], letters),
            texts=_texts(rows[slot.pk]),
            comment=rows[slot.pk].comment,
            seconds=rows[slot.pk].seconds,
            scores=scores.get(slot.pk, []),
            earlier=earlier.get(slot.pk, []),
            away=any(back.ended_at is None for back in earlier.get(slot.pk, [])),
        )
        for number, slot in enumerate((slot for slot in slots if slot.pk in rows), start=1)
    ]


def decided_as(decision: Decision, order: Sequence[int]) -> Said | None:
    """The reviewer's own judgement, where there is one."""
    letters = dict(zip(order, LETTERS, strict=False))
    for row in _rows(decision.item, Q(assignment=decision.assignment_id)):
        return Said(
            int(row.assignment_id or 0),
            0,
            in_words(row, letters),
            _texts(row),
            scores=_scores(decision.item, letters).get(int(row.assignment_id or 0), []),
        )
    return None


def _rows(item: Item, which: Q | None = None) -> list[Any]:
    """The newest judgement of each slot; of a few-shot example the row that holds it whole."""
    model: Any = {Kind.COMPARISON: Comparison, **dict.fromkeys(RANKED, Ranking)}.get(
        Kind(item.campaign.kind), Demonstration
    )
    wanted = which if which is not None else Q(assignment__purpose=Purpose.WORK)
    rows = given(model.objects.filter(wanted, assignment__item=item)).order_by("-pk")
    if model is Ranking:
        rows = rows.prefetch_related("entries")
    return list(rows.select_related("prompt"))


def in_words(row: Any, letters: Mapping[int, str]) -> str:
    """`A is better, by far`, or `B > A = C`; nothing for a text."""
    if isinstance(row, Comparison):
        return _choice(row, letters)
    if isinstance(row, Ranking):
        return _tiers(row, letters)
    return ""


def _choice(row: Comparison, letters: Mapping[int, str]) -> str:
    if row.choice in (Choice_.LEFT.value, Choice_.RIGHT.value):
        better = row.left_id if row.choice == Choice_.LEFT.value else row.right_id
        strength = f" · {row.get_strength_display()}" if row.strength else ""
        return f"{letters.get(better, '?')}{strength}"
    return row.get_choice_display()


def _tiers(row: Ranking, letters: Mapping[int, str]) -> str:
    places: dict[int, list[str]] = {}
    unranked = []
    for entry in row.entries.all():
        letter = letters.get(entry.completion_id, "?")
        if entry.tier is None:
            unranked.append(letter)
        else:
            places.setdefault(entry.tier, []).append(letter)
    between = ", " if row.partial else " = "
    ranking = " > ".join(between.join(sorted(places[tier])) for tier in sorted(places))
    return f"{ranking} (– {', '.join(sorted(unranked))})" if unranked else ranking


def _texts(row: Any) -> list[tuple[str, str]]:
    if not isinstance(row, Demonstration):
        return []
    example = row.metadata.get("few_shot", {})
    if "pairs" in example:
        return [
            ("instruction", str(example["instruction"])),
            *(
                (part, str(text))
                for pair in example["pairs"]
                for part, text in zip(("query", "response"), pair, strict=True)
            ),
        ]
    own = [("prompt", str(row.prompt.messages[-1]["content"]))] if _is_own(row) else []
    way = [("reasoning", str(row.metadata["rationale"]))] if "rationale" in row.metadata else []
    return [*own, *way, ("answer", row.text)]


def _is_own(row: Demonstration) -> bool:
    return row.assignment is not None and row.assignment.item.prompt_id is None


def _scores(item: Item, letters: Mapping[int, str]) -> dict[int, list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = {}
    for rating in given(Rating.objects.filter(assignment__item=item)).order_by("aspect", "pk"):
        letter = letters.get(rating.completion_id, "?")
        if rating.assignment_id and (rating.score or rating.lowest):
            where = found.setdefault(rating.assignment_id, [])
            where.append((f"{letter} · {rating.aspect}", f"{rating.score:g}"))
    for mark in given(Marking.objects.filter(assignment__item=item)).order_by("start", "pk"):
        if mark.assignment_id:
            letter = letters.get(mark.completion_id, "?")
            where = found.setdefault(mark.assignment_id, [])
            where.append((f"{letter} · {mark.label}", f"{mark.start}–{mark.end}"))
    return found
