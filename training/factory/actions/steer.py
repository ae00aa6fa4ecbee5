"""What a person does to a run under way: stop it, let it go on, change its settings."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from training.factory.actions.start_run import queue_job
from training.factory.plan import KINDS, settings_of
from training.models import Batch, FactoryRun, FactorySettings
from webapp.audit.actions.record import record
from webapp.jobs import retry
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.models import ACTIVE, State


def stop_run(*, run: FactoryRun, by: Any) -> FactoryRun:
    """End the job; what was answered is kept, and the run can go on later.

    Raises:
        ValidationError: it is not going on.
    """
    if run.job is None or run.job.state not in ACTIVE:
        raise ValidationError(_("This run stands still already."))
    cancel(job=run.job, by=by)
    run.job.refresh_from_db()
    return run


@transaction.atomic
def go_on(*, run: FactoryRun, by: Any) -> FactoryRun:
    """Go on where the run stopped; requests that failed are tried again.

    Raises:
        ValidationError: it is going on already.
    """
    row = _locked(run)
    if row.job is not None and row.job.state in ACTIVE:
        raise ValidationError(_("This run is going on already."))
    if row.job is not None and row.job.state in (State.FAILED, State.CANCELLED):
        retry(job=row.job, by=by)
        row.job.refresh_from_db()
    else:
        row.job = queue_job(row, by)
        row.save(update_fields=["job"])
    record(actor=by, action="factory.go_on", target=row, workspace=row.workspace)
    return row


UNCHANGED: Any = object()


@transaction.atomic
def change_settings(
    *,
    run: FactoryRun,
    by: Any,
    changes: Mapping[str, Any],
    budget: Decimal | None = UNCHANGED,
) -> FactorySettings:
    """Settings that hold from the next request on; nothing changes for those that were made.

    Raises:
        ValidationError: an unknown setting, or a value that it cannot have.
    """
    row = _locked(run)
    version, before = settings_of(row)
    after = KINDS[row.kind].from_json({**before.as_json(), **changes})
    if budget is not UNCHANGED:
        if budget is not None and budget < 0:
            raise ValidationError(_("A budget is not negative."))
        Batch.objects.filter(pk=row.batch_id).update(budget=budget)
    changed = {
        name: [old, new]
        for name, new in after.as_json().items()
        if (old := before.as_json()[name]) != new
    }
    if budget is not UNCHANGED and budget != row.batch.budget:
        record(
            actor=by,
            action="factory.budget",
            target=row,
            workspace=row.workspace,
            changes={"budget": [str(row.batch.budget), str(budget)]},
        )
    if not changed:
        return row.versions.get(version=version)
    made = FactorySettings.objects.create(
        run=row, version=version + 1, values=after.as_json(), by=by
    )
    record(
        actor=by,
        action="factory.settings",
        target=row,
        workspace=row.workspace,
        changes=changed,
    )
    return made


def _locked(run: FactoryRun) -> FactoryRun:
    rows = FactoryRun.objects.select_for_update(of=("self",))
    return rows.select_related("workspace", "endpoint", "batch", "job").get(pk=run.pk)
