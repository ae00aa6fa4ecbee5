"""What a worker does for an uploaded file: the dry run, and the import."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from annotation.actions.import_data import ImportPlan, ImportReport, import_data
from annotation.models import Import, ImportState
from webapp import artifacts
from webapp.artifacts import Artifact
from webapp.jobs import JobFailed, Work

REJECTS = "rejects.jsonl"


def run_check(work: Work) -> dict[str, Any]:
    """Read the whole file and write down what would come in."""
    row = _row(work)
    with work.fenced():
        report, rejects = _read(work, row, dry_run=True)
        row.check_report = report.for_row()
        row.rejects = rejects
        row.format = report.format
        if row.state == ImportState.UPLOADED:
            row.state = ImportState.CHECKED
        row.save(update_fields=["check_report", "rejects", "format", "state"])
    return _result(report)


def run_import(work: Work) -> dict[str, Any]:
    """Import the file in one transaction, which also says that it is in.

    A worker that is killed before the commit has stored nothing; one that is killed after it is
    followed by an attempt that finds the work done.
    """
    row = _row(work)
    if row.state == ImportState.IMPORTED:
        return _counts(row.report)
    with work.fenced():
        report, rejects = _read(work, row, dry_run=False)
        row.rejects = rejects
        if not report.stored:
            row.state, row.report, row.format = (
                ImportState.KEPT_OUT,
                report.for_row(),
                report.format,
            )
        row.save(update_fields=["rejects", "state", "report", "format"])
    return _result(report)


def _row(work: Work) -> Import:
    row = Import.objects.select_related("workspace").filter(pk=work.arguments["import_id"]).first()
    if row is None:
        raise JobFailed(_("The uploaded file was discarded meanwhile."))
    return row


def _read(work: Work, row: Import, *, dry_run: bool) -> tuple[ImportReport, dict[str, Any]]:
    """The report, and the rejects file as an artifact; {} when nothing was refused."""
    plan = ImportPlan.from_json(row.name, row.plan, dry_run=dry_run)
    total = row.check_report.get("rows") or None
    try:
        file = artifacts.reading(row.file["path"])
    except FileNotFoundError:
        raise JobFailed(_("The uploaded file is gone from the store. Upload it again.")) from None
    path = work.artifact_path(REJECTS)
    with (
        file,
        artifacts.writing(
            path, name=f"{row.name}.{REJECTS}", content_type="application/x-ndjson"
        ) as rejects,
    ):
        report = import_data(
            workspace=row.workspace,
            by=work.job.owner,
            file=file,
            plan=plan,
            rejects=rejects,
            progress=_progress(work, total),
            into=row,
        )
    return report, _kept(rejects.artifact)


def _progress(work: Work, total: int | None) -> Callable[[int], None]:
    return lambda rows: work.progress(rows, max(total, rows) if total else None, _("Reading rows"))


def _kept(rejects: Artifact | None) -> dict[str, Any]:
    if rejects is None:
        return {}
    if not rejects.size:
        artifacts.delete(rejects.path)
        return {}
    return rejects.as_dict()


def _result(report: ImportReport) -> dict[str, Any]:
    return _counts(report.as_dict())


def _counts(report: dict[str, Any]) -> dict[str, Any]:
    names = ("rows", "imported", "duplicates", "fixed", "refused_rows", "stored")
    return {name: report[name] for name in names}
