"""Take out again what a file brought, or throw an uploaded file away."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions.mark_changed_votes import mark_changed_votes
from annotation.actions.start_import import locked
from annotation.dependents import BROUGHT, dependents_of, referring, relations
from annotation.imports.stored_answers import REPLACES
from annotation.models import Completion, Import, ImportState
from webapp import artifacts
from webapp.audit.actions.record import record
from webapp.jobs import JobFailed, Work, enqueue
from webapp.jobs.models import Job

UNDO = "import undo"


@transaction.atomic
def undo_import(*, imported: Import, by: Any) -> Job:
    """Ask for the undo; a worker does it in one transaction.

    Raises:
        ValidationError: nothing of it is in, or something depends on its rows.
    """
    row = locked(imported)
    if row.state != ImportState.IMPORTED:
        raise ValidationError(_("Nothing of this file is in the workspace."))
    _refuse_dependents(row)
    row.job = enqueue(kind=UNDO, owner=by, workspace=row.workspace, arguments={"import_id": row.pk})
    row.save(update_fields=["job"])
    return row.job


def run_undo(work: Work) -> dict[str, Any]:
    """Delete every row that names the import, unless something came to depend on one meanwhile."""
    with work.fenced():
        row = Import.objects.select_for_update(of=("self",)).get(pk=work.arguments["import_id"])
        if row.state == ImportState.UNDONE:
            return {}
        try:
            _refuse_dependents(row)
            taken = _take_out(row)
            mark_changed_votes(row.workspace)
        except (ValidationError, IntegrityError) as refused:
            sentences = getattr(refused, "messages", None)
            raise JobFailed(" ".join(sentences or [_came_meanwhile()])) from refused
        row.state, row.undone_at, row.undone_by = (
            ImportState.UNDONE,
            timezone.now(),
            work.job.owner,
        )
        row.save(update_fields=["state", "undone_at", "undone_by"])
        record(
            actor=work.job.owner,
            action="data.import_undone",
            target=row,
            workspace=row.workspace,
            changes={"imported": [row.report.get("imported", 0), 0]},
        )
    return {"taken_out": taken}


def _came_meanwhile() -> str:
    return str(_("Something came to depend on its rows meanwhile. Nothing was taken out."))


def _refuse_dependents(row: Import) -> None:
    standing = dependents_of(row)
    if standing:
        raise ValidationError(
            _("This import cannot be undone, because other things stand on its rows: %(what)s.")
            % {"what": ", ".join(standing)}
        )


def _take_out(row: Import) -> int:
    """Raises IntegrityError when something refers to a row after all."""
    _bring_back_replaced(row)
    for relation in relations(derived=True):
        rows = referring(relation, row)
        rows._raw_delete(rows.db)
    taken = 0
    for model in BROUGHT:
        rows = model._base_manager.filter(imported_in=row)
        taken += rows._raw_delete(rows.db)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return taken


def _bring_back_replaced(row: Import) -> None:
    """Answers that an answer of this file had replaced are in use again."""
    replacing = Completion.objects.filter(imported_in=row, metadata__has_key=REPLACES)
    found = replacing.values_list(f"metadata__{REPLACES}", flat=True)
    ids = [key for each in found if isinstance(each, list) for key in each if type(key) is int]
    Completion.objects.filter(pk__in=ids, prompt__workspace=row.workspace_id).update(
        retired_at=None
    )


@transaction.atomic
def discard_import(*, imported: Import, by: Any) -> None:
    """Throw an uploaded file away, of which nothing is in.

    Raises:
        ValidationError: its rows are in, or something is being done with it.
    """
    row = locked(imported)
    if row.state == ImportState.IMPORTED:
        raise ValidationError(_("Its rows are in the workspace. Undo the import first."))
    files = [kept["path"] for kept in (row.file, row.rejects) if kept]

    def forget() -> None:
        for path in files:
            artifacts.delete(path)

    record(actor=by, action="data.upload_discarded", target=row, workspace=row.workspace)
    row.delete()
    transaction.on_commit(forget)
