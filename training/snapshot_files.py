"""A snapshot's file: its lines, one split of them, and whether it is still what was frozen."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.core.exceptions import ValidationError
from django.utils.text import slugify
from django.utils.translation import gettext as _

from annotation.exports.containers import hashed, plain
from annotation.exports.formats import Rows
from annotation.exports.plan import ExportPlan
from training.models import DatasetSnapshot
from webapp.artifacts import Artifact, chunks

SPLITS = ("train", "validation")


class SnapshotDamaged(ValidationError):
    """The stored file is gone or is not the one that was frozen."""


def plan_of(snapshot: DatasetSnapshot) -> ExportPlan:
    return ExportPlan.from_settings(snapshot.kind, snapshot.settings)


def artifact_of(snapshot: DatasetSnapshot) -> Artifact:
    return Artifact(**snapshot.artifact)


def file_stem(snapshot: DatasetSnapshot) -> str:
    """What files of this snapshot are called, without an ending: ASCII."""
    name = slugify(snapshot.name) or f"snapshot-{snapshot.pk}"
    return f"{snapshot.workspace.slug}-{name}"


def blocks(snapshot: DatasetSnapshot, split: str = "") -> Iterator[bytes]:
    """Blocks of whole lines, of one split or of all.

    Raises:
        SnapshotDamaged: at the end (or at once, if it is gone), when the bytes are not those that
            were frozen; what was made of them must then be thrown away.
    """
    if not snapshot.ready:
        raise ValidationError(_("This snapshot is not frozen yet."))
    digest = hashlib.sha256()
    try:
        for block in plain(hashed(chunks(artifact_of(snapshot).path), digest), "zst"):
            yield _only(block, split) if split else block
    except (FileNotFoundError, ValueError, OSError) as error:
        raise _damaged(snapshot) from error
    if digest.hexdigest() != snapshot.sha256:
        raise _damaged(snapshot)


def rows(snapshot: DatasetSnapshot, split: str = "") -> Rows:
    """The lines, ready to be written in any format."""
    return Rows(
        blocks(snapshot, split),
        plan_of(snapshot),
        extras=bool(snapshot.counts.get("extras")),
        name=file_stem(snapshot),
    )


def write_split(snapshot: DatasetSnapshot, split: str, path: Path) -> int:
    """The lines of "train" or "validation" as a plain .jsonl at `path`; returns how many.

    Raises:
        SnapshotDamaged: the stored file is not what was frozen; then nothing is at `path`.
    """
    if split not in SPLITS:
        raise ValueError(f"The split is {split!r}. Allowed: {', '.join(SPLITS)}.")
    written = 0
    with replaced(path) as file:
        for block in blocks(snapshot, split):
            written += block.count(b"\n")
            file.write(block)
    return written


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place once it is whole."""
    temporary = path.with_name(f"{path.name}.part")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def first_rows(snapshot: DatasetSnapshot, most: int) -> list[bytes]:
    """The first lines; only the beginning of the file is read."""
    found: list[bytes] = []
    for block in plain(chunks(artifact_of(snapshot).path), "zst"):
        found += block.splitlines()[: most - len(found)]
        if len(found) >= most:
            break
    return found


def _only(block: bytes, split: str) -> bytes:
    end = f'"split": "{split}"}}\n'.encode()
    return b"".join(line for line in block.splitlines(keepends=True) if line.endswith(end))


def _damaged(snapshot: DatasetSnapshot) -> SnapshotDamaged:
    return SnapshotDamaged(
        _(
            "The file of the snapshot “%(name)s” is gone or was changed: it does not have the "
            "SHA-256 %(sha256)s. Restore it from a backup, or freeze a new snapshot."
        )
        % {"name": snapshot.name, "sha256": snapshot.sha256[:12]}
    )
