"""`python manage.py prompt_map draw|list|delete`: maps of prompts from a shell."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from training.model_names import model_named
from training.models import ModelKind, PromptMap
from training.prompt_maps.actions.start_map import delete_map, start_map
from training.prompt_maps.plan import USUAL_MOST, USUAL_PERPLEXITY, MapPlan, data_set
from training.prompt_maps.queries import maps_in, views_for
from webapp.accounts.models import User
from webapp.jobs.follow import follow
from webapp.jobs.models import State
from webapp.workspaces.models import Workspace


class Command(BaseCommand):
    help = (
        "Maps of prompts: a worker embeds the texts with a registered embedding model, lays them "
        "out by t-SNE and says how far the map can be trusted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        draw = acts.add_parser("draw", help="draw a map and wait for it")
        draw.add_argument("workspace", help="its slug")
        draw.add_argument("--by", required=True, help="e-mail address of who asks for it")
        draw.add_argument("--name", required=True)
        draw.add_argument("--model", required=True, help="NAME or NAME:VERSION of an embedder")
        draw.add_argument(
            "--set",
            action="append",
            required=True,
            help="all, source:NAME, tag:NAME, split:NAME, language:CODE, use_case:NAME, view:ID or "
            "snapshot:ID; repeat for each colour",
        )
        draw.add_argument("--perplexity", type=float, default=USUAL_PERPLEXITY)
        draw.add_argument("--seed", type=int, default=0)
        draw.add_argument("--most", type=int, default=USUAL_MOST, help="prompts of each set")
        draw.add_argument("--no-wait", action="store_true", help="queue and return")
        listed = acts.add_parser("list", help="the maps there are")
        listed.add_argument("workspace", help="its slug")
        delete = acts.add_parser("delete", help="delete one; prompts and embeddings stay")
        delete.add_argument("workspace", help="its slug")
        delete.add_argument("name")
        delete.add_argument("--by", required=True, help="e-mail address of who deletes it")

    def handle(self, *args: Any, **given: Any) -> None:
        workspace = Workspace.objects.filter(slug=given["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {given['workspace']!r}. Give its slug.")
        try:
            if given["act"] == "draw":
                self._draw(workspace, given)
            elif given["act"] == "delete":
                delete_map(row=_map(workspace, given["name"]), by=_person(given["by"]))
                self.stdout.write(f"{given['name']} is deleted.")
            else:
                for row in maps_in(workspace):
                    self._say(row)
        except ValidationError as refused:
            raise CommandError("\n".join(refused.messages)) from None

    def _draw(self, workspace: Workspace, given: dict[str, Any]) -> None:
        by = _person(given["by"])
        views = views_for(workspace, by)
        plan = MapPlan(
            name=given["name"],
            version=model_named(workspace, given["model"], ModelKind.EMBEDDER),
            sets=[data_set(workspace, key, views) for key in given["set"]],
            perplexity=given["perplexity"],
            seed=given["seed"],
            most=given["most"],
        )
        row = start_map(workspace=workspace, by=by, plan=plan)
        assert row.job is not None
        self.stdout.write(f"{row} is drawn by job {row.job_id}.")
        if given["no_wait"]:
            return
        job = follow(row.job, self._write)
        if job.state != State.DONE:
            raise CommandError(job.error or f"Job {job.pk} was {job.state}.")
        row.refresh_from_db()
        self._say(row)

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()

    def _say(self, row: PromptMap) -> None:
        if not row.ready:
            self.stdout.write(f"{row}: not drawn yet.")
            return
        said = row.report
        sets = ", ".join(
            f"{name} {count}" for name, count in zip(row.set_names, said["prompts"], strict=True)
        )
        self.stdout.write(
            f"{row}: {said['points']} texts of {sets}; perplexity {said['perplexity']:g}, seed "
            f"{row.seed}, trustworthiness {said['trustworthiness']:.3f} (k = {said['neighbours']})."
        )


def _person(address: str) -> User:
    person = User.objects.filter(email__iexact=address).first()
    if person is None:
        raise CommandError(f"Nobody here has the address {address!r}.")
    return person


def _map(workspace: Workspace, name: str) -> PromptMap:
    found = maps_in(workspace).filter(name=name).first()
    if found is None:
        known = ", ".join(each.name for each in maps_in(workspace)) or "none"
        raise CommandError(f"There is no map {name!r}. Maps here: {known}.")
    return found
