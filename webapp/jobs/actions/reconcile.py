"""One pass over what may have been lost: hints, leases, cancels, workers."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from webapp.jobs.actions.reap import reap
from webapp.jobs.hints import send_hint
from webapp.jobs.log import note
from webapp.jobs.models import Job, State, Worker
from webapp.jobs.queries import workers_there
from webapp.jobs.watch import look_after

ONE_AT_A_TIME = 4_702_111_234  # the advisory lock's number; any that nobody else uses
HINT_AGAIN_SECONDS = 10
CANCEL_IS_STUCK = timedelta(seconds=60)
WORKERS_ARE_KEPT = timedelta(days=1)


@dataclass
class Memory:
    """What one reconciler process remembers between passes; losing it costs a doubled line."""

    stuck: set[int] = field(default_factory=set)


def reconcile(memory: Memory) -> bool:
    """Take back dead leases, note stuck cancels, forget old workers, send hints again, and ask
    the rooms that watch for something.

    Returns False when another reconciler is in the middle of a pass: then nothing is done.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
            if cursor.fetchone() != (True,):
                return False
        queues = {job.queue for job in reap() if job.state == State.QUEUED}
        _note_stuck_cancels(memory)
        Worker.objects.filter(seen_at__lt=Now() - WORKERS_ARE_KEPT).delete()
        queues |= _forgotten_queues()
    for queue in sorted(queues):
        send_hint(queue)
    look_after()
    return True


def _forgotten_queues() -> set[str]:
    """Queues with a job that has been due for a while although a worker is there.

    Without a worker a hint would only lie in the broker; the worker looks when it starts.
    """
    a_while = timedelta(seconds=HINT_AGAIN_SECONDS)
    alive = workers_there()
    waiting = Job.objects.filter(state=State.QUEUED, not_before__lt=Now() - a_while)
    return set(waiting.filter(queue__in=alive.values("queue")).values_list("queue", flat=True))


def _note_stuck_cancels(memory: Memory) -> None:
    stopping = Job.objects.filter(state=State.RUNNING, cancel_requested_at__isnull=False)
    stuck = stopping.filter(cancel_requested_at__lt=Now() - CANCEL_IS_STUCK).annotate(
        asked=Now() - F("cancel_requested_at")
    )
    seen = set()
    for job in stuck:
        seen.add(job.pk)
        if job.pk not in memory.stuck:
            sentence = (
                f"Asked to stop {job.asked.total_seconds():.0f} s ago and still beating: the "
                f"work does not let JobCancelled pass. End the worker {job.worker} to be rid of it"
            )
            note(job, "does not stop", sentence, level=logging.WARNING)
    memory.stuck = seen
