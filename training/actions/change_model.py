"""What may change about a registered model: what people think of it. Its files never do."""

from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from training.model_store import delete_folder
from training.models import (
    ModelVersion,
    Parentage,
    PromptEmbedding,
    RunModel,
    Stage,
    VersionState,
)
from webapp.audit.actions.record import record
from webapp.jobs.models import ACTIVE

LONGEST_NOTE = 5000


@transaction.atomic
def change_model(*, version: ModelVersion, by: Any, stage: str, note: str) -> ModelVersion:
    """Set stage and note.

    Raises:
        ValidationError: an unknown stage, or a note that is too long.
    """
    if stage not in Stage.values:
        raise ValidationError(
            _("The stage is “%(stage)s”. Allowed: %(allowed)s.")
            % {"stage": stage[:40], "allowed": ", ".join(Stage.values)}
        )
    if len(note) > LONGEST_NOTE:
        raise ValidationError(
            _("The note has %(length)d characters, at most %(most)d are kept.")
            % {"length": len(note), "most": LONGEST_NOTE}
        )
    row = ModelVersion.objects.select_for_update().get(pk=version.pk)
    changes = {
        name: [getattr(row, name), value]
        for name, value in {"stage": stage, "note": note}.items()
        if getattr(row, name) != value
    }
    if changes:
        row.stage, row.note = stage, note
        row.save(update_fields=["stage", "note"])
        record(
            actor=by, action="model.change", target=row, workspace=row.workspace, changes=changes
        )
    return row


def consequences(version: ModelVersion) -> list[str]:
    """What goes, and what stays, when the files of a version are deleted: sentences."""
    found = [
        _("%(count)d files, %(size).1f MB.")
        % {"count": len(version.manifest), "size": version.size / 1e6}
    ]
    children = Parentage.objects.filter(parent=version).values("child").distinct().count()
    if children:
        found.append(
            ngettext(
                "%(n)d model was made with it. It stays, and so does its lineage.",
                "%(n)d models were made with it. They stay, and so does their lineage.",
                children,
            )
            % {"n": children}
        )
    runs = RunModel.objects.filter(version=version).values("run").distinct().count()
    if runs:
        found.append(
            ngettext(
                "%(n)d run used it and can no longer be repeated.",
                "%(n)d runs used it and can no longer be repeated.",
                runs,
            )
            % {"n": runs}
        )
    screened = version.screened.count()
    if screened:
        found.append(
            ngettext(
                "%(n)d snapshot was screened by it. It stays, but cannot be frozen so again.",
                "%(n)d snapshots were screened by it. They stay, but cannot be frozen so again.",
                screened,
            )
            % {"n": screened}
        )
    found.append(_("Answers it gave stay where they are; it can give no more of them."))
    return found


def delete_model(*, version: ModelVersion, by: Any) -> ModelVersion:
    """Remove the files. The row stays, so that lineage and boards still name it.

    Raises:
        ValidationError: it is deleted already, is being imported, or an unfinished run needs it.
    """
    with transaction.atomic():
        row = ModelVersion.objects.select_for_update().get(pk=version.pk)
        if row.state == VersionState.DELETED:
            raise ValidationError(_("The files of %(model)s are gone already.") % {"model": row})
        if row.job is not None and row.job.state in ACTIVE and not row.ready:
            raise ValidationError(
                _("%(model)s is still being imported. Cancel its job first.") % {"model": row}
            )
        using = RunModel.objects.filter(version=row, run__job__state__in=ACTIVE)
        if (use := using.select_related("run").first()) is not None:
            raise ValidationError(
                _("The run %(run)s needs %(model)s. Stop it first, or wait for its end.")
                % {"run": use.run, "model": row}
            )
        place, manifest = row.place, row.manifest
        row.state, row.deleted_at = VersionState.DELETED, timezone.now()
        row.save(update_fields=["state", "deleted_at"])
        record(actor=by, action="model.delete", target=row, workspace=row.workspace)
        PromptEmbedding.objects.filter(version=row).delete()  # nothing can be added to them
        if place:  # after the commit: a row without files can be told, files without a row cannot
            transaction.on_commit(partial(delete_folder, place, manifest), robust=True)
    return row
