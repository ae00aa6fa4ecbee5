"""What `manage.py self_instruct` and `manage.py safe_responses` have in common."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.http import QueryDict

from annotation.prompt_filter import PromptFilter
from training.factory.actions.start_run import RunPlan, start_run
from training.factory.actions.steer import UNCHANGED, change_settings, go_on
from training.factory.plan import KINDS
from training.factory.queries import funnel, rejections, runs_in, spending
from training.model_queries import askable
from training.models import FactoryRun, SeedRole
from webapp.accounts.models import User
from webapp.jobs.follow import follow
from webapp.jobs.models import State
from webapp.workspaces.models import Workspace


class FactoryCommand(BaseCommand):
    kind: str
    has_look_alikes = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, help="its slug")
        parser.add_argument("--by", required=True, help="e-mail address of who asks for it")
        parser.add_argument("--name", required=True, help="of the run")
        parser.add_argument("--model", help="its name, as under “Models to ask”; for a new run")
        parser.add_argument(
            "--seeds", default="", help="a filter as in the browser's address: source=seeds&q=sum"
        )
        if self.has_look_alikes:
            parser.add_argument(
                "--look-alikes", help="harmless prompts that sound harmful: a filter as above"
            )
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a setting; may repeat. Known: " + ", ".join(KINDS[self.kind]().as_json()),
        )
        parser.add_argument("--budget", help="the run stops before it costs more")
        parser.add_argument("--licence", default="", help="of what the model writes")
        parser.add_argument(
            "--go-on", action="store_true", help="go on with the run of this name, as it is set now"
        )
        parser.add_argument("--follow", action="store_true", help="show a bar until it is done")
        parser.add_argument("--report", action="store_true", help="show what was kept and why not")

    def handle(self, *args: Any, **given: Any) -> None:
        workspace = Workspace.objects.filter(slug=given["workspace"]).first()
        person = User.objects.filter(email__iexact=given["by"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {given['workspace']!r}.")
        if person is None:
            raise CommandError(f"Nobody here has the address {given['by']!r}.")
        found = runs_in(workspace).filter(kind=self.kind, name=given["name"]).first()
        try:
            if given["go_on"]:
                found = self._go_on(found, person, given)
            elif given["report"] and found is not None:
                pass
            else:
                found = self._start(workspace, person, given)
        except InvalidOperation:
            raise CommandError(f"The budget is {given['budget']!r}; write a number.") from None
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from None
        self._after(found, given)

    def _start(self, workspace: Workspace, person: User, given: dict[str, Any]) -> FactoryRun:
        models = {model.name: model for model in askable(workspace)}
        if given["model"] not in models:
            raise CommandError(
                f"There is no model {given['model']!r} to ask. "
                f"Allowed: {', '.join(models) or 'none'}."
            )
        look_alikes = given.get("look_alikes")
        run = start_run(
            workspace=workspace,
            by=person,
            kind=self.kind,
            plan=RunPlan(
                name=given["name"],
                endpoint=models[given["model"]],
                settings=KINDS[self.kind].from_json(_settings(given["set"])),
                seeds=PromptFilter.from_params(QueryDict(given["seeds"])),
                look_alikes=PromptFilter.from_params(QueryDict(look_alikes))
                if look_alikes is not None
                else None,
                budget=Decimal(given["budget"]) if given["budget"] else None,
                licence=given["licence"],
            ),
        )
        seeds = run.seeds.filter(role=SeedRole.SEED).count()
        self.stdout.write(
            f"{seeds} seeds; job {run.job_id} is queued: /w/{workspace.slug}/factory/{run.pk}/"
        )
        return run

    def _go_on(self, run: FactoryRun | None, person: User, given: dict[str, Any]) -> FactoryRun:
        if run is None:
            raise CommandError(f"There is no run named {given['name']!r}.")
        budget = Decimal(given["budget"]) if given["budget"] else UNCHANGED
        changes = _settings(given["set"])
        if changes or budget is not UNCHANGED:
            change_settings(run=run, by=person, changes=changes, budget=budget)
        return go_on(run=run, by=person)

    def _after(self, run: FactoryRun, given: dict[str, Any]) -> None:
        error = ""
        if given["follow"] and run.job is not None:
            job = follow(run.job, self._write)
            if job.state != State.DONE:
                error = job.error or f"Job {job.pk} was {job.state}."
        if given["report"]:
            self._report(run)
        if error:
            raise CommandError(error)

    def _report(self, run: FactoryRun) -> None:
        for stage in funnel(run):
            lost = f"  (-{stage.lost})" if stage.lost else ""
            self.stdout.write(f"{stage.count:>8}  {stage.label}{lost}")
        for row in rejections(run):
            why = row["rule"] or row["reason"]
            example = " ".join(row["examples"][0].text.split())[:90]
            self.stdout.write(f"{row['n']:>8}  {row['label']}: {why}. Such as: {example}")
        spent = spending(run)
        self.stdout.write(
            f"{spent['answered']} of {spent['requests']} requests answered, {spent['tokens_in']} "
            f"tokens in, {spent['tokens_out']} out, cost {spent['cost'].normalize():f}"
        )

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()


def _settings(given: list[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value that is no JSON is a text. Raises CommandError."""
    found: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise CommandError(f"--set is {each!r}; write NAME=VALUE.")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value
    return found
