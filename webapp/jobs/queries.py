"""What the rows of jobs and workers say together. Ages are measured by the database's clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from webapp.jobs.kinds import kind_named
from webapp.jobs.models import AWAY_SECONDS, Job, Queue, State, Worker

QUIET_SECONDS = 15  # a running job that says nothing for longer is worth a remark


def jobs_in(workspace: Any) -> QuerySet[Job]:
    """The jobs of a workspace, newest first."""
    return Job.objects.filter(workspace=workspace).select_related("owner", "workspace")


def all_jobs() -> QuerySet[Job]:
    """The jobs of all workspaces and of the site, newest first: for site admins."""
    return Job.objects.select_related("owner", "workspace")


def last_done(kind: str) -> Job | None:
    return Job.objects.filter(kind=kind, state=State.DONE).first()


def workers_there() -> QuerySet[Worker]:
    return Worker.objects.filter(
        stopped_at=None, seen_at__gt=Now() - timedelta(seconds=AWAY_SECONDS)
    )


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now


class Outlook:
    """Why jobs wait: asked once for a page, answered for each of its jobs."""

    def __init__(self) -> None:
        self.now = database_now()
        there = workers_there().values_list("queue").annotate(Count("pk"))
        self.there: dict[str, int] = dict(there.order_by())
        seen = Worker.objects.values_list("queue").annotate(Max("seen_at"))
        self.last_seen: dict[str, datetime] = dict(seen.order_by())

    def seconds_since(self, moment: datetime) -> int:
        return max(0, int((self.now - moment).total_seconds()))

    def no_worker_for(self, queue: str, since: datetime) -> int | None:
        """For how many seconds `queue` has had no worker; None when one is there.

        `since` counts when no worker was ever seen.
        """
        if self.there.get(queue):
            return None
        return self.seconds_since(self.last_seen.get(queue, since))

    def position(self, job: Job) -> int:
        """1 for the job that is taken next, 2 for the one after ..."""
        ahead = Job.objects.filter(state=State.QUEUED, queue=job.queue, pk__lt=job.pk)
        return ahead.filter(not_before__lte=Now()).count() + 1

    def reason(self, job: Job) -> str:
        """A sentence about why the job does not move; empty when it does, or is finished."""
        if job.state == State.RUNNING:
            return self._reason_of_running(job)
        if job.state == State.QUEUED:
            return self._reason_of_queued(job)
        return ""

    def _reason_of_running(self, job: Job) -> str:
        if job.cancel_requested_at:
            asked = self.seconds_since(job.cancel_requested_at)
            return _("Asked to stop %(age)s ago; it ends at its next step.") % {"age": age(asked)}
        assert job.heartbeat_at is not None
        quiet = self.seconds_since(job.heartbeat_at)
        if quiet < QUIET_SECONDS:
            return ""
        if not self.there.get(Worker.RECONCILER):
            return _(
                "No sign of life for %(age)s, and no reconciler takes it back: "
                "start one with “python manage.py reconcile”."
            ) % {"age": age(quiet)}
        return _(
            "No sign of life for %(age)s. After %(lease)s it is taken from its worker and "
            "started again."
        ) % {"age": age(quiet), "lease": age(settings.JOBS_LEASE_SECONDS)}

    def _reason_of_queued(self, job: Job) -> str:
        if kind_named(job.kind) is None:
            return _(
                "This version of Rondo does not know the kind “%(kind)s”: it waits for a worker "
                "of the version that does."
            ) % {"kind": job.kind}
        pause = (job.not_before - self.now).total_seconds()
        if pause > 0:
            return _("It is tried again in %(age)s.") % {"age": age(int(pause) + 1)}
        absent = self.no_worker_for(job.queue, job.created_at)
        if absent is not None:
            return _(
                "Waiting: no worker on queue %(queue)s for %(age)s. Start one with "
                "“python manage.py work --queue %(queue)s”."
            ) % {"queue": job.queue, "age": age(absent)}
        position = self.position(job)
        if position == 1:
            return _("Next on queue %(queue)s, when a worker is free.") % {"queue": job.queue}
        return ngettext(
            "Waiting for a free worker on queue %(queue)s, %(count)s job ahead.",
            "Waiting for a free worker on queue %(queue)s, %(count)s jobs ahead.",
            position - 1,
        ) % {"queue": job.queue, "count": position - 1}


def workers_with_jobs(outlook: Outlook) -> list[dict[str, Any]]:
    """Every known worker with what it does now: `worker`, `jobs`, `there`, `quiet` (seconds)."""
    running: dict[str, list[Job]] = {}
    for job in Job.objects.filter(state=State.RUNNING).order_by("pk"):
        running.setdefault(job.worker, []).append(job)
    rows = []
    for worker in Worker.objects.all():
        quiet = outlook.seconds_since(worker.seen_at)
        there = worker.stopped_at is None and quiet < AWAY_SECONDS
        jobs = running.get(worker.name, [])
        rows.append({"worker": worker, "jobs": jobs, "there": there, "quiet": quiet})
    return sorted(rows, key=lambda row: not row["there"])


def age(seconds: int) -> str:
    """40 s, 3 min, 2 h: short, for sentences and tables."""
    if seconds < 120:
        return _("%(n)s s") % {"n": seconds}
    if seconds < 2 * 3600:
        return _("%(n)s min") % {"n": seconds // 60}
    if seconds < 2 * 86_400:
        return _("%(n)s h") % {"n": seconds // 3600}
    return _("%(n)s days") % {"n": seconds // 86_400}


def absent_queues(queues: Sequence[str] = (*Queue.values, Worker.RECONCILER)) -> list[str]:
    """The duties that nobody sees to now."""
    there = set(workers_there().values_list("queue", flat=True))
    return [queue for queue in queues if queue not in there]
