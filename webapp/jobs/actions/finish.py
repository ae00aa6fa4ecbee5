"""The ways in which a running job leaves its worker.

Each is one statement that names id and attempt: whoever lost the lease changes nothing and gets
LeaseLost. Times are the database's.
"""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Now

from webapp.jobs.errors import LeaseLost
from webapp.jobs.kinds import give_up
from webapp.jobs.log import note
from webapp.jobs.models import Job, State

LONGEST_BACKOFF = timedelta(minutes=10)
LONGEST_DETAIL = 20_000  # characters; the end of a traceback or log is what helps


def complete(*, job: Job, result: dict[str, Any], **progress: Any) -> None:
    _leave(
        job,
        "done",
        state=State.DONE,
        result=result,
        finished_at=Now(),
        error="",
        detail="",
        **progress,
    )


def fail(*, job: Job, error: str, detail: str = "") -> None:
    """The end: trying again would not help, or was tried often enough."""
    _leave(
        job,
        "failed",
        error,
        level=logging.ERROR,
        state=State.FAILED,
        finished_at=Now(),
        error=_short(error),
        detail=detail[-LONGEST_DETAIL:],
    )


def stop(*, job: Job) -> None:
    """A person's wish was followed."""
    _leave(job, "cancelled", state=State.CANCELLED, finished_at=Now())


def hand_back(*, job: Job) -> None:
    """The worker is leaving in order: the attempt is given back, the fencing token is not."""
    _leave(
        job,
        "handed back",
        "The worker is being stopped",
        not_before=Now(),
        max_attempts=F("max_attempts") + 1,
        **queued_unless_cancelled(),
    )


def try_again(*, job: Job, error: str, detail: str = "") -> None:
    """Queue it once more after a pause that doubles; the last attempt fails for good instead."""
    if job.attempt >= job.max_attempts:
        with transaction.atomic():
            fail(job=job, error=error, detail=detail)
            job.refresh_from_db()
            give_up(job)
        return
    _leave(
        job,
        "will be tried again",
        error,
        level=logging.WARNING,
        not_before=Now() + backoff(job.attempt),
        error=_short(error),
        detail=detail[-LONGEST_DETAIL:],
        **queued_unless_cancelled(),
    )


def queued_unless_cancelled() -> dict[str, Any]:
    """The changes that put a job back; one that somebody wanted to stop ends here instead."""
    return {
        "state": Case(
            When(cancel_requested_at__isnull=False, then=Value(State.CANCELLED)),
            default=Value(State.QUEUED),
        ),
        "finished_at": Case(When(cancel_requested_at__isnull=False, then=Now()), default=None),
    }


def backoff(attempt: int) -> timedelta:
    """10 s, 20 s, 40 s ... after attempt 1, 2, 3 ..., ten minutes at most."""
    return min(
        timedelta(seconds=settings.JOBS_BACKOFF_SECONDS) * 2 ** min(attempt - 1, 20),
        LONGEST_BACKOFF,
    )


def _leave(
    job: Job, event: str, sentence: str = "", *, level: int = logging.INFO, **changes: Any
) -> None:
    """Apply `changes` if this attempt still owns the job.

    Raises:
        LeaseLost: it does not.
    """
    mine = Job.objects.filter(pk=job.pk, attempt=job.attempt, state=State.RUNNING)
    if not mine.update(lease_until=None, **changes):
        raise LeaseLost
    note(job, event, sentence, level=level)


def _short(sentence: str) -> str:
    most = 500
    return sentence if len(sentence) <= most else sentence[: most - 1] + "…"
