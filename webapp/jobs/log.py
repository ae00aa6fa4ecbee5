"""One line in the log for each change of a job's state, with the request that caused the job."""

import logging

from webapp.jobs.models import Job

logger = logging.getLogger("rondo.jobs")


def note(job: Job, event: str, sentence: str = "", *, level: int = logging.INFO) -> None:
    """Write "job 7 import (attempt 2 of 3): lost. The worker ..."; the fields go beside it."""
    logger.log(
        level,
        "job %s %s (attempt %s of %s): %s%s",
        job.pk,
        job.kind,
        job.attempt,
        job.max_attempts,
        event,
        f". {sentence}" if sentence else "",
        extra={
            "event": f"job.{event}",
            "job": job.pk,
            "kind": job.kind,
            "queue": job.queue,
            "attempt": job.attempt,
            "worker": job.worker,
            "request_id": job.request_id,
        },
    )
