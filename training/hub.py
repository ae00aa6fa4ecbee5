"""A model hub's files, by the hub's public addresses and webapp.outbound, nothing else.

The hub is asked which files a revision has; only those that a model folder may hold are fetched,
and those whose sha256 the hub names are held to it.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

from django.conf import settings
from django.utils.translation import gettext as _

from training.trainers.model_folder import ALLOWED_NAMES, POOLING
from webapp.outbound import OutboundFailed, OutboundRefused, Redirected, fetch, stream

MOST_BYTES = 1_000_000_000_000
SECONDS = 24 * 3600.0
REDIRECTS = 4
# A model folder holds files only; this one, of sentence-transformers, is kept under another name.
KEPT_AS = {"1_Pooling/config.json": POOLING}


class HubRefused(Exception):
    """The hub or the download cannot be used; the message says why and what to do."""


def download(
    repository: str, revision: str, folder: Path, progress: Callable[[int, int | None], None]
) -> None:
    """Fetch the model's files into `folder`; `progress` gets bytes done and in all.

    Raises:
        HubRefused: not found, not allowed, not safetensors, or broken on the way.
    """
    files = _files(repository, revision)
    total = sum(file["size"] for file in files) or None
    done = 0
    for file in files:
        address = _address(f"{repository}/resolve/{quote(revision, safe='')}/{file['name']}")
        digest = hashlib.sha256()
        try:
            with (folder / KEPT_AS.get(file["name"], file["name"])).open("xb") as target:
                for piece in _pieces(address):
                    target.write(piece)
                    digest.update(piece)
                    done += len(piece)
                    progress(min(done, total or done), total)
        except (OutboundFailed, OutboundRefused) as error:
            raise HubRefused(
                _("%(file)s could not be fetched: %(why)s") % {"file": file["name"], "why": error}
            ) from None
        if file["sha256"] and digest.hexdigest() != file["sha256"]:
            raise HubRefused(
                _("%(file)s did not arrive as the hub describes it. Try again.")
                % {"file": file["name"]}
            )


def _files(repository: str, revision: str) -> list[dict[str, Any]]:
    address = _address(f"api/models/{repository}/revision/{quote(revision, safe='')}?blobs=true")
    try:
        reply = fetch(address, headers={"Accept": "application/json"})
    except (OutboundFailed, OutboundRefused) as error:
        raise HubRefused(_("The hub cannot be asked: %(why)s") % {"why": error}) from None
    if reply.status in (401, 403, 404):
        raise HubRefused(
            _("The hub has no public model %(id)s at revision %(revision)s.")
            % {"id": repository, "revision": revision}
        )
    try:
        listed = json.loads(reply.body)["siblings"]
        found = [
            {
                "name": str(entry["rfilename"]),
                "size": int(entry.get("size") or 0),
                "sha256": str((entry.get("lfs") or {}).get("sha256") or ""),
            }
            for entry in listed
        ]
    except (ValueError, KeyError, TypeError):
        raise HubRefused(
            _("The hub answered with status %(status)d and no list of files.")
            % {"status": reply.status}
        ) from None
    wanted = [file for file in found if _is_wanted(str(file["name"]))]
    if not any(str(file["name"]).endswith(".safetensors") for file in wanted):
        raise HubRefused(
            _("%(id)s has no .safetensors file; other weights are not read, since they run code.")
            % {"id": repository}
        )
    return wanted


def _is_wanted(name: str) -> bool:
    if name in KEPT_AS:
        return True
    if "/" in name or name.startswith("."):
        return False
    weights = (".safetensors", ".safetensors.index.json")
    return name in ALLOWED_NAMES or name.endswith(weights)


def _address(path: str) -> str:
    return urljoin(settings.HUB_URL.rstrip("/") + "/", path)


def _pieces(address: str) -> Any:
    """The body at an address, where its redirections lead; each is checked as the first was."""
    for _hop in range(REDIRECTS + 1):
        try:
            with stream(address, seconds=SECONDS, most_bytes=MOST_BYTES) as answer:
                if answer.status != 200:
                    raise OutboundFailed(f"the hub answered with status {answer.status}.")
                yield from answer.pieces
                return
        except Redirected as elsewhere:
            address = urljoin(address, elsewhere.location)
    raise OutboundFailed("the hub redirects without end.")
