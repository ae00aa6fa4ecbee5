"""Bring a file into a workspace, or say beforehand what would become of it."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions.index_prompts import index_later
from annotation.imports.formats.containers import plain_name
from annotation.imports.formats.reading import Opened, read_file
from annotation.imports.formats.refusals import FileRefused, Refusal
from annotation.imports.formats.streams import Readable, Writable
from annotation.imports.load import BATCH, load
from annotation.imports.plan import ImportPlan
from annotation.imports.prepared import Preparation
from annotation.imports.report import MOST_LISTED, ImportReport, fill, report_of, watched
from annotation.models import Import, ImportState
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace

__all__ = ["ImportPlan", "ImportReport", "import_data", "refusal_line", "source_named"]

_SHOWN = ("line", "offset", "path", "reason")
_READ_ON = 1 << 20


class _UndoImport(Exception):
    """Raised inside the transaction so that nothing of it is kept."""


class _Read:
    """The file, hashed and counted as it is read."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    def sha256(self) -> str:
        """Of the whole file: what the reader left is read too."""
        while self.read(_READ_ON):
            pass
        return self._hash.hexdigest()


def import_data(
    *,
    workspace: Workspace,
    by: Any,
    file: Readable,
    plan: ImportPlan,
    rejects: Writable | None = None,
    progress: Callable[[int], None] = lambda records: None,
    into: Import | None = None,
) -> ImportReport:
    """Read `file` into the workspace in one transaction: it is complete or absent, never in part.

    rejects: gets a JSON line for each refused record: line, offset, path, reason and the original
    (as text, or base64 under `original_base64` when it is no UTF-8). progress: is told the number
    of records read after each batch and may raise to cancel. into: the row of an uploaded file;
    without it a row is made, and stays when the import does.

    Raises:
        ValidationError: the workspace is archived, or no format has the plan's `format_name`.
    """
    if workspace.archived_at:
        raise ValidationError(_("This workspace is archived: nothing can be imported into it."))
    read = _Read(file)
    try:
        opened = read_file(
            read,
            plan.name,
            format_name=plan.format_name,
            options=plan.options,
            limits=plan.limits,
            delimiter=plan.delimiter,
            header=plan.header,
        )
    except FileRefused as error:
        return _unreadable(error, plan, rejects)
    except ValueError as error:
        raise ValidationError(str(error)) from error
    report = report_of(opened)

    def refuse(refusal: Refusal) -> None:
        line = refusal_line(refusal)
        if rejects is not None:
            rejects.write(msgspec.json.encode(line) + b"\n")
        if len(report.refused) < MOST_LISTED:
            report.refused.append({key: line[key] for key in _SHOWN})

    try:
        with transaction.atomic():
            row = _row(workspace, by, plan, into) if not plan.dry_run else None
            results = plan.cleaning.applied(opened, dict(plan.options.languages), plan.options.html)
            counts = load(
                _preparation(plan, opened).batches(watched(results, report), BATCH),
                workspace_id=workspace.pk,
                created_by_id=by.pk if by is not None else None,
                import_id=row.pk if row is not None else None,
                on_refusal=refuse,
                on_batch=lambda counts: progress(counts.rows),
            )
            whole = counts.broken is None and not (plan.all_or_nothing and counts.refused)
            fill(report, counts, stored=whole and not plan.dry_run, accepted=whole)
            if not report.stored or row is None:
                raise _UndoImport
            _write_down(row, read, by, plan, report)
    except _UndoImport:
        pass
    return report


def _preparation(plan: ImportPlan, opened: Opened) -> Preparation:
    return Preparation(
        source=plan.options.source or opened.format.dataset or source_named(plan.name),
        licence=plan.options.licence,
        mask=plan.mask,
        languages=plan.options.languages,
        tags=plan.tags,
        split=plan.split,
        use_case=plan.use_case,
    )


def _row(workspace: Workspace, by: Any, plan: ImportPlan, into: Import | None) -> Import:
    """The row that everything new will name; until the import is complete nobody sees it."""
    if into is not None:
        return into
    return Import.objects.create(
        workspace=workspace,
        name=plan.name[:200],
        size=0,
        sha256="",
        plan=plan.as_json(),
        created_by=by,
    )


def _write_down(row: Import, read: _Read, by: Any, plan: ImportPlan, report: ImportReport) -> None:
    row.state, row.imported_at = ImportState.IMPORTED, timezone.now()
    row.sha256, row.size = read.sha256(), read.size
    row.format, row.licence = report.format, plan.options.licence[:100]
    row.report = report.for_row()
    row.save(
        update_fields=["state", "imported_at", "sha256", "size", "format", "licence", "report"]
    )
    if report.imported:
        index_later(workspace=row.workspace, by=by)
        record(
            actor=by,
            action="data.imported",
            target=plan.name,
            workspace=row.workspace,
            changes={"imported": [0, report.imported], "format": ["", report.format]},
        )


def _unreadable(error: FileRefused, plan: ImportPlan, rejects: Writable | None) -> ImportReport:
    """A file of which nothing can be read: one refusal, which says why."""
    line = refusal_line(Refusal(error.line, error.offset, "", error.reason, error.original))
    if rejects is not None:
        rejects.write(msgspec.json.encode(line) + b"\n")
    report = ImportReport(plan.format_name, "", "", "", "", rows=1, broken=str(error))
    report.refused_rows = 1
    report.columns = [column[:200] for column in error.columns]
    report.reasons = {error.reason: 1}
    report.refused.append({key: line[key] for key in _SHOWN})
    return report


def source_named(name: str) -> str:
    """The file's name without its endings: the source of rows that name none."""
    return PurePath(plain_name(PurePath(name).name)).stem[:200]


def refusal_line(refusal: Refusal) -> dict[str, Any]:
    """One line of the rejects file."""
    line: dict[str, Any] = {
        "line": refusal.line,
        "offset": refusal.offset,
        "path": refusal.path,
        "reason": f"{refusal.path}: {refusal.reason}" if refusal.path else refusal.reason,
    }
    try:
        line["original"] = refusal.original.decode("utf-8")
    except UnicodeDecodeError:
        line["original_base64"] = base64.b64encode(refusal.original).decode()
    return line
