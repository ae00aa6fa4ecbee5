"""Reads that more than one act or page needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Count, Exists, Max, Model, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from annotation.models import Assignment, Campaign, Import, ImportState, Skip, Standing
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Purpose
from webapp.accounts.models import User
from webapp.workspaces.models import Workspace

Row = TypeVar("Row", bound=Model)


def current(judgements: QuerySet[Row]) -> QuerySet[Row]:
    """The judgements that count: neither corrected by a newer version, withdrawn nor excluded,
    and no answer to a check question, which measures the person and not the answers."""
    return given(judgements).filter(excluded_at__isnull=True, is_check=False)


def given(judgements: QuerySet[Row]) -> QuerySet[Row]:
    """What people said last, whether it counts or not: for figures about the people.

    NOT EXISTS: a LEFT JOIN would make the planner join a million rows before it looks at any.
    """
    newer = judgements.model._default_manager.filter(supersedes=OuterRef("pk"))
    return judgements.filter(~Exists(newer), withdrawn_at__isnull=True)


@dataclass(frozen=True)
class Progress:
    """Where a campaign stands. `needed` counts slots: items times overlap."""

    needed: int
    submitted: int
    held: int
    people: int
    last_day: int  # submitted in the last 24 hours

    @property
    def missing(self) -> int:
        return self.needed - self.submitted

    @property
    def days_left(self) -> float | None:
        """Days to the end at the pace of the last day; None when nothing was done in it."""
        return self.missing / self.last_day if self.last_day else None


def progress(campaign: Campaign) -> Progress:
    regular = Assignment.objects.filter(
        campaign=campaign, repeat_of__isnull=True, purpose=Purpose.WORK
    ).exclude(state=AssignmentState.WITHDRAWN)
    submitted = Q(state=AssignmentState.SUBMITTED)
    yesterday = timezone.now() - timedelta(days=1)
    # First by person, in one hash: counting people among a million slots would sort them all.
    each = (
        regular.order_by()
        .values("annotator")
        .annotate(
            slots=Count("pk"),
            done=Count("pk", filter=submitted),
            leased=Count("pk", filter=Q(state=AssignmentState.LEASED)),
            recent=Count("pk", filter=submitted & Q(submitted_at__gte=yesterday)),
        )
    )
    counted = each.aggregate(
        needed=Sum("slots", default=0),
        submitted=Sum("done", default=0),
        held=Sum("leased", default=0),
        people=Count("annotator", filter=Q(done__gt=0)),
        last_day=Sum("recent", default=0),
    )
    return Progress(**counted)


def unanswered(campaign: Campaign) -> QuerySet[Assignment]:
    """The slots that are free or held: none are left when the campaign is finished."""
    return Assignment.objects.filter(
        campaign=campaign,
        repeat_of__isnull=True,
        purpose=Purpose.WORK,
        state__in=[AssignmentState.OPEN, AssignmentState.LEASED],
    )


def told_of(campaign: Campaign) -> dict[str, Any]:
    """What a webhook is told of a campaign."""
    return {"campaign": campaign.pk, "name": campaign.name, "kind": campaign.kind}


def campaigns_with_progress(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Each campaign with `.slots` and `.finished`, counted by the database in the same query."""
    regular = Assignment.objects.filter(
        campaign=OuterRef("pk"), repeat_of__isnull=True, purpose=Purpose.WORK
    )
    counted = regular.exclude(state=AssignmentState.WITHDRAWN).order_by().values("campaign")
    done = counted.filter(state=AssignmentState.SUBMITTED)
    return campaigns.annotate(
        slots=Coalesce(Subquery(counted.annotate(n=Count("pk")).values("n")), 0),
        finished=Coalesce(Subquery(done.annotate(n=Count("pk")).values("n")), 0),
    )


