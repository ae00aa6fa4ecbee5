"""`manage.py import_data FILE --workspace SLUG`: the same import as in the browser."""

import contextlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from annotation.actions.import_data import ImportPlan, ImportReport, import_data
from annotation.imports.formats.registry import BY_NAME
from webapp.workspaces.models import Workspace

SHOWN_REFUSALS = 10


class Command(BaseCommand):
    help = (
        "Import a file of prompts, demonstrations, answers or judgements (.json, .jsonl, .csv, "
        ".tsv, .parquet, each also .gz or .zst). Good rows are taken and the others reported, "
        "unless --all-or-nothing. The same file twice adds nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--workspace", required=True, help="its slug; made if there is none")
        parser.add_argument("--format", default="", help=f"one of {', '.join(sorted(BY_NAME))}")
        parser.add_argument("--dry-run", action="store_true", help="count everything, keep nothing")
        parser.add_argument("--report", type=Path, help="write the report to this .json file")
        parser.add_argument(
            "--rejects", type=Path, help="write refused records to this .jsonl file"
        )
        parser.add_argument(
            "--all-or-nothing", action="store_true", help="one refused record keeps all out"
        )
        parser.add_argument("--source", default="", help="what to call the source of the rows")
        parser.add_argument("--licence", default="", help="the licence of rows that name none")
        for name, what in (
            ("column", "our field = the file's column"),
            ("role", "the file's role = system, user, assistant or tool"),
            ("label", "the file's verdict = left, right, tie or both_bad"),
            ("language", "the file's language = its BCP 47 code"),
        ):
            parser.add_argument(f"--{name}", action="append", default=[], metavar="A=B", help=what)
        parser.add_argument("--html", action="store_true", help="texts are HTML")
        parser.add_argument("--mask", action="store_true", help="mask personal data in texts")
        parser.add_argument("--no-header", action="store_true", help="the table has no header line")
        parser.add_argument("--delimiter", default="", help="between a table's fields")
        parser.add_argument("--rank-best", default="", help="lowest or highest: the best rank")
        parser.add_argument(
            "--judged-by", default="", help="human or judge, whatever the file says"
        )
        parser.add_argument("--split", default="", help="train, validation or held_out")
        parser.add_argument("--use-case", default="", help="of rows that name none")
        parser.add_argument("--tag", action="append", default=[], help="add it to every prompt")
        self._add_cleaning(parser)

    @staticmethod
    def _add_cleaning(parser: CommandParser) -> None:
        parser.add_argument("--clean", action="store_true", help="clean scraped conversations")
        parser.add_argument("--keep-repeated-digits", action="store_true", help="though --clean")
        parser.add_argument("--keep-restarted-lists", action="store_true", help="though --clean")
        parser.add_argument(
            "--special-token", action="append", default=[], help="break it up wherever it stands"
        )
        parser.add_argument(
            "--keep-language", action="append", default=[], help="leave all others out (BCP 47)"
        )
        parser.add_argument("--skip-language", action="append", default=[], help="leave it out")
        parser.add_argument(
            "--split-tokens", type=int, default=0, help="split longer conversations (0: none)"
        )

    def handle(self, *args: Any, **given: Any) -> None:
        try:
            plan = ImportPlan.from_json(
                given["file"].name, self.chosen(given), dry_run=given["dry_run"]
            )
        except ValidationError as refused:
            told = [f"{name}: {' '.join(why)}" for name, why in refused.message_dict.items()]
            raise CommandError(" ".join(told)) from None
        with tempfile.TemporaryFile() as spool:
            report = self._import(given, plan, spool)
            if given["rejects"] is not None:
                spool.seek(0)
                with given["rejects"].open("wb") as out:
                    shutil.copyfileobj(spool, out)
            if given["report"] is not None:
                write_report(given["report"], report, spool)
        self._say(report, plan)
        if report.broken or (plan.all_or_nothing and report.refused_rows):
            sys.exit(1)

    def chosen(self, given: dict[str, Any]) -> dict[str, Any]:
        """The plan that the arguments ask for."""
        return chosen(given)

    def _import(self, given: dict[str, Any], plan: ImportPlan, spool: IO[bytes]) -> ImportReport:
        slug = given["workspace"]
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(given["file"].open("rb"))
                if given["rejects"] is not None:
                    given["rejects"].open("wb").close()  # refused now, not after the import
            except OSError as error:
                raise CommandError(
                    f"{error.filename} cannot be opened: {error.strerror}."
                ) from None
            stack.enter_context(transaction.atomic())
            workspace, made = Workspace.objects.get_or_create(slug=slug, defaults={"name": slug})
            try:
                workspace.full_clean(exclude=["name"])
                report = import_data(
                    workspace=workspace, by=None, file=file, plan=plan, rejects=spool
                )
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
            if made and not report.stored:
                workspace.delete()
        return report

    def _say(self, report: ImportReport, plan: ImportPlan) -> None:
        variant = f" ({report.variant})" if report.variant else ""
        compressed = f", {report.compression}" if report.compression else ""
        what = f"{report.format}{variant}, {report.container}{compressed}"
        lines = [
            f"{plan.name}: {what if report.container else 'cannot be read'}",
            f"rows {report.rows}, {'would import' if plan.dry_run else 'imported'} "
            f"{report.imported}, duplicates {report.duplicates}, fixed {report.fixed}, "
            f"refused {report.refused_rows}",
        ]
        lines += [f"  fixed {count}: {what}" for what, count in report.fixes.items()]
        lines += [f"  {count} {table}" for table, count in report.tables.items()]
        for refusal in report.refused[:SHOWN_REFUSALS]:
            lines.append(f"  line {refusal['line']}: {refusal['reason']}")
        if report.refused_rows > SHOWN_REFUSALS:
            lines.append(f"  and {report.refused_rows - SHOWN_REFUSALS} more (--report FILE)")
        if report.withheld:
            lines.append(
                f"Nothing was imported; {report.withheld} good rows were kept out with it."
            )
        self.stdout.write("\n".join(lines))


