"""Ask for a snapshot: its row now, its file by a job."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from annotation.exports.plan import ExportPlan
from annotation.judgement_filter import JudgementFilter
from training.models import DatasetSnapshot
from training.scoring.screen import Screen
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.workspaces.models import Workspace

LONGEST_NAME = 100


@transaction.atomic
def freeze_snapshot(
    *,
    workspace: Workspace,
    by: Any,
    name: str,
    plan: ExportPlan,
    chosen: JudgementFilter,
    screen: Screen | None = None,
    queue: bool = True,
) -> DatasetSnapshot:
    """A snapshot that waits for its file. screen: a reward model drops rows of it. queue: False
    where the caller writes it at once.

    Raises:
        ValidationError: the name is empty, too long or taken, or the screen does not fit.
    """
    if screen is not None:
        screen.check(workspace, plan.kind)
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or "\0" in name:
        raise ValidationError(_("A snapshot has a name of 1 to 100 characters."))
    try:
        with transaction.atomic():
            snapshot = DatasetSnapshot.objects.create(
                workspace=workspace,
                name=name,
                kind=plan.kind.value,
                filter=chosen.as_json(),
                settings=plan.settings(),
                screen=screen.as_json() if screen is not None else {},
                screened_by=screen.reward if screen is not None else None,
                created_by=by if getattr(by, "pk", None) else None,
            )
    except IntegrityError:
        raise ValidationError(
            _("There is already a snapshot named “%(name)s”. Choose another name.") % {"name": name}
        ) from None
    if queue:
        snapshot.job = enqueue(
            kind="snapshot" if screen is None else "screened snapshot",
            owner=by,
            workspace=workspace,
            arguments={"snapshot_id": snapshot.pk},
        )
        snapshot.save(update_fields=["job"])
    record(
        actor=by,
        action="snapshot.freeze",
        target=snapshot,
        workspace=workspace,
        changes={
            "name": ["", name],
            "kind": ["", snapshot.kind],
            **({"screened by": ["", str(screen.reward)]} if screen is not None else {}),
        },
    )
    return snapshot
