"""How good the votes of a campaign are: agreement of the people, and each person's own habits.

Everything is computed from the judgements at the moment of asking; nothing is stored beside them.
Answers are compared as texts, not as sides: each pair is turned so that the older answer is left.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations, permutations
from statistics import median
from typing import Any

import numpy as np
from django.db.models import Exists

from annotation.domain.agreement import (
    Coefficient,
    Level,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
)
from annotation.domain.annotator_quality import (
    LengthBias,
    LengthVote,
    SelfConsistency,
    SideBias,
    anomalous_voter,
    fast_votes,
    left_bias,
    length_bias,
    random_checkpoints,
    self_consistency,
)
from annotation.domain.dawid_skene import dawid_skene
from annotation.domain.outcomes import Outcome
from annotation.domain.proportions import Share, share
from annotation.models import (
    Campaign,
    Demonstration,
    Ranking,
    RankingEntry,
    Standing,
    Turn,
)
from annotation.models.campaigns import RANKED, Kind, Purpose
from annotation.queries import given
from annotation.standings import Check, checks_of, gold_accuracy
from annotation.votes import (
    PairVote,
    Vote,
    answers_of_people,
    counted_share,
    left_out,
    ranked_votes_of,
    votes_of,
)
from webapp.accounts.models import User

__all__ = ["campaign_quality", "counted_share"]

FEWEST_RATERS = 3  # for Dawid and Skene: of two who differ nobody can say who errs
FEWEST_VOTES = 5  # for Arena's test
FEWEST_JUDGES = 2
FEWEST_SHARED = 5  # items, for Cohen's kappa of two people
MOST_PEOPLE, MOST_PAIRS = 30, 15  # of whom Cohen's kappa is shown
RESAMPLES = 500  # enough for two digits of a 95 % interval


@dataclass(frozen=True)
class PersonQuality:
    """One person's figures; those that a kind of work cannot give are None."""

    person: User
    answers: int
    seconds: float | None  # median time at work per answer
    checks: Share | None = None  # hidden checks answered right
    training: Share | None = None  # of the training questions
    fast: Share | None = None  # answers sooner than anybody can read
    estimated: float | None = None  # Dawid and Skene's accuracy
    anomalous: bool = False  # Arena's test of either direction
    standing: Standing | None = None
    agrees: Share | None = None  # with the others' votes on the same items
    sides: SideBias | None = None
    length: LengthBias | None = None
    consistency: SelfConsistency | None = None


@dataclass(frozen=True)
class Quality:
    """`alpha`: Krippendorff's, nominal over outcomes or ordinal over tiers, where it applies."""

    alpha: Coefficient | None
    people: list[PersonQuality]
    fleiss: Coefficient | None = None  # over the items that all their people have answered
    cohen: list[tuple[User, User, Coefficient]] = field(default_factory=list)


def campaign_quality(campaign: Campaign) -> Quality:
    """Agreement and habits of the people who worked in `campaign`."""
    if campaign.kind == Kind.COMPARISON:
        return _of_comparisons(campaign)
    if campaign.kind in RANKED:
        return _of_rankings(campaign)
    written = Turn if campaign.kind == Kind.CONVERSATION else Demonstration
    return Quality(None, _with_standings(campaign, _speeds(campaign, written)))


def agreement_of(votes: Iterable[Vote], seed: int) -> Coefficient:
    """Krippendorff's alpha, nominal, over the first answers of each person."""
    units: dict[int, list[Outcome]] = defaultdict(list)
    for vote in votes:
        if vote.first is None:
            units[vote.item].append(vote.turned)
    return krippendorff_alpha(list(units.values()), Level.NOMINAL, resamples=RESAMPLES, seed=seed)


def agreement_of_tiers(units: Iterable[list[int]], seed: int) -> Coefficient:
    """Krippendorff's alpha, ordinal; units: the tiers that people gave to one answer of an item."""
    return krippendorff_alpha(list(units), Level.ORDINAL, resamples=RESAMPLES, seed=seed)


def _of_comparisons(campaign: Campaign) -> Quality:
    votes = votes_of(campaign)
    counted = [vote for vote in votes if vote.counts and vote.first is None]
    return Quality(
        agreement_of(counted, campaign.pk),
        people_from(campaign, votes),
        fleiss=_fleiss(counted, campaign),
        cohen=_cohen(counted, campaign.pk),
    )


