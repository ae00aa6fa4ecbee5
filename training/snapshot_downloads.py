"""A snapshot as a download: the frozen file, one that a job made, or a small one on the spot."""

from django.core.exceptions import ValidationError
from django.http import StreamingHttpResponse

from annotation.exports.formats import FORMATS
from training.actions.export_snapshot import check_export, export_name
from training.models import DatasetSnapshot
from training.snapshot_files import SnapshotDamaged, artifact_of, rows
from webapp.artifacts import Artifact, download, streamed

SMALL_ROWS = 20_000
SMALL_BYTES = 4 << 20  # of the compressed file


class NotMade(ValidationError):
    """Too large to be made while somebody waits, and no job has made it yet."""


def is_small(snapshot: DatasetSnapshot) -> bool:
    """Whether any kind of file is made within a request."""
    size = int(snapshot.artifact.get("size", 0))
    return (snapshot.rows or 0) <= SMALL_ROWS and size <= SMALL_BYTES


def open_download(
    snapshot: DatasetSnapshot, format_name: str, split: str = ""
) -> StreamingHttpResponse:
    """An attachment that is streamed.

    Raises:
        ValidationError: not frozen, no such format or split, or the frozen file is damaged.
        NotMade: it is for a job (training.actions.export_snapshot).
    """
    check_export(snapshot, format_name, split)
    try:
        if format_name == "jsonl.zst" and not split:
            return download(artifact_of(snapshot))
        made = snapshot.exports.filter(format=format_name, split=split).exclude(artifact={}).first()
        if made is not None:
            return download(Artifact(**made.artifact))
    except FileNotFoundError:
        if format_name == "jsonl.zst" and not split:
            raise SnapshotDamaged(_gone(snapshot)) from None
    if not is_small(snapshot):
        raise NotMade("This file is made by a job.")
    return streamed(
        rows(snapshot, split).written(format_name),
        name=export_name(snapshot, format_name, split),
        content_type=FORMATS[format_name].content_type,
    )


def _gone(snapshot: DatasetSnapshot) -> str:
    return f"The file of the snapshot “{snapshot.name}” is gone. Restore it from a backup."
