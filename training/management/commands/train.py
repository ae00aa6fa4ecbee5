"""python manage.py train: launch a run from the command line, and follow it."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from training.actions.launch import LaunchPlan, launch
from training.model_names import model_named
from training.models import Method, ModelVersion, Purpose, TrainingRun
from training.queries import ready_snapshots
from training.snapshot_parts import Part, seed_of
from webapp.accounts.models import User
from webapp.workspaces.models import Workspace

LOOK_SECONDS = 1.0
WIDTH = 40  # characters of the bar


class Command(BaseCommand):
    help = "Launch a training run and follow it to its end (a gpu worker carries it out)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="address of the workspace")
        parser.add_argument("method", choices=Method.values)
        parser.add_argument("--name", required=True)
        parser.add_argument("--by", required=True, help="e-mail address of whoever launches it")
        parser.add_argument("--base", required=True, help="NAME or NAME:VERSION of a model")
        parser.add_argument("--adapter", help="the same of an adapter, merged into the base first")
        parser.add_argument("--reward", help="the same of a reward model")
        parser.add_argument(
            "--reward-adapter", help="an adapter with its head, merged into the model of --reward"
        )
        parser.add_argument(
            "--data", action="append", default=[], metavar="ROLE=SNAPSHOT", help="may repeat"
        )
        parser.add_argument("--config", default="{}", help="JSON: seed, lora, training, settings")
        parser.add_argument("--rows", type=int, help="learn from so many rows at most")
        parser.add_argument("--result", default="", help="name of the resulting model")
        parser.add_argument("--purpose", choices=Purpose.values, default=Purpose.RUN)
        parser.add_argument("--no-wait", action="store_true", help="launch and return")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = self._launch(options)
        except ValidationError as refused:
            raise CommandError("\n".join(refused.messages)) from None
        self.stdout.write(f"Run {run.pk}, {run.name}, is queued.")
        if not options["no_wait"]:
            self._follow(run)

    def _launch(self, options: dict[str, Any]) -> TrainingRun:
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        by = User.objects.filter(email=options["by"]).first()
        if workspace is None or by is None:
            raise CommandError("There is no such workspace, or nobody with that address.")
        models = {
            role: model_named(workspace, options[role])
            for role in ("base", "adapter", "reward", "reward_adapter")
            if options[role]
        }
        data = {}
        for each in options["data"]:
            role, _equals, name = each.partition("=")
            snapshot = ready_snapshots(workspace).filter(name=name).first()
            if snapshot is None:
                raise CommandError(f"There is no frozen snapshot {name!r}. Write ROLE=NAME.")
            data[role] = snapshot
        try:
            config = json.loads(options["config"])
        except ValueError as error:
            raise CommandError(f"--config is not JSON: {error}.") from None
        if not isinstance(config, dict):
            raise CommandError("--config is an object of settings.")
        plan = LaunchPlan(
            name=options["name"],
            method=options["method"],
            models=models,
            data=data,
            config=config,
            part=Part(options["rows"], seed_of(config)) if options["rows"] is not None else None,
            result_name=options["result"],
            purpose=options["purpose"],
        )
        return launch(workspace=workspace, by=by, plan=plan)

    def _follow(self, run: TrainingRun) -> None:
        while True:
            run = TrainingRun.objects.select_related("job").get(pk=run.pk)
            share = min(1.0, run.step / run.total) if run.total else 0.0
            bar = "#" * int(share * WIDTH)
            line = f"\r[{bar:<{WIDTH}}] {run.step}/{run.total or '?'} {run.phase or run.state:<12}"
            self.stdout.write(line, ending="")
            self.stdout.flush()
            if run.is_over:
                break
            time.sleep(LOOK_SECONDS)
        self.stdout.write("")
        if run.state != "done":
            raise CommandError(run.sentence or (run.job.error if run.job else ""))
        made = ModelVersion.objects.filter(run=run).first()
        self.stdout.write(f"Done: {made}" if made else "Done.")
