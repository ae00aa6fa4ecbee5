"""A file that a form brings: kept, and looked through at once."""

from django.core.exceptions import ValidationError
from django.http import HttpRequest

from annotation.actions.start_import import check_import
from annotation.actions.upload_import import TooLarge, upload_import
from annotation.import_forms import UploadForm
from annotation.models import Import
from webapp.workspaces.models import Workspace


def take_file(
    request: HttpRequest, workspace: Workspace, form: UploadForm
) -> tuple[Import | None, int]:
    """The import whose first look has begun; or None and the status of the form's errors."""
    if not form.is_valid():
        return None, 422
    file = form.cleaned_data["file"]
    try:
        made = upload_import(
            workspace=workspace, by=request.user, name=file.name, chunks=file.chunks()
        )
        check_import(imported=made, by=request.user, plan=form.chosen())
    except ValidationError as refused:
        form.add_error("file", refused)
        return None, 413 if isinstance(refused, TooLarge) else 422
    return made, 200
