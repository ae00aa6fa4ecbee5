"""Delete a snapshot and its files; never one that something learned from."""

import contextlib
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from training.models import DatasetSnapshot
from training.queries import learned_from
from webapp.artifacts import delete
from webapp.audit.actions.record import record
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.models import ACTIVE


@transaction.atomic
def delete_snapshot(*, snapshot: DatasetSnapshot, by: Any) -> None:
    """Its row, ids, exports and files are gone; judgements and prompts stay as they are.

    Raises:
        ValidationError: something was trained on it, and would lose what it learned from.
    """
    row = DatasetSnapshot.objects.select_for_update().get(pk=snapshot.pk)
    uses = learned_from(row)
    if uses:
        raise ValidationError(
            _("“%(name)s” cannot be deleted: %(uses)s learned from it.")
            % {"name": row.name, "uses": ", ".join(uses)}
        )
    exports = list(row.exports.select_related("job"))
    for job in [row.job, *(export.job for export in exports)]:
        if job is not None and job.state in ACTIVE:
            with contextlib.suppress(ValidationError):  # it ended this very moment
                cancel(job=job, by=by)
    kept = [row.artifact, *(export.artifact for export in exports)]
    record(
        actor=by,
        action="snapshot.delete",
        target=row,
        workspace=row.workspace,
        changes={"name": [row.name, ""], "sha256": [row.sha256, ""]},
    )
    row.delete()
    for artifact in kept:
        if artifact:
            transaction.on_commit(partial(delete, artifact["path"]), robust=True)
