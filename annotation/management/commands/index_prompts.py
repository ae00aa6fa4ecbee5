"""python manage.py index_prompts --workspace SLUG: fingerprints and words of prompts without them.

A worker does this after every import; without workers, or after a restore, this does it at once.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.actions.index_prompts import index_missing
from webapp.workspaces.models import Workspace


class Command(BaseCommand):
    help = "Index the prompts of a workspace for the fuzzy search and for duplicates."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']!r}.")
        done = index_missing(workspace_id=workspace.pk, on_batch=lambda done: None)
        self.stdout.write(f"Prompts indexed: {done}.")
