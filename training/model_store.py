"""Folders of files in the artifact store: models and checkpoints, fingerprinted file by file."""

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import fsspec
from django.conf import settings
from django.utils.translation import gettext as _
from fsspec.implementations.local import LocalFileSystem

from training.trainers.manifest import FileEntry, fingerprint_of
from webapp import artifacts

CHUNK = 4 * 1024 * 1024
Entry = dict[str, Any]  # {"file", "size", "sha256"}; file is relative, parts joined by "/"


def store_folder(folder: Path, place: str, beat: Callable[[], None] = lambda: None) -> list[Entry]:
    """Copy every file of `folder` below `place` in the store; returns the manifest.

    `beat` is called every few megabytes, so that a job stays alive meanwhile. Files whose names
    begin with "." are left out.

    Raises:
        UnsafePath: a file has a name that the store does not take.
        OSError: a file cannot be read or written.
    """
    found: list[Entry] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.is_symlink() or path.name.startswith("."):
            continue
        with (
            path.open("rb") as source,
            artifacts.writing(
                artifacts.safe_join(place, name),
                name=path.name,
                content_type="application/octet-stream",
            ) as target,
        ):
            while data := source.read(CHUNK):
                target.write(data)
                beat()
        found.append({"file": name, "size": target.size, "sha256": target.sha256})
    return found


def fetch_folder(
    place: str, manifest: Iterable[Entry], target: Path, beat: Callable[[], None] = lambda: None
) -> None:
    """Copy the files of a manifest out of the store into `target`, which appears whole or not.

    Raises:
        OSError: a file is missing or cannot be written.
        ValueError: a file is not what the manifest says.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        for entry in manifest:
            path = draft / artifacts.safe_join(entry["file"])
            path.parent.mkdir(parents=True, exist_ok=True)
            digest, size = hashlib.sha256(), 0
            with path.open("xb") as file:
                for data in artifacts.chunks(artifacts.safe_join(place, entry["file"])):
                    file.write(data)
                    digest.update(data)
                    size += len(data)
                    if size % CHUNK < len(data):
                        beat()
            if digest.hexdigest() != entry["sha256"]:
                raise ValueError(
                    _("%(file)s is not what was stored: its sha256 differs. Restore the store.")
                    % {"file": entry["file"]}
                )
        try:
            draft.rename(target)
        except OSError:
            if not target.is_dir():  # somebody else fetched the same meanwhile
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def delete_folder(place: str, manifest: Iterable[Entry]) -> None:
    for entry in manifest:
        artifacts.delete(artifacts.safe_join(place, entry["file"]))


def fingerprint_of_manifest(manifest: Iterable[Entry]) -> str:
    """One sha256 over names, sizes and contents, as the trainers compute it for a folder."""
    entries = [
        FileEntry(entry["file"], int(entry["size"]), entry["sha256"])
        for entry in manifest
        if entry["file"] != "manifest.json"
    ]
    return fingerprint_of(sorted(entries, key=lambda entry: Path(entry.file)))


def local_folder(place: str, manifest: Iterable[Entry], sha256: str) -> Path:
    """Where the files of a manifest can be read: on a store of this machine their own folder,
    else a copy below var/models that is fetched once for each `sha256`.

    Raises:
        OSError, ValueError: they are gone, or are not what was stored.
    """
    manifest = list(manifest)
    system, root = fsspec.core.url_to_fs(settings.ARTIFACTS_URL, skip_instance_cache=True)
    if isinstance(system, LocalFileSystem):
        folder = Path(root) / artifacts.safe_join(place)
    else:
        folder = settings.VAR_DIR / "models" / sha256
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            fetch_folder(place, manifest, folder)
    _check_sizes(folder, manifest)
    return folder


def _check_sizes(folder: Path, manifest: Iterable[Entry]) -> None:
    """Cheap, at every use; whoever trains or answers hashes the bytes as it reads them."""
    for entry in manifest:
        path = folder / artifacts.safe_join(entry["file"])
        size = path.stat().st_size
        if size != entry["size"]:
            raise ValueError(
                _("%(file)s has %(size)d bytes instead of %(wanted)d. Restore the store.")
                % {"file": entry["file"], "size": size, "wanted": entry["size"]}
            )
