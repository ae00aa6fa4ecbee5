"""Begin a job again that ended without success."""

from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from webapp.audit.actions.record import record
from webapp.jobs.hints import send_hint
from webapp.jobs.kinds import kind_named
from webapp.jobs.log import note
from webapp.jobs.models import Job, State


@transaction.atomic
def retry(*, job: Job, by: Any) -> Job:
    """Queue a failed or cancelled job once more, with as many attempts as its kind allows.

    Raises:
        ValidationError: the job is waiting, running or done, or nobody knows its kind any more.
    """
    row = Job.objects.select_for_update().get(pk=job.pk)
    if row.state not in (State.FAILED, State.CANCELLED):
        raise ValidationError(
            _("Job %(id)s is %(state)s; only a failed or cancelled job can be started again.")
            % {"id": row.pk, "state": row.get_state_display().lower()}
        )
    kind = kind_named(row.kind)
    if kind is None:
        raise ValidationError(
            _("This version of Rondo no longer knows jobs of the kind “%(kind)s”.")
            % {"kind": row.kind}
        )
    Job.objects.filter(pk=row.pk).update(
        state=State.QUEUED,
        max_attempts=F("attempt") + kind.max_attempts,
        not_before=Now(),
        cancel_requested_at=None,
        finished_at=None,
        error="",
        detail="",
        message="",
        done=0,
        total=None,
        result={},
    )
    row.refresh_from_db()
    record(actor=by, action="job.retry", target=row, workspace=row.workspace)
    note(row, "queued", "Started again by a person")
    transaction.on_commit(partial(send_hint, row.queue), robust=True)
    return row
