"""python manage.py study start|status|compare: how much data a method needs, from a shell."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from annotation.domain.proportions import Share
from training.model_names import model_named
from training.models import ModelKind, Study
from training.queries import ready_snapshots
from training.studies.actions.compare_models import ask_models, open_comparison
from training.studies.actions.start_study import start_study
from training.studies.plan import METHODS, StudyPlan, usual_sizes
from training.studies.queries import studies_in, where
from training.studies.results import found_in
from webapp.accounts.models import User
from webapp.workspaces.models import Workspace


class Command(BaseCommand):
    help = (
        "Data-budget studies: the same run on nested parts of a snapshot. Workers carry the runs "
        "out; status says what each size brought."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        start = acts.add_parser("start", help="launch one run for each size")
        start.add_argument("workspace", help="its slug")
        start.add_argument("--by", required=True, help="e-mail address of who begins it")
        start.add_argument("--name", required=True)
        start.add_argument("--method", required=True, choices=METHODS)
        start.add_argument("--base", required=True, help="NAME or NAME:VERSION to begin from")
        start.add_argument("--snapshot", required=True, help="its name")
        start.add_argument(
            "--rows", type=int, action="append", help="of a run; may repeat (all, a half ...)"
        )
        start.add_argument("--seed", type=int, default=0)
        start.add_argument("--config", default="{}", help="JSON: lora, training, settings")
        status = acts.add_parser("status", help="what studies found so far")
        status.add_argument("workspace", help="its slug")
        status.add_argument("study", nargs="?", help="its name; all if not given")
        compare = acts.add_parser("compare", help="let the models answer, then people compare")
        compare.add_argument("workspace", help="its slug")
        compare.add_argument("study", help="its name")
        compare.add_argument("--by", required=True, help="e-mail address of who asks for it")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']!r}.")
        try:
            self._act(workspace, options)
        except ValidationError as refused:
            raise CommandError("\n".join(refused.messages)) from None

    def _act(self, workspace: Workspace, options: dict[str, Any]) -> None:
        if options["act"] == "start":
            self._say(_start(workspace, options))
        elif options["act"] == "compare":
            study = _study(workspace, options["study"])
            act: Any = ask_models if study.answers_id is None else open_comparison
            act(study=study, by=_person(options["by"]))
            self._say(study)
        elif options["study"]:
            self._say(_study(workspace, options["study"]))
        else:
            for study in studies_in(workspace):
                self.stdout.write(f"{study}: {where(study).label}")

    def _say(self, study: Study) -> None:
        study = studies_in(study.workspace).get(pk=study.pk)
        self.stdout.write(f"{study}: {where(study).words}")
        for row in found_in(study):
            accuracy, wins = _share("accuracy", row.accuracy), _share("wins", row.wins)
            loss = f"loss {row.loss:.4g}" if row.loss is not None else ""
            words = ", ".join(each for each in (accuracy, loss, wins) if each) or row.run.state
            self.stdout.write(f"{row.rows if row.rows is not None else row.wanted:>10} {words}")


def _share(name: str, found: Share | None) -> str:
    if found is None or found.value is None:
        return ""
    return f"{name} {found.value:.3f} ({found.low:.3f} to {found.high:.3f}, n = {found.n})"


def _start(workspace: Workspace, options: dict[str, Any]) -> Study:
    try:
        config = json.loads(options["config"])
    except ValueError as error:
        raise CommandError(f"--config is not JSON: {error}.") from None
    if not isinstance(config, dict):
        raise CommandError("--config is an object of settings.")
    snapshot = ready_snapshots(workspace).filter(name=options["snapshot"]).first()
    if snapshot is None:
        raise CommandError(f"There is no frozen snapshot {options['snapshot']!r}.")
    plan = StudyPlan(
        name=options["name"],
        method=options["method"],
        base=model_named(workspace, options["base"], ModelKind.POLICY),
        snapshot=snapshot,
        sizes=tuple(options["rows"] or usual_sizes(snapshot.splits.get("train", 0))),
        draw=options["seed"],
        config=config,
    )
    return start_study(workspace=workspace, by=_person(options["by"]), plan=plan)


def _person(address: str) -> User:
    person = User.objects.filter(email__iexact=address).first()
    if person is None:
        raise CommandError(f"Nobody here has the address {address!r}.")
    return person


def _study(workspace: Workspace, name: str) -> Study:
    found = studies_in(workspace).filter(name=name).first()
    if found is None:
        known = ", ".join(each.name for each in studies_in(workspace)) or "none"
        raise CommandError(f"There is no study {name!r}. Studies here: {known}.")
    return found
