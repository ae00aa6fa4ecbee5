"""Votes of a campaign as the figures of quality want them, in one query."""

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, TypeVar

from django.db.models import BigIntegerField, Exists, F, Func, Model, OuterRef, QuerySet, Value
from django.db.models.functions import Length

from annotation.domain.annotator_quality import TURNED
from annotation.domain.outcomes import Outcome
from annotation.models import Campaign, Comparison, Item, Ranking, Standing
from annotation.models.campaigns import Purpose
from annotation.models.standings import StandingState
from annotation.queries import given

Row = TypeVar("Row", bound=Model)

MOST_ITEMS = 2_000  # of a campaign, whose answers are read for one page
PLACES = 2**20
LETTERS_A_WORD = 6  # with the space, in English text


@dataclass(frozen=True)
class Vote:
    """One comparison. `turned`, `pair` and `score` do not depend on the sides shown."""

    person: int
    item: int
    outcome: Outcome  # as shown
    turned: Outcome  # with the older answer on the left
    left_length: int
    right_length: int
    seconds: float | None
    first: int | None  # the assignment that this one repeats
    assignment: int
    words: int  # of both answers together
    pair: tuple[str, str]  # who wrote them, in alphabetical order
    score: float  # 1, 0.5 or 0 for the first of the pair
    counts: bool  # its author is not excluded; what a reviewer decided since changes nothing


def left_out(campaign: Campaign) -> QuerySet[Standing]:
    """Of an outer judgement: whether its author is excluded from the campaign."""
    return Standing.objects.filter(
        campaign=campaign, user=OuterRef("annotator"), state=StandingState.EXCLUDED
    )


def answers_of_people(model: type[Row], campaign: Campaign) -> QuerySet[Row]:
    """Answers to real questions, a reviewer's own judgements left out; see counted_share()."""
    rows = model._default_manager.filter(assignment__campaign=campaign, is_check=False)
    rows = rows.exclude(assignment__purpose=Purpose.REVIEW)
    share = counted_share(campaign)
    return rows.filter(assignment__item__in=_drawn(campaign, share)) if share < 1.0 else rows


def counted_share(campaign: Campaign) -> float:
    """The share of a campaign's items whose answers the figures of quality are counted of.

    A page that reads a million votes takes minutes and a gigabyte. Of whole items drawn by a hash,
    agreement and habits are the same but for a wider interval.
    """
    items = Item.objects.filter(campaign=campaign).count()
    return min(1.0, MOST_ITEMS / items) if items else 1.0


def _drawn(campaign: Campaign, share: float) -> QuerySet[Any, Any]:
    """The same items at every request, in no order that the campaign has."""
    hashed = Func(
        F("pk"),
        Value(campaign.pk),
        function="hashint8extended",
        output_field=BigIntegerField(),
    )
    items = Item.objects.filter(campaign=campaign).annotate(place=hashed.bitand(PLACES - 1))
    return items.filter(place__lt=int(PLACES * share)).values("pk")


def votes_of(campaign: Campaign) -> list[Vote]:
    """Every vote on a real question, those that are excluded at present too."""
    rows = (
        given(answers_of_people(Comparison, campaign))
        .annotate(left_out=Exists(left_out(campaign)))
        .values_list(
            "annotator_id",
            "assignment__item_id",
            "choice",
            "left_id",
            "right_id",
            Length("left__text"),
            Length("right__text"),
            "seconds",
            "assignment__repeat_of_id",
            "assignment_id",
            "left__generator",
            "right__generator",
            "left_out",
        )
        .order_by("pk")
    )
    return [_vote(*row) for row in rows]


@dataclass(frozen=True)
class PairVote:
    """How one person's ranking orders two answers: -1 the older one is better, 0 a tie, 1."""

    person: int
    item: int
    pair: tuple[int, int]  # completions, the older one first
    order: int


