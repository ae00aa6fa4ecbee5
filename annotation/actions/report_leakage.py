"""Which prompts for training repeat what is measured by: counted, and listed as a file."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import Prompt, Split
from webapp.artifacts import writing
from webapp.audit.actions.record import record
from webapp.csv_rows import csv_row
from webapp.jobs import enqueue
from webapp.jobs.models import Job
from webapp.workspaces.models import Workspace

if TYPE_CHECKING:
    from annotation.leakage_guard import KeptOut

KIND = "prompts.leakage"
SHOWN = 200  # on the page; all of them are in the file
COLUMNS = ("prompt", "reason", "protected prompt", "protected by", "text")


@transaction.atomic
def report_leakage(*, workspace: Workspace, by: Any) -> Job:
    """A job that checks every prompt that could be trained on against what is protected."""
    job = enqueue(kind=KIND, owner=by, workspace=workspace)
    record(actor=by, action="prompts.leakage", target=job, workspace=workspace)
    return job


def run_report(
    *, workspace: Workspace, path: str, name: str, progress: Callable[[int, int, str], None]
) -> dict[str, Any]:
    """The job's part. Streams: memory grows with what is protected, not with what is checked."""
    from annotation.leakage_guard import Guard  # numpy

    guard = Guard.of(workspace)
    prompts = Prompt.objects.filter(workspace=workspace, retired_at__isnull=True)
    prompts = prompts.exclude(split=Split.HELD_OUT).order_by("pk")
    total = prompts.count()
    checked = 0

    def counted() -> Any:
        nonlocal checked
        for key in prompts.values_list("pk", flat=True).iterator(chunk_size=2000):
            checked += 1
            if checked % 500 == 0:
                progress(checked, max(total, checked), _("Checking prompts"))
            yield key

    reasons: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    with writing(path, name=name, content_type="text/csv; charset=utf-8") as file:
        file.write(csv_row(COLUMNS))
        for found in guard.kept_out(counted()):
            reasons[found.reason.value] += 1
            file.write(csv_row(_cells(found)))
            if len(rows) < SHOWN:
                rows.append(found.as_json())
    assert file.artifact is not None
    return {
        "checked": checked,
        "protected": len(guard.protected),
        "kept_out": sum(reasons.values()),
        "reasons": dict(reasons),
        "rows": rows,
        "artifact": file.artifact.as_dict(),
    }


def _cells(found: "KeptOut") -> tuple[Any, ...]:
    text = Prompt.objects.values_list("text", flat=True).get(pk=found.prompt_id)
    return (
        found.prompt_id,
        found.reason.value,
        found.protected_id,
        found.protected_by,
        text[:1000],
    )