def chosen(given: dict[str, Any]) -> dict[str, Any]:
    """The options as a plan's object; what was not given has the plan's default."""
    return {
        "format": given["format"],
        "columns": pairs("column", given["column"]),
        "roles": pairs("role", given["role"]),
        "labels": pairs("label", given["label"]),
        "languages": pairs("language", given["language"]),
        "html": True if given["html"] else None,
        "header": not given["no_header"],
        "tags": given["tag"],
        "drop_repeated_digits": not given["keep_repeated_digits"],
        "drop_restarted_lists": not given["keep_restarted_lists"],
        "special_tokens": given["special_token"],
        "keep_languages": given["keep_language"],
        "skip_languages": given["skip_language"],
    } | {name: given[name] for name in _SAME_NAME}


_SAME_NAME = (
    "source",
    "licence",
    "all_or_nothing",
    "mask",
    "delimiter",
    "rank_best",
    "judged_by",
    "split",
    "use_case",
    "clean",
    "split_tokens",
)


def write_report(path: Path, report: ImportReport, spool: IO[bytes]) -> None:
    """The report as JSON with every refusal, streamed: a file may have millions of them."""
    whole = report.as_dict()
    whole.pop("refused")
    spool.seek(0)
    with path.open("w", encoding="utf-8") as out:
        out.write(json.dumps(whole, ensure_ascii=False, indent=1).removesuffix("\n}"))
        out.write(',\n "refused": [')
        for number, line in enumerate(spool):
            refusal = json.loads(line)
            shown = {key: refusal[key] for key in ("line", "offset", "path", "reason")}
            comma = "," if number else ""
            out.write(f"{comma}\n  {json.dumps(shown, ensure_ascii=False)}")
        out.write("]\n}\n")


def pairs(name: str, given: list[str]) -> dict[str, str]:
    """The A=B of an argument. Raises CommandError for one that is no pair."""
    found = {}
    for pair in given:
        left, equals, right = pair.partition("=")
        if not equals or not left or not right:
            raise CommandError(f"--{name} {pair!r} is no pair; write --{name} A=B.")
        found[left.strip()] = right.strip()
    return found
