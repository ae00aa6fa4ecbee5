"""Files that Rondo makes or keeps: exports, uploads, run directories. Below ARTIFACTS_URL, through
fsspec, so that a folder and an S3-compatible store are the same to everybody else.

A path here is relative, made by us, and checked all the same. A file is there whole or not at all.
"""

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import IO, Any

import fsspec
from django.conf import settings
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from fsspec.implementations.local import LocalFileSystem

CHUNK = 262_144  # bytes read or sent at once
LONGEST_PART = 120
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)


class UnsafePath(ValueError):
    """A path that could lead out of the artifacts' folder, or into a hidden file."""


@dataclass(frozen=True)
class Artifact:
    """What is known of a finished file; `as_dict()` fits into a job's result.

    Attributes:
        path: below ARTIFACTS_URL, parts joined by "/".
        name: what a download is called.
        size: bytes.
        sha256: hexadecimal.
    """

    path: str
    name: str
    size: int
    sha256: str
    content_type: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def safe_join(*parts: str) -> str:
    """Parts, each of which may hold "/", as one relative path.

    Raises:
        UnsafePath: a part is empty, begins with "." or "-", or has any other than ASCII letters,
            digits, ".", "_" and "-".
    """
    pieces = [piece for part in parts for piece in str(part).split("/")]
    for piece in pieces:
        if len(piece) > LONGEST_PART or not PART.fullmatch(piece):
            raise UnsafePath(
                f"{piece[:80]!r} cannot be a part of a path. Allowed: ASCII letters, digits, "
                f'".", "_", "-", the first a letter, a digit or "_", at most {LONGEST_PART}.'
            )
    return "/".join(pieces)


class Writer:
    """A binary file that counts and hashes what goes through it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0
        self.artifact: Artifact | None = None  # set when the file is complete

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


@contextlib.contextmanager
def writing(path: str, *, name: str, content_type: str) -> Iterator[Writer]:
    """Write a file that appears at `path` when the block ends, and not at all when it raises.

    `writer.artifact` describes it afterwards. An existing file at `path` is replaced.
    """
    system, root = _place()
    target = f"{root}/{safe_join(path)}"
    with _opened(system, target) as file:
        writer = Writer(file)
        yield writer
    writer.artifact = Artifact(path, name, writer.size, writer.sha256, content_type)


def reading(path: str) -> IO[bytes]:
    """The file, open for reading.

    Raises:
        FileNotFoundError: there is none.
    """
    system, root = _place()
    file: IO[bytes] = system.open(f"{root}/{safe_join(path)}", "rb")
    return file


def chunks(path: str) -> Iterator[bytes]:
    """The file's bytes, a quarter of a megabyte at a time."""
    with reading(path) as file:
        while data := file.read(CHUNK):
            yield data


def exists(path: str) -> bool:
    system, root = _place()
    return bool(system.isfile(f"{root}/{safe_join(path)}"))


def delete(path: str) -> None:
    """Remove the file; nothing happens when there is none."""
    system, root = _place()
    with contextlib.suppress(FileNotFoundError):
        system.rm_file(f"{root}/{safe_join(path)}")


def download(artifact: Artifact) -> StreamingHttpResponse:
    """The file as a download. A browser never shows it: it may be anybody's HTML.

    Raises:
        FileNotFoundError: it was deleted.
    """
    file = reading(artifact.path)  # opened now, so that a missing file is a 404, not half an answer

    def body() -> Iterator[bytes]:
        with file:
            while data := file.read(CHUNK):
                yield data

    response = streamed(body(), name=artifact.name, content_type=artifact.content_type)
    response["Content-Length"] = str(artifact.size)
    return response


def streamed(body: Iterable[bytes], *, name: str, content_type: str) -> StreamingHttpResponse:
    """A file that is made while it is sent, as a download like any other."""
    response = StreamingHttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response


def _place() -> tuple[Any, str]:
    # fsspec shares its instances between threads, and with them an open transaction: not ours.
    system, root = fsspec.core.url_to_fs(settings.ARTIFACTS_URL, skip_instance_cache=True)
    return system, root.rstrip("/")


@contextlib.contextmanager
def _opened(system: Any, target: str) -> Iterator[IO[bytes]]:
    """On a disk: a temporary name, synced, then renamed. In a store: a transaction of fsspec's."""
    if not isinstance(system, LocalFileSystem):
        with system.transaction, system.open(target, "wb") as file:
            yield file
        return
    system.makedirs(os.path.dirname(target), exist_ok=True)
    temporary = f"{target}.{secrets.token_hex(8)}.part"
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(os.path.dirname(target))


def _sync_folder(folder: str) -> None:
    """A rename is on the disk when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