def ranked_votes_of(campaign: Campaign) -> tuple[list[Vote], list[PairVote]]:
    """The rankings of a campaign as votes, two ways.

    The pairs of one ranking depend on one another, so that tests of a person's habits would count
    one opinion many times. The first list holds one vote for each ranking: the answer that was
    shown first against the one shown last, of those that were ranked. The second holds all pairs
    of each person's first rankings. Of a best and a worst only what they say is there.
    """
    rankings = (
        given(answers_of_people(Ranking, campaign))
        .annotate(left_out=Exists(left_out(campaign)))
        .select_related("assignment")
        .prefetch_related("entries__completion")
        .order_by("pk")
    )
    votes, pairs = [], []
    for ranking in rankings:
        entries = sorted(ranking.entries.all(), key=lambda entry: entry.position)
        placed = [entry for entry in entries if entry.tier is not None]
        slot: Any = ranking.assignment
        if slot.repeat_of_id is None:
            tiers = sorted((entry.completion_id, int(entry.tier or 0)) for entry in placed)
            person = int(ranking.annotator_id or 0)
            pairs += [
                PairVote(person, slot.item_id, (one, other), (here > there) - (here < there))
                for (one, here), (other, there) in combinations(tiers, 2)
                if here != there or not ranking.partial
            ]
        if len(placed) > 1 and (placed[0].tier != placed[-1].tier or not ranking.partial):
            length = sum(len(entry.completion.text) for entry in entries)
            votes.append(_first_against_last(ranking, placed[0], placed[-1], length))
    return votes, pairs


@dataclass(frozen=True)
class Place:
    """Where a ranking puts an answer: tier 1 is best."""

    completion: int
    tier: int
    writer: str


@dataclass(frozen=True)
class Ballot:
    """One person's first ranking of an item. places: of the ranked answers, the oldest first."""

    person: int
    item: int
    places: tuple[Place, ...]
    counts: bool  # as Vote.counts
    partial: bool = False  # an equal tier says nothing


def ballots_of(campaign: Campaign) -> list[Ballot]:
    rankings = (
        given(answers_of_people(Ranking, campaign))
        .filter(assignment__repeat_of__isnull=True)
        .annotate(left_out=Exists(left_out(campaign)))
        .select_related("assignment")
        .prefetch_related("entries__completion")
        .order_by("pk")
    )
    return [_ballot(ranking) for ranking in rankings]


def _ballot(ranking: Any) -> Ballot:
    placed = [
        Place(entry.completion_id, entry.tier, entry.completion.generator)
        for entry in ranking.entries.all()
        if entry.tier is not None
    ]
    return Ballot(
        person=ranking.annotator_id,
        item=ranking.assignment.item_id,
        places=tuple(sorted(placed, key=lambda place: place.completion)),
        counts=not ranking.left_out,
        partial=ranking.partial,
    )


def _first_against_last(ranking: Any, first: Any, last: Any, length: int) -> Vote:
    better = {-1: Outcome.LEFT, 0: Outcome.TIE, 1: Outcome.RIGHT}
    outcome = better[(first.tier > last.tier) - (first.tier < last.tier)]
    vote = _vote(
        ranking.annotator_id,
        ranking.assignment.item_id,
        outcome.value,
        first.completion_id,
        last.completion_id,
        len(first.completion.text),
        len(last.completion.text),
        ranking.seconds,
        ranking.assignment.repeat_of_id,
        ranking.assignment_id,
        first.completion.generator,
        last.completion.generator,
        ranking.left_out,
    )
    return replace(vote, words=round(length / LETTERS_A_WORD))


def _vote(
    person: int,
    item: int,
    choice: str,
    left: int,
    right: int,
    left_length: int,
    right_length: int,
    seconds: float | None,
    first: int | None,
    assignment: int,
    left_writer: str,
    right_writer: str,
    is_left_out: bool,
) -> Vote:
    outcome = Outcome(choice)
    for_left = {Outcome.LEFT: 1.0, Outcome.RIGHT: 0.0}.get(outcome, 0.5)
    in_order = left_writer <= right_writer
    return Vote(
        person=person,
        item=item,
        outcome=outcome,
        turned=outcome if left < right else TURNED[outcome],
        left_length=left_length,
        right_length=right_length,
        seconds=seconds,
        first=first,
        assignment=assignment,
        words=round((left_length + right_length) / LETTERS_A_WORD),
        pair=(left_writer, right_writer) if in_order else (right_writer, left_writer),
        score=for_left if in_order else 1.0 - for_left,
        counts=not is_left_out,
    )
