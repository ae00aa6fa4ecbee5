"""`manage.py push WORKSPACE MODEL OWNER/NAME`: put a registered model on a hub."""

import getpass
import os
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from training.actions.push_model import consequences_of_pushing, push_model
from training.model_names import model_named
from training.models import HubPush
from webapp.accounts.models import User
from webapp.jobs.follow import follow
from webapp.jobs.models import State
from webapp.workspaces.models import Workspace


class Command(BaseCommand):
    help = (
        "Push a model to the hub of HUB_URL: its files and a card with its lineage. The token is "
        "read from the variable HUB_TOKEN, or asked for; it is never an argument, which others on "
        "this machine could read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="its slug")
        parser.add_argument("model", help="NAME or NAME:VERSION")
        parser.add_argument("repository", help="owner/name on the hub")
        parser.add_argument("--by", required=True, help="e-mail address of who pushes it")
        parser.add_argument("--public", action="store_true", help="everybody may fetch it")
        parser.add_argument("--yes", action="store_true", help="do not ask whether it is meant")
        parser.add_argument("--no-wait", action="store_true", help="queue and return")

    def handle(self, *args: Any, **given: Any) -> None:
        workspace = Workspace.objects.filter(slug=given["workspace"]).first()
        by = User.objects.filter(email__iexact=given["by"]).first()
        if workspace is None or by is None:
            raise CommandError("There is no such workspace, or nobody with that address.")
        try:
            version = model_named(workspace, given["model"])
            for sentence in consequences_of_pushing(version):
                self.stdout.write(f"- {sentence}")
            if not given["yes"] and input("Push it? [y/N] ").strip().lower() != "y":
                raise CommandError("Nothing was pushed.")
            push = push_model(
                version=version,
                by=by,
                repository=given["repository"],
                token=os.environ.get("HUB_TOKEN") or getpass.getpass("Token of the hub: "),
                private=not given["public"],
            )
        except ValidationError as refused:
            raise CommandError("\n".join(refused.messages)) from None
        assert push.job is not None
        self.stdout.write(f"{version} is pushed by job {push.job_id}.")
        if given["no_wait"]:
            return
        job = follow(push.job, self._write)
        if job.state != State.DONE:
            raise CommandError(job.error or f"Job {job.pk} was {job.state}.")
        self.stdout.write(HubPush.objects.get(pk=push.pk).address)

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()
