"""`manage.py task FILE --workspace SLUG`: a task of Natural Instructions as prompts and answers."""

import json
import tempfile
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from annotation.domain.conversion.instruction_task import PARTS, USUAL, InstructionTask
from annotation.management.commands import import_data
from annotation.task_forms import content_of


class Command(import_data.Command):
    help = (
        "Write each instance of a task (Natural Instructions, version 1 or 2, as JSON) as an "
        "instruction with its answers, and import them. Takes what import_data takes, and reports "
        "as it does; --show only shows."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--part",
            action="append",
            default=[],
            choices=PARTS,
            help=f"a part that is written; may repeat. Without any: {', '.join(USUAL)}",
        )
        parser.add_argument("--shots", type=int, default=2, help="examples of each side, at most")
        parser.add_argument(
            "--show", type=int, default=0, metavar="N", help="show the first N and import nothing"
        )

    def handle(self, *args: Any, **given: Any) -> None:
        task = self._read(given["file"])
        parts = given["part"] or list(USUAL)
        if given["shots"] < 0:
            raise CommandError(f"--shots is {given['shots']}; it is 0 or more.")
        if given["show"] > 0:
            shown = [each.input for each in task.instances[: given["show"]]] or ["…"]
            said = (task.render(question, parts, given["shots"]) for question in shown)
            self.stdout.write("\n\n----\n\n".join(said))
            return
        if not task.instances:
            raise CommandError(f"{given['file']} has no instance: there is nothing to import.")
        name = given["file"].stem
        with tempfile.TemporaryDirectory() as folder:
            rendered = Path(folder) / f"{name}.jsonl"
            with rendered.open("w", encoding="utf-8") as out:
                for row in task.rows(parts, given["shots"]):
                    out.write(json.dumps(row, ensure_ascii=False) + "\n")
            said_of = {"file": rendered, "format": "table", "source": given["source"] or name}
            super().handle(*args, **(given | said_of))

    def _read(self, path: Path) -> InstructionTask:
        try:
            return content_of(path.read_bytes())
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be opened: {error.strerror}.") from None
        except ValidationError as refused:
            raise CommandError(f"{path}: {' '.join(refused.messages)}") from None
