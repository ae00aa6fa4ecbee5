"""Put a model's files on a hub, by the hub's public addresses and webapp.outbound, nothing else.

The hub speaks git-lfs for weights (github.com/git-lfs/git-lfs, docs/api/batch.md, with parts for
files above some gigabytes) and takes the rest with the commit, one JSON object a line. The token
goes to the hub alone, never to the store that it names for the weights.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.utils.translation import gettext as _

from webapp import artifacts
from webapp.outbound import OutboundFailed, OutboundRefused, Reply, fetch

SECONDS = 24 * 3600.0  # of one file
LFS = "application/vnd.git-lfs+json"
LARGEST_PLAIN = 5_000_000  # bytes; a larger file goes the way of the weights
Progress = Callable[[int, int], None]


class PushRefused(Exception):
    """The hub does not take the model; the message says why and what to do."""


@dataclass(frozen=True)
class File:
    """A file of the store: its name on the hub, where it lies, bytes, sha256."""

    name: str
    path: str
    size: int
    sha256: str

    @property
    def is_large(self) -> bool:
        return self.name.endswith(".safetensors") or self.size > LARGEST_PLAIN


@dataclass(frozen=True)
class Hub:
    repository: str  # owner/name
    token: str

    def make_repository(self, *, private: bool) -> None:
        """
        Raises:
            PushRefused: it may not be made. One that is there already stays as it is.
        """
        owner, _slash, name = self.repository.partition("/")
        wanted = {"name": name, "organization": owner, "type": "model", "private": private}
        self._ask("api/repos/create", json.dumps(wanted).encode(), allowed=(409,))

    def push(self, files: list[File], card: str, summary: str, progress: Progress) -> str:
        """Upload what is large, commit everything; the commit's address.

        `progress` gets bytes done and in all.

        Raises:
            PushRefused: the hub or its store refused something, or broke off.
        """
        large = [file for file in files if file.is_large]
        total = sum(file.size for file in large)
        done = 0
        for file in large:
            self._upload(file, partial(_further, progress, done, total))
            done += file.size
        lines: list[dict[str, Any]] = [{"key": "header", "value": {"summary": summary}}]
        lines += [_large(f) if f.is_large else _plain(f.name, _read(f)) for f in files]
        lines.append(_plain("README.md", card.encode()))
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        reply = self._ask(
            f"api/models/{self.repository}/commit/main", body, kind="application/x-ndjson"
        )
        return str(_object(reply).get("commitUrl") or _address(self.repository))

    # ---- weights

    def _upload(self, file: File, progress: Callable[[int], None]) -> None:
        """Skips what the hub has already."""
        wanted = {
            "operation": "upload",
            "transfers": ["basic", "multipart"],
            "objects": [{"oid": file.sha256, "size": file.size}],
            "hash_algo": "sha256",
        }
        address = f"{self.repository}.git/info/lfs/objects/batch"
        reply = self._ask(address, json.dumps(wanted).encode(), kind=LFS)
        (told,) = _object(reply).get("objects") or [{}]
        if error := told.get("error"):
            raise PushRefused(
                _("The hub refuses %(file)s: %(why)s")
                % {"file": file.name, "why": str(error.get("message"))[:200]}
            )
        actions = told.get("actions") or {}
        if "upload" in actions:
            _send(file, actions["upload"], progress)
        if "verify" in actions:
            body = json.dumps({"oid": file.sha256, "size": file.size}).encode()
            self._ask(str(actions["verify"]["href"]), body, kind=LFS)
        progress(file.size)

    # ---- asking

    def _ask(
        self,
        path: str,
        body: bytes,
        *,
        kind: str = "application/json",
        allowed: tuple[int, ...] = (),
    ) -> Reply:
        address = _address(path)
        headers = {"Content-Type": kind, "Accept": kind if kind == LFS else "application/json"}
        if address.startswith(_address("")):
            headers["Authorization"] = f"Bearer {self.token}"
        reply = _fetched(address, method="POST", headers=headers, body=body)
        if reply.status in (401, 403):
            raise PushRefused(
                _("The hub does not let this token write to %(id)s (status %(status)d).")
                % {"id": self.repository, "status": reply.status}
            )
        if reply.status >= 300 and reply.status not in allowed:
            raise PushRefused(
                _("The hub answered with status %(status)d: %(why)s")
                % {"status": reply.status, "why": reply.body[:200].decode(errors="replace")}
            )
        return reply


def _further(progress: Progress, before: int, total: int, sent: int) -> None:
    progress(before + sent, total)


def _send(file: File, action: dict[str, Any], progress: Callable[[int], None]) -> None:
    """PUT the bytes where the hub says; in parts where it asks for parts."""
    header = {str(name): str(value) for name, value in (action.get("header") or {}).items()}
    chunk = int(header.pop("chunk_size", 0))
    if not chunk:
        body = _counted(artifacts.chunks(file.path), progress)
        _put(str(action["href"]), header, body, file.size)
        return
    addresses = [header[key] for key in sorted((k for k in header if k.isdecimal()), key=int)]
    if chunk * len(addresses) < file.size:
        raise PushRefused(_("The hub asks for fewer parts than %s has.") % file.name)
    parts = []
    source = artifacts.chunks(file.path)
    pieces = _Pieces(_counted(source, progress))
    for number, address in enumerate(addresses, start=1):
        size = min(chunk, file.size - (number - 1) * chunk)
        reply = _put(address, {}, pieces.next(size), size)
        parts.append({"partNumber": number, "etag": reply.headers.get("etag", "")})
    body_of_end = json.dumps({"oid": file.sha256, "parts": parts}).encode()
    headers = {"Content-Type": LFS, "Accept": LFS}
    reply = _fetched(str(action["href"]), method="POST", headers=headers, body=body_of_end)
    _check_store(reply)


def _put(address: str, headers: dict[str, str], body: Iterator[bytes], size: int) -> Reply:
    given = {**headers, "Content-Length": str(size)}
    reply = _fetched(address, method="PUT", headers=given, body=body, seconds=SECONDS)
    _check_store(reply)
    return reply


def _check_store(reply: Reply) -> None:
    if reply.status >= 300:
        raise PushRefused(
            _("The hub's store answered with status %(status)d.") % {"status": reply.status}
        )


class _Pieces:
    """A stream of bytes, taken so many at a time."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self.source = source
        self.left = b""

    def next(self, size: int) -> Iterator[bytes]:
        while size > 0:
            data = self.left or next(self.source, b"")
            if not data:
                return
            taken, self.left = data[:size], data[size:]
            size -= len(taken)
            yield taken


def _counted(source: Iterator[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    for data in source:
        yield data
        done += len(data)
        progress(done)


def _large(file: File) -> dict[str, Any]:
    value = {"path": file.name, "algo": "sha256", "oid": file.sha256, "size": file.size}
    return {"key": "lfsFile", "value": value}


def _plain(name: str, content: bytes) -> dict[str, Any]:
    text = base64.b64encode(content).decode()
    return {"key": "file", "value": {"path": name, "encoding": "base64", "content": text}}


def _read(file: File) -> bytes:
    return b"".join(artifacts.chunks(file.path))


def _fetched(address: str, **options: Any) -> Reply:
    try:
        return fetch(address, **options)
    except (OutboundFailed, OutboundRefused) as error:
        raise PushRefused(_("The hub cannot be reached: %(why)s") % {"why": error}) from None


def _object(reply: Reply) -> dict[str, Any]:
    try:
        found = json.loads(reply.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise PushRefused(_("The hub's answer makes no sense. Is HUB_URL a model hub?"))
    return found


def _address(path: str) -> str:
    return urljoin(settings.HUB_URL.rstrip("/") + "/", path)
