"""How good the votes of a campaign are: agreement of the people, and each person's own habits.

Everything is computed from the judgements at the moment of asking; nothing is stored beside them.
Answers are compared as texts, not as sides: each pair is turned so that the older answer is left.
"""

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.db.models.functions import Length

from annotation.domain.agreement import Coefficient, Level, krippendorff_alpha
from annotation.domain.annotator_quality import (
    TURNED,
    LengthBias,
    LengthVote,
    SelfConsistency,
    SideBias,
    left_bias,
    length_bias,
    self_consistency,
)
from annotation.domain.battles import Outcome
from annotation.domain.proportions import Share, share
from annotation.models import Campaign, Comparison, Demonstration, Ranking, RankingEntry
from annotation.models.campaigns import Kind
from annotation.queries import current
from webapp.accounts.models import User

RESAMPLES = 500  # enough for two digits of a 95 % interval


@dataclass(frozen=True)
class PersonQuality:
    """One person's figures; those that a kind of work cannot give are None."""

    person: User
    answers: int
    seconds: float | None  # median time at work per answer
    agrees: Share | None = None  # with the others' votes on the same items
    sides: SideBias | None = None
    length: LengthBias | None = None
    consistency: SelfConsistency | None = None


@dataclass(frozen=True)
class Quality:
    """`alpha`: Krippendorff's, nominal over outcomes or ordinal over tiers, where it applies."""

    alpha: Coefficient | None
    people: list[PersonQuality]


@dataclass(frozen=True)
class Vote:
    person: int
    item: int
    outcome: Outcome  # as shown
    turned: Outcome  # with the older answer on the left
    left_length: int
    right_length: int
    seconds: float | None
    first: int | None  # the assignment that this one repeats
    assignment: int


def campaign_quality(campaign: Campaign) -> Quality:
    """Agreement and habits of the people who worked in `campaign`."""
    if campaign.kind == Kind.COMPARISON:
        return _of_comparisons(campaign)
    if campaign.kind == Kind.RANKING:
        return _of_rankings(campaign)
    return Quality(None, _speeds(campaign, Demonstration))


def _votes(campaign: Campaign) -> list[Vote]:
    rows = (
        current(Comparison.objects.filter(assignment__campaign=campaign))
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
        )
        .order_by("pk")
    )
    votes = []
    for person, item, choice, left, right, left_length, right_length, seconds, first, pk in rows:
        outcome = Outcome(choice)
        turned = outcome if left < right else TURNED[outcome]
        votes.append(
            Vote(person, item, outcome, turned, left_length, right_length, seconds, first, pk)
        )
    return votes


def _of_comparisons(campaign: Campaign) -> Quality:
    votes = _votes(campaign)
    regular = [vote for vote in votes if vote.first is None]
    by_item: dict[int, list[Vote]] = defaultdict(list)
    for vote in regular:
        by_item[vote.item].append(vote)
    units = [[vote.turned for vote in item] for item in by_item.values()]
    alpha = krippendorff_alpha(units, Level.NOMINAL, resamples=RESAMPLES, seed=campaign.pk)
    firsts = {vote.assignment: vote for vote in regular}
    by_person: dict[int, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_person[vote.person].append(vote)
    names = User.objects.in_bulk(by_person)
    people = [
        _person(names[pk], own, by_item, firsts) for pk, own in by_person.items() if pk in names
    ]
    return Quality(alpha, sorted(people, key=lambda one: -one.answers))


def _person(
    person: User, own: list[Vote], by_item: dict[int, list[Vote]], firsts: dict[int, Vote]
) -> PersonQuality:
    regular = [vote for vote in own if vote.first is None]
    repeats = [
        (firsts[vote.first].outcome, vote.outcome)
        for vote in own
        if vote.first is not None and vote.first in firsts
    ]
    others = [
        (vote, other)
        for vote in regular
        for other in by_item[vote.item]
        if other.person != vote.person
    ]
    return PersonQuality(
        person=person,
        answers=len(regular),
        seconds=_median([vote.seconds for vote in regular]),
        agrees=share(sum(mine.turned == theirs.turned for mine, theirs in others), len(others)),
        sides=left_bias(vote.outcome for vote in regular),
        length=length_bias(
            [_length_vote(vote) for vote in regular],
            [_length_vote(other) for _mine, other in others],
        ),
        consistency=self_consistency(repeats) if repeats else None,
    )


def _length_vote(vote: Vote) -> LengthVote:
    return LengthVote(vote.outcome, vote.left_length, vote.right_length)


def _of_rankings(campaign: Campaign) -> Quality:
    """Alpha, ordinal, over the tiers that people gave to the same answer of the same item."""
    entries = RankingEntry.objects.filter(
        ranking__in=current(Ranking.objects.filter(assignment__campaign=campaign)),
        ranking__assignment__repeat_of__isnull=True,
        tier__isnull=False,
    )
    tiers: dict[tuple[int, int], list[int]] = defaultdict(list)
    for item, completion, tier in entries.values_list(
        "ranking__assignment__item_id", "completion_id", "tier"
    ).order_by("pk"):
        tiers[item, completion].append(int(tier or 0))
    alpha = krippendorff_alpha(
        list(tiers.values()), Level.ORDINAL, resamples=RESAMPLES, seed=campaign.pk
    )
    return Quality(alpha, _speeds(campaign, Ranking))


def _speeds(campaign: Campaign, model: type[Demonstration] | type[Ranking]) -> list[PersonQuality]:
    times: dict[int, list[float | None]] = defaultdict(list)
    rows: Any = current(model.objects.filter(assignment__campaign=campaign))
    for person, seconds in rows.filter(assignment__repeat_of__isnull=True).values_list(
        "annotator_id", "seconds"
    ):
        times[person].append(seconds)
    people = User.objects.in_bulk(times)
    found = [
        PersonQuality(people[pk], len(given), _median(given))
        for pk, given in times.items()
        if pk in people
    ]
    return sorted(found, key=lambda one: -one.answers)


def _median(seconds: list[float | None]) -> float | None:
    known = [one for one in seconds if one is not None]
    return median(known) if known else None