def people_from(campaign: Campaign, votes: list[Vote]) -> list[PersonQuality]:
    """Each person's figures, most answers first. Others are those whose votes count."""
    by_item: dict[int, list[Vote]] = defaultdict(list)
    by_person: dict[int, list[Vote]] = defaultdict(list)
    firsts = {vote.assignment: vote for vote in votes if vote.first is None}
    for vote in firsts.values():
        if vote.counts:
            by_item[vote.item].append(vote)
    for vote in votes:
        by_person[vote.person].append(vote)
    names = User.objects.in_bulk(by_person)
    estimated = _estimated(firsts.values())
    people = [
        replace(
            _person(names[pk], own, by_item, firsts),
            estimated=estimated.get(pk),
            anomalous=is_anomalous(pk, list(firsts.values()), campaign.pk),
        )
        for pk, own in by_person.items()
        if pk in names
    ]
    return _with_standings(campaign, sorted(people, key=lambda one: -one.answers))


def _estimated(votes: Iterable[Vote]) -> dict[Any, float]:
    return _accuracy((vote.item, None, vote.person, vote.turned.value) for vote in votes)


def _accuracy(said: Iterable[tuple[int, Any, int, str]]) -> dict[Any, float]:
    """P(right) of each person by Dawid and Skene, where items (or their pairs) have several judges.

    said: (item, pair of answers, person, label).
    """
    labels = [((item, pair), person, label) for item, pair, person, label in said]
    items = {item for item, _person, _label in labels}
    people = {person for _item, person, _label in labels}
    if len(labels) <= len(items) or len(people) < FEWEST_RATERS:
        return {}
    return {
        person: accuracy
        for person, accuracy in dawid_skene(labels).accuracy().items()
        if not math.isnan(accuracy)
    }


def is_anomalous(person: int, votes: list[Vote], seed: int) -> bool:
    """Arena's test of one person against everybody else's votes on the same pairs of writers."""
    history: dict[Any, list[float]] = defaultdict(list)
    own = []
    for vote in votes:
        if vote.person == person:
            own.append((vote.pair, vote.score))
        else:
            history[vote.pair].append(vote.score)
    if len(own) < FEWEST_VOTES or not history:
        return False
    moments = random_checkpoints(len(own), seed)
    return any(
        anomalous_voter(history, own, moments, lower_is_unusual=low).flagged
        for low in (False, True)
    )


def _fleiss(votes: list[Vote], campaign: Campaign) -> Coefficient | None:
    """Fleiss' kappa wants the same number of judges everywhere: the finished items."""
    overlap = campaign.overlap
    if overlap < FEWEST_JUDGES:
        return None
    kinds = list(Outcome)
    by_item: dict[int, Counter[Outcome]] = defaultdict(Counter)
    for vote in votes:
        by_item[vote.item][vote.turned] += 1
    table = [
        [counts[kind] for kind in kinds] for counts in by_item.values() if counts.total() == overlap
    ]
    return fleiss_kappa(table, resamples=RESAMPLES, seed=campaign.pk) if table else None


def _cohen(votes: list[Vote], seed: int) -> list[tuple[User, User, Coefficient]]:
    """Cohen's kappa of the pairs of people who share the most items."""
    answers: dict[int, dict[int, Outcome]] = defaultdict(dict)
    for vote in votes:
        answers[vote.person][vote.item] = vote.turned
    busiest = sorted(answers, key=lambda one: -len(answers[one]))[:MOST_PEOPLE]
    shared = [
        (one, other, sorted(answers[one].keys() & answers[other].keys()))
        for one, other in combinations(busiest, 2)
    ]
    shared = [row for row in shared if len(row[2]) >= FEWEST_SHARED]
    people = User.objects.in_bulk({pk for one, other, _items in shared for pk in (one, other)})
    return [
        (
            people[one],
            people[other],
            cohen_kappa(
                [answers[one][item].value for item in items],
                [answers[other][item].value for item in items],
                resamples=RESAMPLES,
                seed=seed,
            ),
        )
        for one, other, items in sorted(shared, key=lambda row: -len(row[2]))[:MOST_PAIRS]
    ]


