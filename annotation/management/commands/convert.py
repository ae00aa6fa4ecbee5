"""`manage.py convert FILE --workspace SLUG`: a labelled data set as instructions, by templates."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from annotation.domain.conversion.recipes import ALL, ONE, recipe_from
from annotation.domain.conversion.tasks import TASKS
from annotation.domain.conversion.template_files import read_templates
from annotation.domain.conversion.templates import Template
from annotation.imports.plan import CONVERSION
from annotation.management.commands import import_data


class Command(import_data.Command):
    help = (
        "Turn a labelled data set into instructions with answers, by templates, and import them. "
        "Takes what import_data takes, and reports as it does."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--task", default="", help=f"one of {', '.join(TASKS)}")
        parser.add_argument(
            "--template", action="append", default=[], metavar="TEXT", help="{premise} So: {text}?"
        )
        parser.add_argument(
            "--target", default="{answer}", help="what the templates given here are answered with"
        )
        parser.add_argument(
            "--templates",
            action="append",
            default=[],
            metavar="FILE[:DATA SET]",
            help="of FLAN (.py, .json), promptsource (.yaml, .json) or saved in the browser",
        )
        parser.add_argument(
            "--answer", action="append", default=[], metavar="A=B", help="a label = its word"
        )
        parser.add_argument("--label-field", default="label", help="the label's column")
        parser.add_argument("--with-options", action="store_true", help="list all words")
        parser.add_argument("--each-row", default=ONE, help=f"{ONE} template, or {ALL}")
        parser.add_argument("--seed", type=int, default=0, help="which template a row takes")
        parser.add_argument("--recipe", type=Path, help="all of this, as a .json file")

    def chosen(self, given: dict[str, Any]) -> dict[str, Any]:
        columns: dict[str, list[str]] = {"column": []}  # those given are the recipe's
        plan = super().chosen(given | columns | {"format": "labelled"})
        try:
            recipe = recipe_from(self._given(given))
        except ValueError as error:
            raise CommandError(str(error)) from None
        if not recipe.templates:
            raise CommandError("Give a --template, --templates, a --task, or a --recipe.")
        return plan | {CONVERSION: recipe.as_json()}

    def _given(self, given: dict[str, Any]) -> Any:
        if given["recipe"] is not None:
            try:
                return json.loads(_read(given["recipe"]))
            except ValueError:
                raise CommandError(f"{given['recipe']} is no JSON.") from None
        templates = [
            Template(f"template {number}", text, given["target"])
            for number, text in enumerate(given["template"], start=1)
        ]
        for named in given["templates"]:
            templates += _of_file(named)
        if not templates and given["task"] in TASKS:
            templates = list(TASKS[given["task"]].templates)
        return {
            "task": given["task"],
            "templates": [vars(template) for template in templates],
            "columns": import_data.pairs("column", given["column"]),
            "answers": _words(given["answer"]),
            "label_field": given["label_field"],
            "with_options": given["with_options"],
            "each_row": given["each_row"],
            "seed": given["seed"],
        }


def _of_file(named: str) -> list[Template]:
    """The templates of FILE or FILE:DATA SET."""
    path, _, dataset = named.partition(":")
    try:
        files = read_templates(_read(Path(path)))
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from None
    if not dataset and len(files) == 1:
        return next(iter(files.values()))
    if dataset not in files:
        listed = ", ".join(sorted(filter(None, files)))
        raise CommandError(f"{path} has no templates for {dataset!r}. It has {listed}.")
    return files[dataset]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be opened: {error.strerror}.") from None


def _words(given: list[str]) -> dict[str, str]:
    """The A=B of --answer; A may be empty: the word for a question without an answer."""
    found = {}
    for pair in given:
        label, equals, word = pair.partition("=")
        if not equals or not word:
            raise CommandError(f"--answer {pair!r} is no pair; write --answer A=B.")
        found[label.strip()] = word.strip()
    return found
