"""python manage.py round start|status|step|pause|resume: the loop from the command line."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from annotation.models import Board
from training.model_names import model_named
from training.models import ModelKind, Round
from training.rounds.actions.start_round import start_round
from training.rounds.actions.steer import pause_round, resume_round, take_step
from training.rounds.follow import follow, summary
from training.rounds.plan import ROUND_RECIPES, RoundPlan
from training.rounds.queries import rounds_in, where
from webapp.accounts.models import User
from webapp.workspaces.models import Workspace

ACTS = {"step": take_step, "pause": pause_round, "resume": resume_round}


class Command(BaseCommand):
    help = (
        "Begin rounds and steer them: models answer, people judge, a model learns from it and "
        "comes back. Workers and the reconciler carry them out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        start = acts.add_parser("start", help="begin the first round of a loop")
        start.add_argument("workspace", help="its slug")
        start.add_argument("--by", required=True, help="e-mail address of who begins it")
        start.add_argument("--name", required=True, help="of the loop")
        start.add_argument("--base", required=True, help="NAME or NAME:VERSION that learns")
        start.add_argument("--model", action="append", default=[], help="that answers too")
        start.add_argument("--result", required=True, help="name of the new model")
        start.add_argument("--recipe", required=True, choices=ROUND_RECIPES)
        start.add_argument("--board", default="", help="its name; a new one if not given")
        start.add_argument("--temperature", type=float, action="append", help="two or more")
        start.add_argument("--judgements", type=int, help="train when there are so many")
        start.add_argument("--next-when", type=int, help="judgements that begin the next round")
        start.add_argument("--plan", default="{}", help="JSON: all other settings, docs/rounds.md")
        start.add_argument("--follow", action="store_true", help="show a bar until it stands still")
        status = acts.add_parser("status", help="where rounds stand")
        status.add_argument("workspace", help="its slug")
        status.add_argument("round", nargs="?", help="NAME or NAME:NUMBER; all if not given")
        status.add_argument("--follow", action="store_true")
        for act, words in (
            ("step", "begin the next step, say that it is enough, or try a failed one again"),
            ("pause", "nothing more begins by itself"),
            ("resume", "go on with a paused round"),
        ):
            one = acts.add_parser(act, help=words)
            one.add_argument("workspace", help="its slug")
            one.add_argument("round", help="NAME (its newest round) or NAME:NUMBER")
            one.add_argument("--by", required=True, help="e-mail address of who does it")
            one.add_argument("--follow", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']!r}.")
        try:
            self._act(workspace, options)
        except ValidationError as refused:
            raise CommandError("\n".join(refused.messages)) from None

    def _act(self, workspace: Workspace, options: dict[str, Any]) -> None:
        if options["act"] == "status" and not options["round"]:
            for found in rounds_in(workspace):
                self.stdout.write(summary(found)[0])
            return
        if options["act"] == "start":
            found = self._start(workspace, options)
        else:
            found = _round(workspace, options["round"])
            if options["act"] in ACTS:
                found = ACTS[options["act"]](found=found, by=_person(options["by"]))
        if options["follow"]:
            found = follow(found, self._write)
        found = rounds_in(workspace).get(pk=found.pk)
        self.stdout.write("\n".join(summary(found)))
        if where(found).key in ("failed", "stopped"):
            raise CommandError("The round needs a look; try again with: round step")

    def _write(self, text: str) -> None:
        self.stdout.write(text, ending="")
        self.stdout.flush()

    def _start(self, workspace: Workspace, options: dict[str, Any]) -> Round:
        try:
            plan = json.loads(options["plan"])
        except ValueError as error:
            raise CommandError(f"--plan is not JSON: {error}.") from None
        if not isinstance(plan, dict):
            raise CommandError("--plan is an object of settings.")
        plan |= {name: options[name] for name in ("name", "result", "recipe")}
        for name, option in (
            ("temperatures", "temperature"),
            ("judgements", "judgements"),
            ("next_when", "next_when"),
        ):
            if options[option] is not None:
                plan[name] = options[option]
        board = None
        if options["board"]:
            board = Board.objects.filter(workspace=workspace, name=options["board"]).first()
            if board is None:
                raise CommandError(f"There is no board {options['board']!r}.")
        return start_round(
            workspace=workspace,
            by=_person(options["by"]),
            plan=RoundPlan.from_json(plan),
            base=model_named(workspace, options["base"], ModelKind.POLICY),
            earlier=[model_named(workspace, name, ModelKind.POLICY) for name in options["model"]],
            board=board,
        )


def _person(address: str) -> User:
    person = User.objects.filter(email__iexact=address).first()
    if person is None:
        raise CommandError(f"Nobody here has the address {address!r}.")
    return person


def _round(workspace: Workspace, named: str) -> Round:
    name, _colon, number = named.partition(":")
    found = rounds_in(workspace).filter(name=name)
    if number:
        found = found.filter(number=int(number)) if number.isdecimal() else found.none()
    row = found.order_by("-number").first()
    if row is None:
        known = ", ".join(sorted({each.name for each in rounds_in(workspace)})) or "none"
        raise CommandError(f"There is no round {named!r}. Loops here: {known}.")
    return row
