"""A job and the workers that take jobs. What follows from the rows is asked in queries.py.

Every time in these rows is the database's: a worker's clock may be an hour off.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Queue(models.TextChoices):
    DEFAULT = "default", _("default")  # imports, exports, checks: any worker can do them
    GPU = "gpu", _("gpu")  # sampling and training: one job at a time for each worker


class State(models.TextChoices):
    # Waits for a worker, not before `not_before`. Left by claim (running) and cancel (cancelled).
    QUEUED = "queued", _("Queued")
    # A worker holds the lease. Left by finish (done, failed, cancelled, or queued again) and,
    # when the lease runs out, by the reconciler (queued again, failed or cancelled).
    RUNNING = "running", _("Running")
    # The work returned; `result` says what. Stays.
    DONE = "done", _("Done")
    # The work cannot go on; `error` says why and what to do. Left by retry (queued).
    FAILED = "failed", _("Failed")
    # A person stopped it. Left by retry (queued).
    CANCELLED = "cancelled", _("Cancelled")


AWAY_SECONDS = 20  # a worker that was not seen for so long counts as absent
ACTIVE = (State.QUEUED, State.RUNNING)
FINISHED = (State.DONE, State.FAILED, State.CANCELLED)


class Job(models.Model):
    kind = models.CharField(max_length=60)  # a name in webapp.jobs.kinds
    queue = models.CharField(max_length=10, choices=Queue.choices, default=Queue.DEFAULT)
    arguments = models.JSONField(default=dict)  # what to work on, by id; never a secret
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,  # null: the system itself
        related_name="+",
    )
    workspace = models.ForeignKey(
        "workspaces.Workspace",
        on_delete=models.CASCADE,
        null=True,  # null: a job of the site
        related_name="+",
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    # The fencing token: each claim adds one, and a running job is written only by who names it.
    attempt = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=3)
    not_before = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, blank=True)  # who holds or last held it
    cancel_requested_at = models.DateTimeField(null=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)  # null: not known (yet)
    message = models.CharField(max_length=200, blank=True)
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=500, blank=True)  # a sentence for the owner
    detail = models.TextField(blank=True)  # for whoever runs the site: a traceback, a log's end
    request_id = models.CharField(max_length=36, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)  # of the newest attempt
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="a_job_has_a_known_state"
            ),
            models.CheckConstraint(
                condition=Q(queue__in=Queue.values), name="a_job_has_a_known_queue"
            ),
            models.CheckConstraint(
                condition=~Q(state=State.RUNNING)
                | Q(
                    lease_until__isnull=False,
                    heartbeat_at__isnull=False,
                    started_at__isnull=False,
                    attempt__gte=1,
                )
                & ~Q(worker=""),
                name="a_running_job_has_a_worker_and_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(state=State.RUNNING) | Q(lease_until__isnull=True),
                name="only_a_running_job_has_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(state__in=FINISHED, finished_at__isnull=False)
                | Q(state__in=ACTIVE, finished_at__isnull=True),
                name="a_job_has_an_end_when_it_is_finished",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.FAILED) | ~Q(error=""), name="a_failed_job_says_why"
            ),
            models.CheckConstraint(
                condition=~Q(state=State.QUEUED) | Q(cancel_requested_at__isnull=True),
                name="a_queued_job_is_cancelled_at_once",
            ),
            models.CheckConstraint(
                condition=Q(attempt__lte=F("max_attempts")),
                name="a_job_is_not_tried_more_often_than_allowed",
            ),
            models.CheckConstraint(
                condition=Q(done__gte=0) & (Q(total__isnull=True) | Q(total__gte=F("done"))),
                name="progress_stays_within_its_total",
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "id"], name="jobs_to_claim", condition=Q(state=State.QUEUED)
            ),
            models.Index(
                fields=["lease_until"], name="jobs_to_watch", condition=Q(state=State.RUNNING)
            ),
            models.Index(fields=["workspace", "-id"], name="jobs_by_workspace"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_finished(self) -> bool:
        return self.state in FINISHED

    @property
    def is_stopping(self) -> bool:
        return self.state == State.RUNNING and self.cancel_requested_at is not None

    @property
    def percent(self) -> int | None:
        """0 to 100, or None while the total is unknown."""
        if self.state == State.DONE:
            return 100
        return int(100 * self.done / self.total) if self.total else None


class Worker(models.Model):
    """A process that says every few seconds that it is there. Rows unseen for a day are removed."""

    RECONCILER = "reconciler"  # the duty of the process that looks after all queues
    DUTIES = [*Queue.choices, (RECONCILER, _("reconciler"))]

    name = models.CharField(max_length=120, unique=True)  # queue@host:pid
    queue = models.CharField(max_length=10, choices=DUTIES)
    host = models.CharField(max_length=100)
    pid = models.PositiveIntegerField()
    slots = models.PositiveSmallIntegerField(default=1)  # jobs at a time
    gpu = models.CharField(max_length=200, blank=True)  # "no GPU: CPU training" where there is none
    refused = models.PositiveIntegerField(default=0)  # messages of the broker that made no sense
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    stopped_at = models.DateTimeField(null=True)  # it said goodbye

    class Meta:
        ordering = ["queue", "name"]

    def __str__(self) -> str:
        return self.name