def people_of(campaign: Campaign) -> Any:
    """Who has worked in a campaign: answers, repeats, when last. Most answers first."""
    submitted = Q(state=AssignmentState.SUBMITTED)
    return (
        Assignment.objects.filter(campaign=campaign, annotator__isnull=False)
        .exclude(purpose=Purpose.REVIEW)
        .values("annotator_id", "annotator__name", "annotator__email")
        .annotate(
            done=Count("pk", filter=submitted & Q(repeat_of__isnull=True, purpose=Purpose.WORK)),
            again=Count("pk", filter=submitted & Q(repeat_of__isnull=False)),
            last=Max("submitted_at"),
        )
        .order_by("-done", "annotator_id")
    )


def people_in(campaign: Campaign) -> QuerySet[User]:
    """Who has or had an assignment in a campaign, or something said about them there."""
    had = Assignment.objects.filter(campaign=campaign, annotator=OuterRef("pk"))
    stands = Standing.objects.filter(campaign=campaign, user=OuterRef("pk"))
    return User.objects.filter(Exists(had) | Exists(stands)).order_by("pk")


def skips_of(campaign: Campaign) -> QuerySet[Skip]:
    """Passed-on items with their reasons, flagged ones first."""
    return (
        Skip.objects.filter(item__campaign=campaign)
        .select_related("annotator", "item__prompt")
        .order_by("-flagged", "-pk")
    )


def own_progress(user: Any, workspace: Workspace) -> dict[str, Any]:
    """What one person has done in a workspace: by campaign, today, and the last answers."""
    mine = Assignment.objects.filter(
        campaign__workspace=workspace, annotator=user, state=AssignmentState.SUBMITTED
    ).exclude(purpose=Purpose.REVIEW)
    return {
        "campaigns": mine.values("campaign_id", "campaign__name", "campaign__kind")
        .annotate(done=Count("pk"), last=Max("submitted_at"))
        .order_by("-last"),
        "today": mine.filter(submitted_at__gte=_midnight()).count(),
        "total": mine.count(),
        "latest": mine.select_related("campaign", "item__prompt").order_by("-submitted_at")[:25],
    }


@dataclass(frozen=True)
class Handed:
    """What one person was handed in a campaign and has answered."""

    work: int = 0
    repeats: int = 0
    gold: int = 0
    training: int = 0

    @property
    def all(self) -> int:
        return self.work + self.repeats + self.gold + self.training


def handed(user: Any, campaign: Campaign) -> Handed:
    first = Q(repeat_of__isnull=True)
    mine = Assignment.objects.filter(
        campaign=campaign, annotator=user, state=AssignmentState.SUBMITTED
    )
    return Handed(
        **mine.aggregate(
            work=Count("pk", filter=first & Q(purpose=Purpose.WORK)),
            repeats=Count("pk", filter=~first),
            gold=Count("pk", filter=Q(purpose=Purpose.GOLD)),
            training=Count("pk", filter=Q(purpose=Purpose.TRAINING)),
        )
    )


def done_today(user: Any, campaign: Campaign) -> int:
    """How many items this person has answered here since midnight."""
    return Assignment.objects.filter(
        campaign=campaign, annotator=user, submitted_at__gte=_midnight()
    ).count()


def _midnight() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def held_assignment(user: Any, campaign: Campaign) -> Assignment | None:
    """What `user` is working on in `campaign`, with its item and prompt."""
    held = (
        Assignment.objects.select_related("item__prompt")
        .filter(annotator=user, campaign=campaign, state=AssignmentState.LEASED)
        .first()
    )
    if held is not None:
        held.campaign = campaign
    return held


def imports_in(workspace: Workspace) -> QuerySet[Import]:
    """Files that came in, newest first, with who brought them and what is being done to them."""
    return Import.objects.filter(workspace=workspace).select_related(
        "job", "created_by", "undone_by", "workspace"
    )


def same_file(row: Import) -> Import | None:
    """The newest other import of the same bytes that is in this workspace."""
    others = Import.objects.filter(
        workspace=row.workspace, sha256=row.sha256, state=ImportState.IMPORTED
    )
    return others.exclude(pk=row.pk).first()
