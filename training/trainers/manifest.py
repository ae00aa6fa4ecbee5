"""What a folder holds: every file with its size and sha256, and one fingerprint over them all.

`manifest.json` is written last. A folder without it, or at odds with it, is not complete.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from training.trainers.state_io import fsync_tree, write_atomically

MANIFEST_NAME = "manifest.json"
_CHUNK = 8 * 1024 * 1024


class FileEntry(msgspec.Struct, frozen=True):
    """One file, by its path relative to the folder (with `/` as separator)."""

    file: str
    size: int  # bytes
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """The files of a folder and what they are."""

    files: list[FileEntry]
    fingerprint: str
    about: dict[str, str | int] = {}


def sha256_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def describe(folder: Path, about: dict[str, str | int] | None = None) -> Manifest:
    """The manifest of a folder as it is now (a manifest.json in it is left out)."""
    files = [
        FileEntry(path.relative_to(folder).as_posix(), path.stat().st_size, sha256_of_file(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST_NAME
    ]
    return Manifest(files, fingerprint_of(files), about or {})


def fingerprint(folder: Path) -> str:
    """One sha256 over the names, sizes and contents of a folder's files."""
    return describe(folder).fingerprint


def write_manifest(folder: Path, about: dict[str, str | int] | None = None) -> Manifest:
    """Describe `folder`, force it to the disk, and write its manifest.json, atomically."""
    with ThreadPoolExecutor(max_workers=1) as disk:
        flushed = disk.submit(fsync_tree, folder)  # the disk works while the processor hashes
        manifest = describe(folder, about)
        flushed.result()
    write_atomically(folder / MANIFEST_NAME, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Raises OSError when there is none and msgspec.DecodeError when it is not one."""
    return msgspec.json.decode((folder / MANIFEST_NAME).read_bytes(), type=Manifest)


def damage(folder: Path) -> str | None:
    """Why `folder` is not what its manifest says, as part of a sentence; None when it is intact."""
    try:
        manifest = read_manifest(folder)
    except FileNotFoundError:
        return "its manifest.json is missing"
    except (OSError, msgspec.DecodeError) as error:
        return f"its manifest.json cannot be read ({error})"
    if manifest.fingerprint != fingerprint_of(manifest.files):
        return "its manifest.json disagrees with itself"
    for entry in manifest.files:
        path = folder / entry.file
        if not path.is_file():
            return f"{entry.file} is missing"
        if path.stat().st_size != entry.size:
            return f"{entry.file} has {path.stat().st_size} bytes instead of {entry.size}"
        if sha256_of_file(path) != entry.sha256:
            return f"{entry.file} has changed since it was written (its sha256 differs)"
    return None


def fingerprint_of(files: list[FileEntry]) -> str:
    """The same of files that were described elsewhere, in the order of their paths."""
    lines = (f"{entry.file}\0{entry.size}\0{entry.sha256}\n" for entry in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
