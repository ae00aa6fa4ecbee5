"""Who falls below which threshold, and what the figures would be without some people's votes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

from django.utils.translation import gettext as _

from annotation.domain.aggregation import plurality
from annotation.domain.agreement import Coefficient
from annotation.models import Campaign
from annotation.models.campaigns import RANKED, Kind
from annotation.quality import PersonQuality, agreement_of, agreement_of_tiers, campaign_quality
from annotation.votes import Ballot, Vote, ballots_of, votes_of


@dataclass(frozen=True)
class Thresholds:
    """Shares between 0 and 1; None does not look. `answers`: fewer say nothing about a person."""

    answers: int = 10
    checks: float | None = None  # hidden checks right, at least
    agrees: float | None = None  # with the others, at least
    same: float | None = None  # alike on swapped repeats, at least
    estimated: float | None = None  # Dawid and Skene's accuracy, at least
    fast: float | None = None  # too fast to have been read, at most
    anomalous: bool = False  # flagged by Arena's test

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self) if each.name != "answers")

    def reasons(self, one: PersonQuality) -> list[str]:
        """Sentences, one for each threshold that this person does not meet."""
        same = one.consistency.same.value if one.consistency else None
        found = [
            _("%(words)s %(is)d %%, asked for %(least)d %%")
            % {"words": words, "is": round(100 * value), "least": round(100 * least)}
            for words, value, least in (
                (_("checks right"), one.checks.value if one.checks else None, self.checks),
                (_("agrees with others"), one.agrees.value if one.agrees else None, self.agrees),
                (_("same on repeats"), same, self.same),
                (_("estimated accuracy"), one.estimated, self.estimated),
            )
            if value is not None and least is not None and value < least
        ]
        fast = one.fast.value if one.fast else None
        if fast is not None and self.fast is not None and fast > self.fast:
            found.append(
                _("%(is)d %% too fast to have been read, at most %(most)d %%")
                % {"is": round(100 * fast), "most": round(100 * self.fast)}
            )
        if self.anomalous and one.anomalous:
            found.append(_("votes are unlike everybody else’s"))
        return found


def below(campaign: Campaign, thresholds: Thresholds) -> list[tuple[PersonQuality, list[str]]]:
    """The people who do not meet a threshold, with the reasons; the stopped ones too."""
    if not thresholds:
        return []
    people = [
        one
        for one in campaign_quality(campaign).people
        if one.answers >= thresholds.answers or (one.checks and one.checks.n)
    ]
    rows = [(one, thresholds.reasons(one)) for one in people]
    return [(one, reasons) for one, reasons in rows if reasons]


@dataclass(frozen=True)
class Figures:
    """What leaves or stays with some people's votes."""

    votes: int  # or rankings
    items: int  # with at least one vote
    alpha: Coefficient
    winners: dict[Any, Any]  # item, or pair of its answers -> what most said, None at a draw
    shares: dict[str, float]  # writer -> share of its battles won, ties half


@dataclass(frozen=True)
class Effect:
    now: Figures
    then: Figures
    turned: int  # items (of rankings: pairs of answers) whose majority changes or goes away
    ranks: bool = False

    @property
    def writers(self) -> list[tuple[str, float, float | None]]:
        return [
            (writer, share, self.then.shares.get(writer))
            for writer, share in sorted(self.now.shares.items(), key=lambda row: -row[1])
        ]


def effect_of(campaign: Campaign, without: Set[int]) -> Effect | None:
    """The figures as they are and as they would be; None for kinds without votes to compare."""
    if campaign.kind in RANKED:
        ballots = [ballot for ballot in ballots_of(campaign) if ballot.counts]
        now = _ranked(campaign, ballots)
        then = _ranked(campaign, [one for one in ballots if one.person not in without])
    elif campaign.kind == Kind.COMPARISON:
        votes = [vote for vote in votes_of(campaign) if vote.first is None and vote.counts]
        now = _figures(campaign, votes)
        then = _figures(campaign, [vote for vote in votes if vote.person not in without])
    else:
        return None
    turned = sum(then.winners.get(asked) != winner for asked, winner in now.winners.items())
    return Effect(now, then, turned, ranks=campaign.kind in RANKED)


def _ranked(campaign: Campaign, ballots: Sequence[Ballot]) -> Figures:
    """A ranking says something of every two answers that it ranks."""
    tiers: dict[tuple[int, int], list[int]] = defaultdict(list)
    orders: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    won: dict[str, float] = defaultdict(float)
    fought: Counter[str] = Counter()
    for ballot in ballots:
        for place in ballot.places:
            tiers[ballot.item, place.completion].append(place.tier)
        for one, other in combinations(ballot.places, 2):
            if ballot.partial and one.tier == other.tier:
                continue
            order = (one.tier > other.tier) - (one.tier < other.tier)
            orders[ballot.item, one.completion, other.completion].append(order)
            if one.writer != other.writer:
                won[one.writer] += (1 - order) / 2
                won[other.writer] += (1 + order) / 2
                fought.update((one.writer, other.writer))
    return Figures(
        votes=len(ballots),
        items=len({ballot.item for ballot in ballots}),
        alpha=agreement_of_tiers(tiers.values(), campaign.pk),
        winners={pair: plurality(given) for pair, given in orders.items()},
        shares={writer: won[writer] / n for writer, n in fought.items()},
    )


def _figures(campaign: Campaign, votes: Iterable[Vote]) -> Figures:
    kept = list(votes)
    by_item: dict[int, list[Any]] = defaultdict(list)
    won: dict[str, float] = defaultdict(float)
    fought: Counter[str] = Counter()
    for vote in kept:
        by_item[vote.item].append(vote.turned)
        one, other = vote.pair
        if one == other:
            continue
        won[one] += vote.score
        won[other] += 1 - vote.score
        fought[one] += 1
        fought[other] += 1
    return Figures(
        votes=len(kept),
        items=len(by_item),
        alpha=agreement_of(kept, campaign.pk),
        winners={item: plurality(given) for item, given in by_item.items()},
        shares={writer: won[writer] / n for writer, n in fought.items()},
    )
