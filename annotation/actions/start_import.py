"""Ask for a dry run of an uploaded file, or for the import itself; both are jobs."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.imports.plan import ImportPlan
from annotation.models import Import, ImportState
from webapp.jobs import enqueue
from webapp.jobs.models import Job

CHECK, IMPORT = "import check", "import"
MAY_START = (ImportState.UPLOADED, ImportState.CHECKED, ImportState.KEPT_OUT, ImportState.UNDONE)


@transaction.atomic
def check_import(*, imported: Import, by: Any, plan: Mapping[str, Any] | None = None) -> Job:
    """Look at the whole file with this plan and keep nothing of it; the old plan if none is given.

    Raises:
        ValidationError: the plan is wrong, the file is in already, or something is being done.
    """
    return _begin(imported, by, CHECK, plan)


@transaction.atomic
def start_import(*, imported: Import, by: Any, plan: Mapping[str, Any] | None = None) -> Job:
    """Import the file with this plan; the one of the last dry run if none is given.

    Raises:
        ValidationError: the plan is wrong, the file is in already, or something is being done.
    """
    return _begin(imported, by, IMPORT, plan)


@transaction.atomic
def keep_plan(*, imported: Import, plan: Mapping[str, Any]) -> None:
    """Write the plan down and look at nothing; the next look or import goes by it.

    Raises:
        ValidationError: the plan is wrong, the file is in already, or something is being done.
    """
    row = _open(imported)
    row.plan = ImportPlan.from_json(row.name, plan).as_json()
    row.save(update_fields=["plan"])


def _begin(imported: Import, by: Any, kind: str, plan: Mapping[str, Any] | None) -> Job:
    row = _open(imported)
    if plan is not None:
        row.plan = ImportPlan.from_json(row.name, plan).as_json()
    row.licence = row.plan.get("licence", "")[:100]
    row.job = enqueue(kind=kind, owner=by, workspace=row.workspace, arguments={"import_id": row.pk})
    row.save(update_fields=["plan", "licence", "job"])
    return row.job


def _open(imported: Import) -> Import:
    """The row, locked, when it may still be imported."""
    row = locked(imported)
    if row.state not in MAY_START:
        raise ValidationError(
            _("%(name)s is imported already. Take it out first, or upload another file.")
            % {"name": row.name}
        )
    if not row.file:
        raise ValidationError(_("The file of this import is not kept here. Upload it again."))
    return row


def locked(imported: Import) -> Import:
    """The row, locked for this transaction, when no job works on it.

    Raises:
        ValidationError: a job is at work.
    """
    row = Import.objects.select_for_update(of=("self",), no_key=True).get(pk=imported.pk)
    if row.job is not None and not row.job.is_finished:
        raise ValidationError(
            _("Something is being done with this file (job %(id)s). Wait for it, or cancel it.")
            % {"id": row.job.pk}
        )
    return row
