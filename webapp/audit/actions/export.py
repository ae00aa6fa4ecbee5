"""Ask for the audit trail as a file."""

from typing import Any

from django.db import transaction

from webapp.audit.actions.record import record
from webapp.jobs import enqueue


@transaction.atomic
def export_audit_trail(*, workspace: Any, by: Any) -> Any:
    """A job that writes the entries of `workspace` (of the whole site when None) as CSV.

    The export is itself an entry: who took the trail away is part of the trail.
    """
    job = enqueue(kind="audit export", owner=by, workspace=workspace)
    record(actor=by, action="audit.export", target=job, workspace=workspace)
    return job