def _with_standings(campaign: Campaign, people: list[PersonQuality]) -> list[PersonQuality]:
    """The same with standing and checks; who has only answered checks so far comes last."""
    standings = {
        row.user_id: row for row in Standing.objects.filter(campaign=campaign).select_related("by")
    }
    checks = checks_of(campaign)
    missing = (checks.keys() | standings.keys()) - {one.person.pk for one in people}
    newcomers = User.objects.filter(pk__in=missing).order_by("pk")
    people = [*people, *(PersonQuality(person, 0, None) for person in newcomers)]
    return [
        replace(
            one,
            standing=standings.get(one.person.pk),
            checks=gold_accuracy(checks.get(one.person.pk, [])),
            training=_training(checks.get(one.person.pk, [])),
        )
        for one in people
    ]


def _training(checks: list[Check]) -> Share:
    right = [check.right for check in checks if check.purpose == Purpose.TRAINING]
    return share(sum(right), len(right))


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
        fast=_fast(regular),
        agrees=share(sum(mine.turned == theirs.turned for mine, theirs in others), len(others)),
        sides=left_bias(vote.outcome for vote in regular),
        length=length_bias(
            [_length_vote(vote) for vote in regular],
            [_length_vote(other) for _mine, other in others],
        ),
        consistency=self_consistency(repeats) if repeats else None,
    )


def _fast(votes: list[Vote]) -> Share:
    timed = [(vote.seconds, vote.words) for vote in votes if vote.seconds is not None]
    if not timed:
        return share(0, 0)
    seconds, words = np.array(timed, dtype=float).T
    return share(int(fast_votes(seconds, words).sum()), len(timed))


def _length_vote(vote: Vote) -> LengthVote:
    return LengthVote(vote.outcome, vote.left_length, vote.right_length)


def _of_rankings(campaign: Campaign) -> Quality:
    """Alpha, ordinal, over the tiers that people gave to the same answer of the same item."""
    entries = RankingEntry.objects.filter(
        ranking__in=given(answers_of_people(Ranking, campaign)).filter(~Exists(left_out(campaign))),
        ranking__assignment__repeat_of__isnull=True,
        tier__isnull=False,
    )
    tiers: dict[tuple[int, int], list[int]] = defaultdict(list)
    for item, completion, tier in entries.values_list(
        "ranking__assignment__item_id", "completion_id", "tier"
    ).order_by("pk"):
        tiers[item, completion].append(int(tier or 0))
    alpha = agreement_of_tiers(tiers.values(), campaign.pk)
    return Quality(alpha, _with_standings(campaign, _ranking_people(campaign)))


def _ranking_people(campaign: Campaign) -> list[PersonQuality]:
    """Habits by one pair of each ranking; agreement and accuracy by all of them."""
    votes, pairs = ranked_votes_of(campaign)
    habits = {one.person.pk: one for one in people_from(campaign, votes)}
    agrees = _agreement_about_pairs(pairs)
    estimated = _accuracy((vote.item, vote.pair, vote.person, str(vote.order)) for vote in pairs)
    return [
        replace(
            habits.get(one.person.pk, one),
            answers=one.answers,
            seconds=one.seconds,
            agrees=agrees.get(one.person.pk, share(0, 0)),
            estimated=estimated.get(one.person.pk),
        )
        for one in _speeds(campaign, Ranking)
    ]


def _agreement_about_pairs(pairs: Iterable[PairVote]) -> dict[int, Share]:
    """How often the others order two answers alike, for each person."""
    by_pair: dict[Any, list[PairVote]] = defaultdict(list)
    for vote in pairs:
        by_pair[vote.item, vote.pair].append(vote)
    same: Counter[int] = Counter()
    asked: Counter[int] = Counter()
    for votes in by_pair.values():
        for mine, theirs in permutations(votes, 2):
            asked[mine.person] += 1
            same[mine.person] += mine.order == theirs.order
    return {person: share(same[person], n) for person, n in asked.items()}


def _speeds(
    campaign: Campaign, model: type[Demonstration] | type[Ranking] | type[Turn]
) -> list[PersonQuality]:
    times: dict[int, list[float | None]] = defaultdict(list)
    rows: Any = given(answers_of_people(model, campaign))
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
