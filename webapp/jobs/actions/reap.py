"""Take back the jobs of workers that fell silent."""

import logging

from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from webapp.jobs.actions.finish import queued_unless_cancelled
from webapp.jobs.kinds import give_up
from webapp.jobs.log import note
from webapp.jobs.models import Job, State

BATCH = 100

# After an outage of the database every lease looks old, though its workers are well: they get one
# full term from the server's start to renew it.
SERVER_IS_UP_FOR_A_TERM = """
pg_postmaster_start_time() < statement_timestamp() - make_interval(secs => %s)
"""


@transaction.atomic
def reap(*, server_up_for: float | None = None) -> list[Job]:
    """End or queue again every running job whose lease is over; returns them, as they are now.

    `server_up_for`: seconds that the database must have been running, a lease's term if not given.
    A row that its worker is renewing at this moment is locked, and passed over.
    """
    over = Job.objects.filter(
        RawSQL(  # noqa: S611 - a constant; its value is a parameter
            SERVER_IS_UP_FOR_A_TERM,
            [settings.JOBS_LEASE_SECONDS if server_up_for is None else server_up_for],
            output_field=BooleanField(),
        ),
        state=State.RUNNING,
        lease_until__lt=Now(),
    )
    found = list(over.select_for_update(skip_locked=True)[:BATCH])
    for job in found:
        sentence = _(
            "Worker %(worker)s fell silent during attempt %(attempt)s. It was killed, ran out of "
            "memory, lost its database, or hangs: see its log."
        ) % {"worker": job.worker, "attempt": job.attempt}
        changes = {"lease_until": None, "error": sentence, "not_before": Now()}
        if job.cancel_requested_at is None and job.attempt >= job.max_attempts:
            changes |= {"state": State.FAILED, "finished_at": Now()}
        else:
            changes |= queued_unless_cancelled()
        Job.objects.filter(pk=job.pk).update(**changes)
        job.refresh_from_db()
        note(job, f"lost, now {job.state}", sentence, level=logging.WARNING)
        if job.state == State.FAILED:
            give_up(job)
    return found
