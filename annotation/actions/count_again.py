"""Which judgements of a campaign count: the one place that marks and unmarks them.

A judgement does not count (`excluded_at`) while its author is excluded from the campaign, while a
reviewer's own judgement stands instead of it, or while it waits for a reviewer who accepts it.
"""

from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Now

from annotation.actions.mark_changed_votes import mark_changed_votes
from annotation.models import (
    Campaign,
    Comparison,
    Decision,
    Demonstration,
    Marking,
    Ranking,
    Rating,
    Standing,
)
from annotation.models.campaigns import Purpose, ReviewStep
from annotation.models.reviews import Outcome
from annotation.models.standings import StandingState

JUDGEMENTS: tuple[Any, ...] = (Comparison, Demonstration, Ranking, Rating, Marking)


def count_again(campaign: Campaign, which: Q) -> int:
    """Mark the judgements of `campaign` among `which` anew; how many changed.

    Called in the transaction of whatever decides: a standing, a decision, another review step.
    """
    counts = _counts(campaign)
    changed = 0
    for model in JUDGEMENTS:
        rows = model.objects.filter(which, assignment__campaign=campaign)
        wrong = Q(counts, excluded_at__isnull=False) | Q(~counts, excluded_at__isnull=True)
        changed += rows.filter(wrong).update(
            excluded_at=Case(When(excluded_at__isnull=True, then=Now()), default=Value(None))
        )
    if changed:
        mark_changed_votes(campaign.workspace)
    return changed


def hold_back(campaign: Campaign, which: Q) -> None:
    """The same for answers that have just come in: none of them is on a board yet."""
    for model in JUDGEMENTS:
        rows: QuerySet[Any] = model.objects.filter(which, assignment__campaign=campaign)
        rows.update(excluded_at=Coalesce(F("excluded_at"), Now()))


def _counts(campaign: Campaign) -> Q:
    standing: Any = Decision.objects.filter(taken_back_at__isnull=True)
    of_item = standing.filter(item=OuterRef("assignment__item"))
    excluded = Standing.objects.filter(
        campaign=campaign, user=OuterRef("annotator"), state=StandingState.EXCLUDED
    )
    decided = Q(Exists(standing.filter(assignment=OuterRef("assignment"))))
    if campaign.review == ReviewStep.EVERYTHING:
        settled = Q(Exists(of_item.filter(outcome=Outcome.ACCEPTED)))
    else:
        settled = ~Q(Exists(of_item.filter(outcome=Outcome.ADJUDICATED)))
    own = Q(assignment__purpose=Purpose.REVIEW)
    return ~Q(Exists(excluded)) & ((own & decided) | (~own & settled))
