"""A look at all jobs for what cannot be, or cannot stay.

The database's constraints refuse most impossible states. These are the ones that only time, a
foreign hand or another version of Rondo can bring about. `manage.py doctor` fails on any of them.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.db.models.functions import Now

from webapp.jobs.kinds import known_kinds
from webapp.jobs.models import Job, State

STUCK_CANCEL = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=1)


def census() -> list[str]:
    """One sentence for each job that is wrong, with what to do; empty when all is well."""
    return [
        f"Job {job.pk} ({job.kind}) {sentence}"
        for condition, sentence in _impossible()
        for job in Job.objects.filter(condition)[:20]
    ]


def _impossible() -> Iterator[tuple[Q, str]]:
    running, queued = Q(state=State.RUNNING), Q(state=State.QUEUED)
    terms = timedelta(seconds=2 * settings.JOBS_LEASE_SECONDS + 30)
    yield (
        running & Q(lease_until__lt=Now() - terms),
        "is running, but its lease ended long ago and nobody took it back: "
        "is a reconciler running (python manage.py reconcile)?",
    )
    yield (
        running & Q(lease_until__gt=Now() + terms),
        "has a lease that ends too far in the future: was the database's clock set back?",
    )
    yield (
        running & Q(cancel_requested_at__lt=Now() - STUCK_CANCEL),
        "was asked to stop long ago and still runs: end its worker.",
    )
    yield (
        queued & ~Q(kind__in=known_kinds()),
        "waits, but this version of Rondo knows no such kind: upgrade the workers, or cancel it.",
    )
    yield (
        queued & Q(not_before__gt=Now() + LONGEST_PAUSE),
        "is put off for longer than any pause between attempts: cancel it and start it again.",
    )
    yield (
        Q(finished_at__lt=F("created_at")) | Q(finished_at__lt=F("started_at")),
        "was finished before it began: was the database's clock set back?",
    )
