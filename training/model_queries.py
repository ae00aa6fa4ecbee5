"""Reads about models that can be asked: what they cost, what they said."""

from decimal import Decimal
from typing import Any

from django.db.models import Count, DecimalField, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, TruncDate

from training.models import (
    Batch,
    BatchEntry,
    Battle,
    Generation,
    GenerationState,
    ModelEndpoint,
    Trial,
)
from webapp.workspaces.models import Workspace

MONEY: Any = DecimalField(max_digits=20, decimal_places=6)


def endpoints_in(workspace: Workspace) -> QuerySet[ModelEndpoint]:
    return ModelEndpoint.objects.filter(workspace=workspace).order_by("name")


def askable(workspace: Workspace) -> QuerySet[ModelEndpoint]:
    """Those that a person may choose today."""
    return endpoints_in(workspace).filter(retired_at__isnull=True)


def endpoints_with_spend(workspace: Workspace) -> QuerySet[ModelEndpoint]:
    """Each with its version, `.answers`, `.failures`, `.tokens` and `.spent`, in the same query."""
    of_one = Generation.objects.filter(endpoint=OuterRef("pk")).order_by().values("endpoint")

    def figure(expression: Any, field: Any = None) -> Any:
        found = Subquery(of_one.annotate(n=expression).values("n"), output_field=field)
        return Coalesce(found, Value(Decimal(0) if field else 0), output_field=field)

    return (
        endpoints_in(workspace)
        .select_related("version")
        .annotate(
            answers=figure(Count("pk", filter=Q(state=GenerationState.DONE))),
            failures=figure(Count("pk", filter=Q(state=GenerationState.FAILED))),
            tokens=figure(Sum(F("tokens_in") + F("tokens_out"))),
            spent=figure(Sum(F("cost") + F("reserved")), MONEY),
        )
    )


def spend_by_day(endpoint: ModelEndpoint, days: int = 14) -> list[dict[str, Any]]:
    """The last days on which it answered: answers, tokens, cost; the newest first."""
    rows: Any = (
        Generation.objects.filter(endpoint=endpoint, finished_at__isnull=False)
        .annotate(day=TruncDate("finished_at"))
        .values("day")
        .annotate(
            answers=Count("pk", filter=Q(state=GenerationState.DONE)),
            failures=Count("pk", filter=Q(state=GenerationState.FAILED)),
            tokens_in=Sum("tokens_in"),
            tokens_out=Sum("tokens_out"),
            cost=Sum("cost"),
        )
        .order_by("-day")
    )
    return list(rows[:days])


def last_failures(endpoint: ModelEndpoint, most: int = 5) -> QuerySet[Generation]:
    failed = Generation.objects.filter(endpoint=endpoint, state=GenerationState.FAILED)
    return failed.order_by("-finished_at")[:most]


def batches_in(workspace: Workspace) -> QuerySet[Batch]:
    """Samplings, the newest first, each with `.total`, `.answered` (and kept) and `.failed`."""
    return (
        Batch.objects.filter(workspace=workspace)
        .select_related("job", "created_by")
        .annotate(
            total=Count("entries"),
            answered=Count("entries", filter=Q(entries__completion__isnull=False)),
            failed=Count("entries", filter=Q(entries__generation__state=GenerationState.FAILED)),
        )
        .order_by("-pk")
    )


def batch_by_model(batch: Batch) -> list[dict[str, Any]]:
    """How a batch stands for each model: totals, tokens, cost, the last reason of a failure."""
    rows: Any = (
        BatchEntry.objects.filter(batch=batch)
        .values(name=F("generation__endpoint__name"))
        .annotate(
            total=Count("pk"),
            answered=Count("completion"),
            failed=Count("pk", filter=Q(generation__state=GenerationState.FAILED)),
            tokens_in=Sum("generation__tokens_in"),
            tokens_out=Sum("generation__tokens_out"),
            cost=Sum(F("generation__cost") + F("generation__reserved")),
        )
        .order_by("name")
    )
    return list(rows)


def trials_in(workspace: Workspace) -> QuerySet[Trial]:
    return Trial.objects.filter(workspace=workspace).order_by("-pk")


def battles_of(user: Any, workspace: Workspace) -> QuerySet[Battle]:
    return Battle.objects.filter(user=user, workspace=workspace).select_related("left", "right")
