"""`manage.py register WORKSPACE FOLDER_OR_HUB_ID --name NAME`: a model into the registry.

With --into BASE the source is a registered adapter, of which a whole model is made.
"""

import contextlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.management.base import BaseCommand, CommandError

from training.actions.import_model import import_from_hub, import_uploaded
from training.actions.merge_adapter import merge_adapter
from training.model_names import model_named
from training.models import ModelKind, ModelVersion
from training.trainers.model_folder import POOLING
from webapp.accounts.models import User
from webapp.jobs.follow import follow
from webapp.jobs.models import State
from webapp.workspaces.models import Workspace


class Command(BaseCommand):
    help = (
        "Register a model: a folder or zip with config.json, tokenizer and safetensors, or an id "
        "on the hub. A worker checks and stores the files; a full language model, a reward model, "
        "an adapter or an embedding model is told apart by its files. With --into BASE the source "
        "is a registered adapter, NAME or NAME:VERSION, which is merged into its base."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its slug")
        parser.add_argument("source", help="a folder, a .zip, or owner/name on the hub")
        parser.add_argument("--into", default="", help="the base, NAME or NAME:VERSION")
        parser.add_argument("--name", required=True, help="a name that is taken gets a new version")
        parser.add_argument("--by", required=True, help="e-mail address of who registers it")
        parser.add_argument("--licence", default="", help="such as apache-2.0")
        parser.add_argument("--revision", default="", help="of the hub: branch, tag or commit")
        parser.add_argument("--no-wait", action="store_true", help="queue and return")

    def handle(self, *args: Any, **given: Any) -> None:
        workspace = Workspace.objects.filter(slug=given["workspace"]).first()
        by = User.objects.filter(email__iexact=given["by"]).first()
        if workspace is None or by is None:
            raise CommandError("There is no such workspace, or nobody with that address.")
        try:
            version = _register(workspace, by, given)
        except ValidationError as refused:
            raise CommandError("\n".join(refused.messages)) from None
        assert version.job is not None
        verb = "merged" if given["into"] else "checked"
        self.stdout.write(f"{version} is {verb} by job {version.job_id}.")
        if given["no_wait"]:
            return
        job = follow(version.job, self._write)
        if job.state != State.DONE:
            raise CommandError(job.error or f"Job {job.pk} was {job.state}.")
        version.refresh_from_db()
        self.stdout.write(f"{version}: {version.kind}, SHA-256 {version.sha256}")

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()


def _register(workspace: Workspace, by: User, given: dict[str, Any]) -> ModelVersion:
    name, licence, source = given["name"], given["licence"], Path(given["source"])
    if given["into"]:
        adapter = model_named(workspace, given["source"], ModelKind.ADAPTER)
        base = model_named(workspace, given["into"], ModelKind.POLICY, ModelKind.REWARD)
        return merge_adapter(adapter=adapter, base=base, by=by, name=name)
    if not source.exists():
        return import_from_hub(
            workspace=workspace,
            by=by,
            name=name,
            repository=given["source"],
            revision=given["revision"],
            licence=licence,
        )
    paths = [source] if source.is_file() else sorted(p for p in source.iterdir() if p.is_file())
    if source.is_file() and source.suffix != ".zip":
        raise CommandError(f"{source} is a file. Give the model's folder, or a zip of it.")
    with contextlib.ExitStack() as opened:
        files = [UploadedFile(opened.enter_context(path.open("rb")), path.name) for path in paths]
        pooling = source / "1_Pooling" / "config.json"  # of sentence-transformers
        if pooling.is_file():
            files.append(UploadedFile(opened.enter_context(pooling.open("rb")), POOLING))
        return import_uploaded(workspace=workspace, by=by, name=name, files=files, licence=licence)
