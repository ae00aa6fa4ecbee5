"""Settle many clusters of near duplicates by one rule: those of a page, or all that are open."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Case, Count, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Length
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions.settle_cluster import State, settle_cluster, undo_settlement
from annotation.models import DuplicateCluster, Prompt, Settlement
from annotation.models.prompts import Split
from annotation.prompt_filter import JUDGEMENTS
from annotation.queries import current
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.workspaces.models import Workspace

AT_ONCE = 20  # clusters that a request settles itself; more are a job
KIND = "prompts.settle"
UNDO_KIND = "prompts.unsettle"
Rule = Settlement.Rule


@transaction.atomic
def settle_many(
    *,
    workspace: Workspace,
    by: Any,
    decision: str,
    rule: str,
    clusters: Sequence[int] | None = None,
    only_exact: bool = False,
) -> Settlement:
    """Decide alike about these clusters, or about all that are open: up to 20 at once, else a job.

    rule: which prompt of a cluster stays (Settlement.Rule). only_exact: of all open ones those
    whose prompts have the same words. A cluster that cannot be settled (too large, or somebody is
    at work on it) stays open and is counted as left.

    Raises:
        ValidationError: an unknown decision or rule, nothing to settle, or another bulk decision is
            still being made.
    """
    if decision not in (State.KEPT, State.RETIRED, State.MERGED):
        raise ValidationError(_("Decide for one of: kept, retired, merged."))
    if rule not in Rule.values:
        raise ValidationError(_("Which prompt stays is one of: %s.") % ", ".join(Rule.values))
    Workspace.objects.select_for_update().get(pk=workspace.pk)  # one after another
    for other in Settlement.objects.filter(workspace=workspace, finished_at__isnull=True):
        if other.job and not other.job.is_finished:
            raise ValidationError(_("Another decision about many is being made. Wait for its job."))
    found = DuplicateCluster.objects.filter(search__workspace=workspace, state=State.OPEN)
    if clusters is not None:
        found = found.filter(pk__in=clusters[:AT_ONCE])
    elif only_exact:
        found = found.filter(exact=True)
    count = found.count()
    if not count:
        raise ValidationError(_("No open duplicates were chosen. Choose some on the page."))
    row = Settlement.objects.create(
        workspace=workspace, by=by, decision=decision, rule=rule, only_exact=only_exact
    )
    found.update(settlement=row)  # these and no later ones
    if count <= AT_ONCE:
        run_settlement(row=row, on_each=lambda done: None)
    else:
        row.job = enqueue(
            kind=KIND, owner=by, workspace=workspace, arguments={"settlement": row.pk}
        )
        row.save(update_fields=["job"])
    record(
        actor=by,
        action="prompts.settle_many",
        target=row,
        workspace=workspace,
        changes={"state": [State.OPEN, decision], "clusters": [0, count], "keep": ["", rule]},
    )
    return row


def run_settlement(*, row: Settlement, on_each: Callable[[int], None]) -> None:
    """Cluster by cluster, each in its transaction; run again after a stop it goes on."""
    for done, cluster in enumerate(_each(row.clusters.filter(state=State.OPEN)), 1):
        try:
            with transaction.atomic():
                settle_cluster(
                    cluster=cluster, by=row.by, decision=row.decision, keep=_stays(cluster, row)
                )
        except ValidationError:  # too large, or somebody is at work: a person decides
            DuplicateCluster.objects.filter(pk=cluster.pk).update(settlement=None)
            Settlement.objects.filter(pk=row.pk).update(left=F("left") + 1)
        on_each(done)
    row.finished_at = timezone.now()
    row.save(update_fields=["finished_at"])
    row.refresh_from_db(fields=["left"])


@transaction.atomic
def undo_settlements(*, row: Settlement, by: Any) -> Settlement:
    """Open every cluster again that this decision settled: up to 20 at once, else by a job.

    Raises:
        ValidationError: it is still being made, or was taken back before.
    """
    row = Settlement.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if row.finished_at is None and not (row.job and row.job.is_finished):
        raise ValidationError(_("This decision is still being made. Wait for its job."))
    if row.undone_at is not None:
        raise ValidationError(_("This decision was taken back already."))
    row.undone_at, row.undone_by = timezone.now(), by
    if row.settled().count() <= AT_ONCE:
        run_undo(row=row, on_each=lambda done: None)
    else:
        row.job = enqueue(
            kind=UNDO_KIND, owner=by, workspace=row.workspace, arguments={"settlement": row.pk}
        )
    row.save(update_fields=["undone_at", "undone_by", "job"])
    record(
        actor=by,
        action="prompts.unsettle_many",
        target=row,
        workspace=row.workspace,
        changes={"state": [row.decision, State.OPEN]},
    )
    return row


def run_undo(*, row: Settlement, on_each: Callable[[int], None]) -> None:
    """What newer work stands in the way of stays settled; the page counts it."""
    for done, cluster in enumerate(_each(row.settled()), 1):
        try:
            with transaction.atomic():
                undo_settlement(cluster=cluster, by=row.undone_by)
        except ValidationError:
            pass  # its own page says why when somebody tries there
        on_each(done)


def _each(clusters: QuerySet[DuplicateCluster]) -> Iterator[DuplicateCluster]:
    """By id, so that one that cannot be settled is met once."""
    last = 0
    while cluster := clusters.filter(pk__gt=last).order_by("pk").first():
        last = cluster.pk
        yield cluster


def _stays(cluster: DuplicateCluster, row: Settlement) -> int:
    """The id of the prompt that the rule keeps. Of equal ones the oldest; held-out ones first."""
    members = Prompt.objects.filter(memberships__cluster=cluster)
    held_out_first = Case(
        When(split=Split.HELD_OUT, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    if row.rule == Rule.OLDEST:
        return members.order_by(held_out_first, "pk").values_list("pk", flat=True)[0]
    if row.rule == Rule.LONGEST:
        by_length = members.order_by(held_out_first, Length("text").desc(), "pk")
        return by_length.values_list("pk", flat=True)[0]
    work = dict(members.annotate(n=Count("completions")).values_list("pk", "n"))
    for table in JUDGEMENTS:
        given = current(table._default_manager.filter(prompt__in=list(work))).order_by()
        for key, count in given.values_list("prompt").annotate(n=Count("pk")):
            work[key] += count
    order = members.order_by(held_out_first, "pk").values_list("pk", "split")
    return min(order, key=lambda each: (each[1] != Split.HELD_OUT, -work[each[0]], each[0]))[0]
