"""The audit trail as a file."""

import json
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.artifacts import writing
from webapp.audit.models import AuditEntry
from webapp.audit.queries import entries
from webapp.csv_rows import csv_row
from webapp.jobs import Work, job_kind

COLUMNS = ("at", "actor", "action", "target", "changes", "ip", "request_id")
A_BATCH = 1000


@job_kind("audit export", label=gettext_lazy("Audit trail as CSV"), max_attempts=3)
def export_audit_trail(work: Work) -> dict[str, Any]:
    """Write every entry up to now, the oldest first, streamed: memory does not grow with them."""
    found = entries(work.job.workspace).order_by("pk")
    newest = found.values_list("pk", flat=True).last() or 0
    found = found.filter(pk__lte=newest)
    total = found.count()
    work.progress(0, total, _("Writing entries"))
    path = work.artifact_path("audit.csv")
    rows = 0
    with writing(path, name=_file_name(work), content_type="text/csv; charset=utf-8") as file:
        file.write(csv_row(COLUMNS))
        for rows, entry in enumerate(found.iterator(chunk_size=A_BATCH), start=1):
            file.write(csv_row(_cells(entry)))
            work.progress(rows, total)
    assert file.artifact is not None
    return {"rows": rows, "artifact": file.artifact.as_dict()}


def _cells(entry: AuditEntry) -> tuple[Any, ...]:
    return (
        entry.at.isoformat(),
        entry.actor.email if entry.actor else "",
        entry.action,
        entry.target,
        json.dumps(entry.changes, ensure_ascii=False, sort_keys=True) if entry.changes else "",
        entry.ip or "",
        entry.request_id,
    )


def _file_name(work: Work) -> str:
    where = work.job.workspace.slug if work.job.workspace else "site"
    return f"audit-{where}-{work.job.pk}.csv"
