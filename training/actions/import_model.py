"""Bring a model in from outside: an uploaded folder or zip, or a hub's id. A job does the work."""

import re
import secrets
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from training.actions.register import new_version
from training.models import ModelKind, ModelVersion
from training.names import check_name
from webapp.artifacts import delete, safe_join, writing
from webapp.audit.actions.record import record
from webapp.jobs import enqueue

MOST_FILES = 100  # of an upload; a zip may hold more
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}\Z", re.ASCII)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?\Z", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,99}\Z", re.ASCII)
_PASSED_OVER = (".gitattributes", ".DS_Store", ".gitignore")


def import_uploaded(
    *, workspace: Any, by: Any, name: str, files: Sequence[UploadedFile], licence: str = ""
) -> ModelVersion:
    """Keep what was uploaded and queue its check; the version is ready when that has passed.

    Raises:
        ValidationError: no file, too many, or a file name that no model folder has.
    """
    check_name(name)
    wanted = [file for file in files if (file.name or "") not in _PASSED_OVER]
    _check_files(wanted)
    place = f"uploads/{secrets.token_hex(16)}"
    kept: list[str] = []
    try:
        for file in wanted:
            path = safe_join(place, str(file.name))
            with writing(path, name=str(file.name), content_type="application/x-model") as target:
                for chunk in file.chunks():
                    target.write(chunk)
            kept.append(path)
        names = [str(file.name) for file in wanted]
        source = {"kind": "upload", "files": names}
        arguments = {"upload": place, "files": names}
        return _queue(workspace, by, name, licence, source, arguments)
    except BaseException:
        for path in kept:
            delete(path)
        raise


def import_from_hub(
    *, workspace: Any, by: Any, name: str, repository: str, revision: str = "", licence: str = ""
) -> ModelVersion:
    """Queue the download of `owner/name` from the hub that HUB_URL names.

    Raises:
        ValidationError: an id or a revision that cannot be one.
    """
    check_name(name)
    revision = revision or "main"
    if not _HUB_ID.match(repository):
        raise ValidationError(
            _("The id is “%(id)s”. Write it as on the hub: owner/name.") % {"id": repository[:80]}
        )
    if not _REVISION.match(revision) or ".." in revision:
        raise ValidationError(
            _("The revision is “%(revision)s”. Give a branch, a tag or a commit.")
            % {"revision": revision[:80]}
        )
    source = {"kind": "hub", "repository": repository, "revision": revision}
    arguments = {"repository": repository, "revision": revision}
    return _queue(workspace, by, name, licence, source, arguments)


def _check_files(files: Sequence[UploadedFile]) -> None:
    names = [str(file.name) for file in files]
    if not names:
        raise ValidationError(_("No file was chosen. Choose a model's folder, or a zip of it."))
    if len(names) > MOST_FILES:
        raise ValidationError(
            _("%(count)d files were given, at most %(most)d are read.")
            % {"count": len(names), "most": MOST_FILES}
        )
    if len(set(names)) != len(names):
        raise ValidationError(
            _("Two files have one name. A model's folder holds files only, no folders.")
        )
    for name in names:
        if not _FILE.match(name):
            raise ValidationError(
                _("“%(name)s” is no name of a file of a model.") % {"name": name[:80]}
            )
    if any(name.endswith(".zip") for name in names) and len(names) > 1:
        raise ValidationError(_("Give one zip, or the files of one folder, not both."))


@transaction.atomic
def _queue(
    workspace: Any, by: Any, name: str, licence: str, source: Any, arguments: dict[str, Any]
) -> ModelVersion:
    version = new_version(
        workspace=workspace,
        name=name,
        by=by,
        kind=ModelKind.POLICY,  # the check of its files says which it is
        source=source,
        licence=licence,
    )
    version.job = enqueue(
        kind="import model",
        owner=by,
        workspace=workspace,
        arguments={"model_id": version.pk, **arguments},
    )
    version.save(update_fields=["job"])
    record(actor=by, action="model.import", target=version, workspace=workspace)
    return version
