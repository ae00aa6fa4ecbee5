"""What the job "import model" does: fetch or unpack the files, have them checked, store them."""

import json
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from training.actions.register import make_ready, store_files
from training.hub import HubRefused, download
from training.models import ModelVersion, VersionState
from training.trainers.model_folder import POOLING
from webapp import artifacts
from webapp.jobs import JobFailed, Work

STALL_SECONDS = 300.0
MOST_FILES = 1000


def import_model(work: Work) -> dict[str, Any]:
    """Carry an import out; the version is ready at its end.

    Raises:
        JobFailed: the files cannot be had, or are refused; the sentence says why.
    """
    version = ModelVersion.objects.get(pk=work.arguments["model_id"])
    if version.state != VersionState.IMPORTING:
        return {"model": str(version)}
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="model-", dir=settings.VAR_DIR) as name:
        folder = Path(name) / "model"
        folder.mkdir()
        if "repository" in work.arguments:
            _fetch_from_hub(work, folder)
        else:
            _fetch_upload(work, folder)
        found = check_apart(work, folder)
        if found["problems"]:
            raise JobFailed(
                _("The model is refused: %(why)s") % {"why": " ".join(found["problems"])[:400]},
                detail="\n".join(found["problems"]),
            )
        work.progress(0, None, _("Storing the files"))
        files = store_files(version=version, folder=folder, work=work)
    with work.fenced():
        version.refresh_from_db()
        make_ready(version=version, kind=found["kind"], facts=found["facts"], **files)
    for file in work.arguments.get("files", []):
        artifacts.delete(artifacts.safe_join(work.arguments["upload"], file))
    return {"model": str(version), "sha256": version.sha256}


def check_apart(work: Work, folder: Path) -> dict[str, Any]:
    """What training.trainers.check_folder says of `folder`, in a process of its own."""
    work.progress(0, None, _("Checking the files"))
    answer = folder.with_name(f"{folder.name}.check.json")
    log = folder.with_name(f"{folder.name}.check.log")
    ended = work.supervise(
        [sys.executable, "-m", "training.trainers.check_folder", str(folder), str(answer)],
        folder=settings.BASE_DIR,
        log=log,
        stall_seconds=STALL_SECONDS,
    )
    if ended.code or not answer.exists():
        raise JobFailed(
            _("The check of the files ended with code %(code)s; nothing was registered.")
            % {"code": ended.code},
            detail=log.read_text(errors="replace"),
        )
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


def _fetch_upload(work: Work, folder: Path) -> None:
    names = list(work.arguments["files"])
    for number, name in enumerate(names):
        work.progress(number, len(names), _("Reading the upload"))
        is_zip = name.endswith(".zip")
        target = folder.with_name("upload.zip") if is_zip else folder / name
        with target.open("xb") as file:
            for data in artifacts.chunks(artifacts.safe_join(work.arguments["upload"], name)):
                file.write(data)
                work.beat()
        if is_zip:
            _unzip(work, target, folder)
            target.unlink()


def _unzip(work: Work, archive: Path, folder: Path) -> None:
    """The files of a zip, which may lie in one folder of it; nothing is written beside `folder`.

    Raises:
        JobFailed: it is no zip, has too many files or folders within folders, or is a bomb.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            entries = [e for e in entries if not e.filename.startswith("__MACOSX/")]
            _check_entries(entries, archive.stat().st_size)
            for number, entry in enumerate(entries):
                work.progress(number, len(entries), _("Unpacking the zip"))
                name = POOLING if _is_pooling(entry) else Path(entry.filename).name
                if name.startswith("."):
                    continue
                with opened.open(entry) as source, (folder / name).open("xb") as target:
                    left = entry.file_size
                    while data := source.read(min(4_194_304, left + 1)):
                        left -= len(data)
                        if left < 0:
                            raise JobFailed(_("The zip holds more than it says. Make it anew."))
                        target.write(data)
                        work.beat()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise JobFailed(
            _("The zip cannot be read (%(why)s). Make it anew, without a password.")
            % {"why": error}
        ) from None
    except FileExistsError as error:
        raise JobFailed(
            _("The zip has two files of the name %(name)s.")
            % {"name": Path(str(error.filename)).name}
        ) from None


def _is_pooling(entry: zipfile.ZipInfo) -> bool:
    """The one file in a folder of its own that a sentence-transformers folder needs."""
    return Path(entry.filename).parts[-2:] == ("1_Pooling", "config.json")


def _check_entries(entries: list[zipfile.ZipInfo], packed: int) -> None:
    if len(entries) > MOST_FILES:
        raise JobFailed(
            _("The zip has %(count)d files, at most %(most)d are read.")
            % {"count": len(entries), "most": MOST_FILES}
        )
    folders = {str(Path(entry.filename).parent) for entry in entries if not _is_pooling(entry)}
    if len(folders) > 1:
        raise JobFailed(_("The zip has folders within folders. Zip the files of the model alone."))
    unpacked = sum(entry.file_size for entry in entries)
    free = shutil.disk_usage(settings.VAR_DIR).free
    # Weights hardly shrink: what grows twentyfold is no model.
    if unpacked > 20 * packed + 10_000_000 or unpacked > free:
        raise JobFailed(
            _("Unpacked, the zip would take %(size).1f GB, which is refused.")
            % {"size": unpacked / 1e9}
        )


def _fetch_from_hub(work: Work, folder: Path) -> None:
    try:
        download(
            work.arguments["repository"],
            work.arguments["revision"],
            folder,
            lambda done, total: work.progress(done, total, _("Downloading from the hub")),
        )
    except HubRefused as refused:
        raise JobFailed(str(refused)) from None
