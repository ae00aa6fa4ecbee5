"""`manage.py board --workspace SLUG [NAME]`: a board in the terminal, or as JSON."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.boards.actions.freeze_board import Differs, recompute
from annotation.boards.actions.refresh_board import refresh_board
from annotation.boards.page import chosen_source, rank_words
from annotation.boards.queries import boards_in, estimand, shown
from annotation.models import Board
from webapp.workspaces.models import Workspace


class Command(BaseCommand):
    help = (
        "Print a board: ratings with intervals and rank ranges, and what they estimate. Without a "
        "name it lists the boards of the workspace."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="the board's name")
        parser.add_argument("--workspace", required=True, help="its slug")
        parser.add_argument("--source", default="", help="human, judge or simulated")
        parser.add_argument("--json", action="store_true", help="all figures, as JSON")
        parser.add_argument(
            "--refresh", action="store_true", help="count the votes now, whatever was counted"
        )
        parser.add_argument("--check", metavar="SNAPSHOT", help="recompute a snapshot by its name")

    def handle(self, *args: Any, **given: Any) -> None:
        workspace = Workspace.objects.filter(slug=given["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {given['workspace']!r}. Give its slug.")
        if not given["name"]:
            for each in boards_in(workspace):
                self.stdout.write(each.name)
            return
        board = boards_in(workspace).filter(name=given["name"]).first()
        if board is None:
            names = ", ".join(boards_in(workspace).values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no board {given['name']!r}. There are: {names}.")
        if given["check"]:
            self._check(board, given["check"])
            return
        if given["refresh"]:
            refresh_board(board=board)
            board = boards_in(workspace).get(pk=board.pk)
        self._print(board, given["source"], as_json=given["json"])

    def _check(self, board: Board, name: str) -> None:
        snapshot = board.snapshots.filter(name=name).first()
        if snapshot is None:
            raise CommandError(f"The board has no snapshot {name!r}.")
        try:
            recompute(snapshot=snapshot)
        except (Differs, FileNotFoundError) as wrong:
            raise CommandError(str(wrong)) from None
        self.stdout.write("Recomputed: every digit is the same.")

    def _print(self, board: Board, wanted: str, *, as_json: bool) -> None:
        now = shown(board)
        if as_json:
            content = {"board": board.name, "state": now.state, "figures": now.content}
            self.stdout.write(json.dumps(content, indent=1))
            return
        if now.state == "none":
            raise CommandError("This board was not counted yet; add --refresh to count it now.")
        self.stdout.write(board.name)
        if now.state == "behind":
            self.stdout.write(f"Behind: {now.newer} newer judgements are not counted (--refresh).")
        for sentence in estimand(board, now):
            self.stdout.write(f"  {sentence}")
        source = chosen_source(now.content, wanted)
        figures = now.sources.get(source)
        if figures is None:
            self.stdout.write("No votes yet. Open a campaign or import votes.")
            return
        rating = figures["ratings"]
        if rating["state"] != "rated":
            self.stdout.write(rating["reason"])
            return
        if not rating["interval"]:
            self.stdout.write(rating["no_interval"])
        width = max(len(row["model"]) for row in rating["rows"])
        for row in rating["rows"]:
            interval = f"{row['low']:7.0f} to {row['high']:5.0f}" if "low" in row else ""
            self.stdout.write(
                f"{rank_words(row):>7}  {row['model']:<{width}}  {row['rating']:6.0f}"
                f"{interval}  {row['votes']} votes"
            )
