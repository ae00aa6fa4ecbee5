"""Where a person stands in a campaign: stopped or not, through the training, right on the checks.

Computed from the answers each time; only what a manager or a threshold decided is stored.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from annotation.domain import answers
from annotation.domain.gold import is_right
from annotation.domain.outcomes import Outcome
from annotation.domain.proportions import Share, share
from annotation.models import Assignment, Campaign, Comparison, Item, Ranking, Standing
from annotation.models.campaigns import RANKED, Kind, Purpose
from annotation.models.standings import StandingState
from annotation.queries import given

ENOUGH_CHECKS = 5  # answers to checks before a threshold looks at them
STOPPED = (StandingState.PAUSED, StandingState.EXCLUDED)


def is_stopped(user: Any, campaign: Campaign) -> bool:
    return Standing.objects.filter(campaign=campaign, user=user, state__in=STOPPED).exists()


@dataclass(frozen=True)
class Training:
    """How far a person is: `items` there are, `done` of them answered, `right` of those."""

    items: int
    done: int
    right: int
    needed: float  # share that must be right
    let_in: bool = False  # a manager said so

    @property
    def open(self) -> bool:
        return self.done < self.items and not self.let_in

    @property
    def admitted(self) -> bool:
        if self.let_in or not self.items:
            return True
        return not self.open and self.right >= self.needed * self.items

    @property
    def to_get_right(self) -> int:
        """The least number of right answers that admits."""
        return next((n for n in range(self.items) if n >= self.needed * self.items), self.items)


def training_of(user: Any, campaign: Campaign) -> Training:
    # What somebody answered while it was still a real question teaches that person nothing new.
    answered = Assignment.objects.filter(
        item=OuterRef("pk"), annotator=user, purpose=Purpose.WORK, submitted_at__isnull=False
    )
    items = list(
        Item.objects.filter(~Exists(answered), campaign=campaign, purpose=Purpose.TRAINING)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if not items:
        return Training(0, 0, 0, campaign.training_pass)
    checks = checks_of(campaign, people=[user.pk]).get(user.pk, [])
    known = {check.item: check.right for check in checks if check.item in items}
    skipped = set(
        Item.objects.filter(pk__in=items, skips__annotator=user).values_list("pk", flat=True)
    )
    let_in = Standing.objects.filter(
        campaign=campaign, user=user, state=StandingState.ADMITTED
    ).exists()
    done = len(set(known) | skipped)
    return Training(len(items), done, sum(known.values()), campaign.training_pass, let_in)


@dataclass(frozen=True)
class Check:
    """One answer to a check question."""

    item: int
    purpose: str  # at the time it was asked
    right: bool


def checks_of(campaign: Campaign, people: Iterable[int] | None = None) -> dict[int, list[Check]]:
    """Each person's answers to the check questions of a campaign, by person."""
    if campaign.kind == Kind.COMPARISON:
        rows = _comparisons(campaign, people)
    elif campaign.kind in RANKED:
        rows = _rankings(campaign, people)
    else:
        return {}
    expected = {
        item.pk: item for item in Item.objects.filter(campaign=campaign, expected__isnull=False)
    }
    found: dict[int, list[Check]] = defaultdict(list)
    for person, item, purpose, answer, shown in rows:
        if item in expected:
            right = is_right(answer, expected[item].expected or {}, shown)
            found[person].append(Check(item, purpose, right))
    return dict(found)


Row = tuple[int, int, str, answers.Answer, list[int]]


def _comparisons(campaign: Campaign, people: Iterable[int] | None) -> list[Row]:
    votes = given(Comparison.objects.filter(assignment__campaign=campaign, is_check=True))
    if people is not None:
        votes = votes.filter(annotator__in=people)
    return [
        (person, item, purpose, answers.Comparison(Outcome(choice)), [left, right])
        for person, item, purpose, choice, left, right in votes.order_by("pk").values_list(
            "annotator_id",
            "assignment__item_id",
            "assignment__purpose",
            "choice",
            "left_id",
            "right_id",
        )
    ]


def _rankings(campaign: Campaign, people: Iterable[int] | None) -> list[Row]:
    rankings = given(Ranking.objects.filter(assignment__campaign=campaign, is_check=True))
    if people is not None:
        rankings = rankings.filter(annotator__in=people)
    found: list[Row] = []
    rows = rankings.select_related("assignment").prefetch_related("entries").order_by("pk")
    for ranking in rows:
        entries: Any = ranking.entries.all()
        place = {entry.completion_id: entry.tier for entry in entries}
        found.append(
            (
                int(ranking.annotator_id or 0),
                ranking.assignment.item_id if ranking.assignment else 0,
                ranking.assignment.purpose if ranking.assignment else "",
                _best_worst(place) if ranking.partial else ranked(place),
                list(place),
            )
        )
    return found


def _best_worst(place: dict[int, int | None]) -> answers.BestWorst:
    by_tier = {tier: one for one, tier in place.items()}
    return answers.BestWorst(by_tier[1], by_tier[3])


def ranked(place: dict[int, int | None]) -> answers.RankedAnswers:
    """Tiers from each completion's tier; none means not rankable."""
    tiers = sorted({tier for tier in place.values() if tier is not None})
    return answers.RankedAnswers(
        tuple(tuple(one for one, tier in place.items() if tier == each) for each in tiers),
        tuple(one for one, tier in place.items() if tier is None),
    )


def gold_accuracy(checks: Iterable[Check]) -> Share:
    """The share of hidden checks answered right, with its interval."""
    hidden = [check.right for check in checks if check.purpose == Purpose.GOLD]
    return share(sum(hidden), len(hidden))
