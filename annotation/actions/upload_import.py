"""Take a file in and keep it; nothing of it is believed, and nothing is read yet."""

import contextlib
import unicodedata
import uuid
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from annotation.models import Import
from webapp import artifacts
from webapp.audit.actions.record import record
from webapp.workspaces.models import Workspace

UNNAMED = "upload"


class TooLarge(ValidationError):
    """The file is larger than this installation takes (413 over REST)."""

    def __init__(self) -> None:
        sentence = _(
            "The file is larger than %(most)s, the most that this installation takes. Compress it "
            "with gzip or zstd, split it, or let an operator raise UPLOAD_MAX_MB."
        )
        super().__init__(sentence % {"most": filesizeformat(settings.UPLOAD_MAX_BYTES)})


def upload_import(*, workspace: Workspace, by: Any, name: str, chunks: Iterable[bytes]) -> Import:
    """Keep the bytes in the artifact store, as they come, and a row that names them.

    Raises:
        TooLarge: more bytes than UPLOAD_MAX_MB.
        ValidationError: no bytes at all.
    """
    path = f"imports/{workspace.pk}/{uuid.uuid4().hex}"
    shown = shown_name(name)
    with artifacts.writing(path, name=shown, content_type="application/octet-stream") as file:
        for chunk in chunks:
            if file.size + len(chunk) > settings.UPLOAD_MAX_BYTES:
                raise TooLarge
            file.write(chunk)
        if not file.size:
            raise ValidationError(_("The file is empty. Choose one with at least one record."))
    assert file.artifact is not None
    try:
        with transaction.atomic():
            made = Import.objects.create(
                workspace=workspace,
                name=shown,
                size=file.artifact.size,
                sha256=file.artifact.sha256,
                file=file.artifact.as_dict(),
                created_by=by,
            )
            record(actor=by, action="data.uploaded", target=made, workspace=workspace)
            return made
    except BaseException:
        with contextlib.suppress(OSError):
            artifacts.delete(path)
        raise


def shown_name(given: str) -> str:
    """The last part of what the sender calls the file, without characters that cannot be seen."""
    last = PurePosixPath(given.replace("\\", "/")).name
    kept = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C").strip()
    if len(kept) > 200:  # the endings tell the container
        kept = kept[:160] + kept[-40:]
    return kept or UNNAMED
