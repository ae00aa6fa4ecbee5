"""Stop a job."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from webapp.audit.actions.record import record
from webapp.jobs.log import note
from webapp.jobs.models import Job, State


@transaction.atomic
def cancel(*, job: Job, by: Any) -> Job:
    """A queued job is cancelled at once; a running one is told at its next heartbeat.

    Raises:
        ValidationError: the job is finished already.
    """
    row = Job.objects.select_for_update().get(pk=job.pk)
    if row.is_finished:
        raise ValidationError(
            _("Job %(id)s is %(state)s already; there is nothing to cancel.")
            % {"id": row.pk, "state": row.get_state_display().lower()}
        )
    if row.is_stopping:
        return row
    changes: dict[str, Any] = {"cancel_requested_at": Now()}
    if row.state == State.QUEUED:
        changes = {"state": State.CANCELLED, "finished_at": Now()}
    Job.objects.filter(pk=row.pk).update(**changes)
    row.refresh_from_db()
    record(actor=by, action="job.cancel", target=row, workspace=row.workspace)
    note(row, "cancelled" if row.is_finished else "asked to stop")
    return row
