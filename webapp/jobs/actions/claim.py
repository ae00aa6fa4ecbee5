"""Take the oldest job that is due."""

from django.conf import settings

from webapp.jobs.kinds import known_kinds
from webapp.jobs.log import note
from webapp.jobs.models import Job

# One statement: a row that another worker is taking is passed over, not waited for. The clock is
# the database's, and the time of the statement: a transaction's now() would stand still.
CLAIM = """
WITH next AS (
    SELECT id FROM jobs_job
    WHERE state = 'queued' AND queue = %s AND not_before <= statement_timestamp()
      AND kind = ANY(%s)
    ORDER BY id LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE jobs_job SET
    state = 'running', attempt = attempt + 1, worker = %s,
    started_at = statement_timestamp(), heartbeat_at = statement_timestamp(),
    lease_until = statement_timestamp() + make_interval(secs => %s)
FROM next WHERE jobs_job.id = next.id
RETURNING jobs_job.*
"""


def claim(*, queue: str, worker: str) -> Job | None:
    """The oldest due job of `queue`, now held by `worker`; None when there is none.

    Kinds unknown to this version of Rondo are left for a worker that knows them.
    """
    found = Job.objects.raw(CLAIM, [queue, known_kinds(), worker, settings.JOBS_LEASE_SECONDS])
    job = next(iter(found), None)
    if job is not None:
        note(job, "started", f"Worker {worker}")
    return job
