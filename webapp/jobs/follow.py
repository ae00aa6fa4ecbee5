"""A job on the command line: a bar that moves until the job has ended."""

import time
from collections.abc import Callable

from webapp.jobs.models import Job, State
from webapp.jobs.queries import Outlook

WIDTH = 40  # characters of the bar
LOOK_SECONDS = 1.0
COLUMNS = 120


def bar(job: Job, reason: str = "") -> str:
    """Progress and stage of a job as one line; `reason` why it does not move."""
    share = 1.0 if job.state == State.DONE else 0.0
    if job.total:
        share = min(1.0, job.done / job.total)
    of = f"{job.done}/{job.total or '?'}"
    words = reason or job.message or job.state
    return f"[{'#' * int(share * WIDTH):<{WIDTH}}] {of} {words}"[:COLUMNS]


def follow(job: Job, write: Callable[[str], None]) -> Job:
    """Show the bar each second; the job as it ended. It goes on when the follower is stopped."""
    while True:
        job = Job.objects.get(pk=job.pk)
        write(f"\r{bar(job, Outlook().reason(job)):<{COLUMNS}}")
        if job.is_finished:
            write("\n")
            return job
        time.sleep(LOOK_SECONDS)
