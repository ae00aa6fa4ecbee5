"""Bring a file into a workspace, or say beforehand what would become of it."""

import base64
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import IO, Any, BinaryIO

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.imports.formats.containers import plain_name
from annotation.imports.formats.limits import Limits
from annotation.imports.formats.reading import Opened, read_file
from annotation.imports.formats.reading_options import Options
from annotation.imports.formats.refusals import FileRefused, Refusal
from annotation.imports.load import BATCH, Counts, load
from annotation.imports.prepared import Preparation
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace

FIRST_ROWS = 5
_SHOWN = ("line", "offset", "path", "reason")


class _UndoImport(Exception):
    """Raised inside the transaction so that nothing of it is kept."""


@dataclass(frozen=True)
class ImportPlan:
    """Everything the person importing decides.

    name: the file's own name, by which containers and the default source are told. all_or_nothing:
    one refused record keeps all others out. dry_run: count everything, keep nothing. mask: replace
    personal data. A file that cannot be read to its end is never imported in part.
    """

    name: str
    format_name: str = ""
    options: Options = field(default_factory=Options)
    all_or_nothing: bool = False
    dry_run: bool = False
    mask: bool = False
    delimiter: str = ""
    header: bool = True
    limits: Limits = field(default_factory=Limits)


@dataclass
class ImportReport:
    """What became of the file. rows = imported + duplicates + the length of refused.

    On a dry run `imported` is what would be imported. When the whole import was refused (one bad
    record under all-or-nothing, or a file that breaks off) `stored` is false, `imported` is 0 and
    `withheld` counts the good records that were kept out with it.
    """

    format: str
    variant: str
    container: str
    compression: str
    recognised: str
    rows: int = 0
    imported: int = 0
    duplicates: int = 0
    fixed: int = 0
    withheld: int = 0
    stored: bool = False
    refused: list[dict[str, Any]] = field(default_factory=list)
    fixes: dict[str, int] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    first_rows: list[Any] = field(default_factory=list)
    broken: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def import_data(
    *,
    workspace: Workspace,
    by: Any,
    file: BinaryIO,
    plan: ImportPlan,
    rejects: IO[bytes] | None = None,
    progress: Callable[[int], None] = lambda records: None,
) -> ImportReport:
    """Read `file` into the workspace in one transaction: it is complete or absent, never in part.

    rejects: gets a JSON line for each refused record: line, offset, path, reason and the original
    (as text, or base64 under `original_base64` when it is no UTF-8). progress: is told the number
    of records read after each batch and may raise to cancel.

    Raises:
        ValidationError: the workspace is archived, or no format has the plan's `format_name`.
    """
    if workspace.archived_at:
        raise ValidationError(_("This workspace is archived: nothing can be imported into it."))
    try:
        opened = read_file(
            file,
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
    report = _report_of(opened)
    preparation = Preparation(
        source=plan.options.source or opened.format.dataset or source_named(plan.name),
        licence=plan.options.licence,
        mask=plan.mask,
    )

    def refuse(refusal: Refusal) -> None:
        line = refusal_line(refusal)
        if rejects is not None:
            rejects.write(msgspec.json.encode(line) + b"\n")
        report.refused.append({key: line[key] for key in _SHOWN})

    try:
        with transaction.atomic():
            counts = load(
                preparation.batches(_seen(opened, report), BATCH),
                workspace_id=workspace.pk,
                created_by_id=by.pk if by is not None else None,
                on_refusal=refuse,
                on_batch=lambda counts: progress(counts.rows),
            )
            whole = counts.broken is None and not (plan.all_or_nothing and counts.refused)
            _fill(report, counts, stored=whole and not plan.dry_run, accepted=whole)
            if not report.stored:
                raise _UndoImport
            if counts.imported:
                _write_down(workspace, by, plan, report)
    except _UndoImport:
        pass
    return report


def _report_of(opened: Opened) -> ImportReport:
    found = opened.detection
    recognised = f"{found.agreeing} of {found.looked_at}" if found is not None else ""
    container = opened.container
    kind = "json" if container.kind == "object" else container.kind
    name = opened.format.name
    return ImportReport(name, opened.variant, kind, container.compression, recognised)


def _unreadable(error: FileRefused, plan: ImportPlan, rejects: IO[bytes] | None) -> ImportReport:
    """A file of which nothing can be read: one refusal, which says why."""
    line = refusal_line(Refusal(error.line, error.offset, "", error.reason, error.original))
    if rejects is not None:
        rejects.write(msgspec.json.encode(line) + b"\n")
    report = ImportReport(plan.format_name, "", "", "", "", rows=1, broken=str(error))
    report.refused.append({key: line[key] for key in _SHOWN})
    return report


def source_named(name: str) -> str:
    """The file's name without its endings: the source of rows that name none."""
    return PurePath(plain_name(PurePath(name).name)).stem[:200]


def _seen(opened: Opened, report: ImportReport) -> Any:
    """Pass every result on, and keep the first rows to be shown."""
    for result in opened.results:
        if not isinstance(result, Refusal) and len(report.first_rows) < FIRST_ROWS:
            report.first_rows += [
                {"kind": type(row).__name__.removesuffix("Row").lower(), **msgspec.to_builtins(row)}
                for row in result.rows[: FIRST_ROWS - len(report.first_rows)]
            ]
        yield result


def _fill(report: ImportReport, counts: Counts, *, stored: bool, accepted: bool) -> None:
    report.rows = counts.rows
    report.duplicates = counts.duplicates
    report.fixed = counts.fixed
    report.fixes = dict(counts.fixes)
    report.stored = stored
    report.imported = counts.imported if accepted else 0
    report.withheld = 0 if accepted else counts.imported
    report.tables = dict(counts.tables) if accepted else {}
    if counts.broken is not None:
        report.broken = str(counts.broken)


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


def _write_down(workspace: Workspace, by: Any, plan: ImportPlan, report: ImportReport) -> None:
    record(
        actor=by,
        action="data.imported",
        target=plan.name,
        workspace=workspace,
        changes={"imported": [0, report.imported], "format": ["", report.format]},
    )
