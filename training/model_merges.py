"""What the job "merge adapter" does: merge apart, have the result checked, store it."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from training.actions.merge_adapter import scores
from training.actions.register import make_ready, store_files
from training.model_imports import check_apart
from training.model_store import delete_folder
from training.models import ModelVersion, Parentage, VersionState
from webapp.jobs import JobFailed, Work

SILENT_SECONDS = 900.0  # loading the largest model

CARD = """---
library_name: transformers
tags: [rondo, merged]
---
# {name}

The adapter {adapter} (SHA-256 {adapter_sha256}) merged into {base} (SHA-256 {base_sha256}).
The licence of both applies.
"""


def merge(work: Work) -> dict[str, Any]:
    """Carry a merge out; the version is ready at its end, with both as its parents.

    Raises:
        JobFailed: with a sentence; then nothing is registered.
    """
    version = ModelVersion.objects.get(pk=work.arguments["model_id"])
    if version.state != VersionState.IMPORTING:
        return {"model": str(version)}
    found = ModelVersion.objects.in_bulk([work.arguments[f"{r}_id"] for r in ("base", "adapter")])
    base, adapter = (found[work.arguments[f"{role}_id"]] for role in ("base", "adapter"))
    work.progress(0, None, _("Fetching the files"))
    try:
        folders = {"base": base.folder(), "adapter": adapter.folder()}
    except (OSError, ValueError) as gone:
        raise JobFailed(_("The files cannot be read: %(why)s") % {"why": gone}) from None
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="merge-", dir=settings.VAR_DIR) as name:
        folder = Path(name)
        _merge_apart(work, folder, version, base, adapter, folders)
        checked = check_apart(work, folder / "model")
        if checked["problems"]:
            raise JobFailed(
                _("The merged model is refused: %(why)s")
                % {"why": " ".join(checked["problems"])[:400]}
            )
        work.progress(0, None, _("Storing the files"))
        files = store_files(version=version, folder=folder / "model", work=work)
    try:
        with work.fenced():
            version.refresh_from_db()
            for role, parent in (("base", base), ("adapter", adapter)):
                Parentage.objects.get_or_create(child=version, parent=parent, role=role)
            make_ready(version=version, kind=checked["kind"], facts=checked["facts"], **files)
    except BaseException:
        delete_folder(files["place"], files["manifest"])
        raise
    return {"model": str(version), "sha256": version.sha256}


def _merge_apart(
    work: Work,
    folder: Path,
    version: ModelVersion,
    base: ModelVersion,
    adapter: ModelVersion,
    folders: dict[str, Path],
) -> None:
    """Fill folder/model in a process of its own. Raises JobFailed."""
    work.progress(0, None, _("Merging"))
    told = {
        **{role: str(path) for role, path in folders.items()},
        "base_sha256": base.sha256,
        "adapter_sha256": adapter.sha256,
        "reward": scores(adapter),
        "card": CARD.format(
            name=version,
            base=base,
            adapter=adapter,
            base_sha256=base.sha256,
            adapter_sha256=adapter.sha256,
        ),
    }
    (folder / "merging.json").write_text(json.dumps(told))
    ended = work.supervise(
        [sys.executable, "-m", "training.trainers.merging", str(folder)],
        folder=settings.BASE_DIR,
        log=folder / "log",
        stall_seconds=SILENT_SECONDS,
    )
    if ended.code:
        said = (folder / "log").read_text(errors="replace")
        raise JobFailed(
            _("The adapter could not be merged: %(why)s")
            % {"why": (said.strip().splitlines() or [str(ended.code)])[-1][:300]},
            detail=said,
        )
