"""A snapshot's rows in another kind of file."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.exports.formats import FORMATS, format_named
from annotation.exports.plan import Kind
from training.models import DatasetSnapshot, SnapshotExport
from training.snapshot_files import SPLITS, file_stem, rows
from webapp.artifacts import exists, writing
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.jobs.models import ACTIVE


def export_name(snapshot: DatasetSnapshot, format_name: str, split: str = "") -> str:
    """What the file is called."""
    part = f"-{split}" if split else ""
    return f"{file_stem(snapshot)}{part}.{FORMATS[format_name].ending}"


def check_export(snapshot: DatasetSnapshot, format_name: str, split: str) -> None:
    """Raises ValidationError: not frozen yet, or no such format or split."""
    if not snapshot.ready:
        raise ValidationError(_("This snapshot is not frozen yet."))
    format_named(format_name, Kind(snapshot.kind))
    if split not in ("", *SPLITS):
        raise ValidationError(
            _("The split is %(split)s. Allowed: train, validation, or none for all rows.")
            % {"split": repr(split[:40])}
        )


@transaction.atomic
def export_snapshot(
    *, snapshot: DatasetSnapshot, by: Any, format_name: str, split: str = ""
) -> SnapshotExport:
    """The file if it was made already, or a job that makes it; asked twice, it is made once.

    Raises:
        ValidationError: see check_export().
    """
    check_export(snapshot, format_name, split)
    DatasetSnapshot.objects.select_for_update().get(pk=snapshot.pk)
    found, _made = SnapshotExport.objects.select_related("job").get_or_create(
        snapshot=snapshot, format=format_name, split=split
    )
    if found.artifact and exists(found.artifact["path"]):
        return found
    if found.job is None or found.job.state not in ACTIVE:
        found.job = enqueue(
            kind="snapshot export",
            owner=by,
            workspace=snapshot.workspace,
            arguments={"export_id": found.pk},
        )
        found.artifact = {}
        found.save(update_fields=["job", "artifact"])
        record(
            actor=by,
            action="snapshot.export",
            target=snapshot,
            workspace=snapshot.workspace,
            changes={"format": ["", format_name]},
        )
    return found


def write_export(
    *, export: SnapshotExport, path: str, beat: Callable[[], None] = lambda: None
) -> SnapshotExport:
    """Write the file at `path` of the artifacts.

    Raises:
        SnapshotDamaged: the frozen file is not what it was.
    """
    snapshot = export.snapshot
    made = rows(snapshot, export.split)
    with writing(
        path,
        name=export_name(snapshot, export.format, export.split),
        content_type=FORMATS[export.format].content_type,
    ) as file:
        for block in made.written(export.format):
            file.write(block)
            beat()
    assert file.artifact is not None
    export.artifact = file.artifact.as_dict()
    export.skipped = made.skipped.rows
    export.save(update_fields=["artifact", "skipped"])
    return export
