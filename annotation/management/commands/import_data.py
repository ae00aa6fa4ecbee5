"""`manage.py import_data FILE --workspace SLUG`: the same import as in the browser."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from annotation.actions.import_data import ImportPlan, ImportReport, import_data
from annotation.imports.formats.reading_options import Options
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
        ):
            parser.add_argument(f"--{name}", action="append", default=[], metavar="A=B", help=what)
        parser.add_argument("--html", action="store_true", help="texts are HTML")
        parser.add_argument("--mask", action="store_true", help="mask personal data in texts")
        parser.add_argument("--no-header", action="store_true", help="the table has no header line")
        parser.add_argument("--delimiter", default="", help="between a table's fields")

    def handle(self, *args: Any, **given: Any) -> None:
        plan = ImportPlan(
            name=given["file"].name,
            format_name=given["format"],
            options=Options(
                source=given["source"],
                licence=given["licence"],
                columns=_pairs("column", given["column"]),
                roles=_pairs("role", given["role"]),
                labels=_pairs("label", given["label"]),
                html=True if given["html"] else None,
            ),
            all_or_nothing=given["all_or_nothing"],
            dry_run=given["dry_run"],
            mask=given["mask"],
            delimiter=given["delimiter"],
            header=not given["no_header"],
        )
        report = self._import(given, plan)
        if given["report"] is not None:
            text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1)
            given["report"].write_text(text + "\n", encoding="utf-8")
        self._say(report, plan)
        if report.broken or (plan.all_or_nothing and report.refused):
            sys.exit(1)

    def _import(self, given: dict[str, Any], plan: ImportPlan) -> ImportReport:
        slug = given["workspace"]
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(given["file"].open("rb"))
                rejects = given["rejects"]
                refused = stack.enter_context(rejects.open("wb")) if rejects else None
            except OSError as error:
                raise CommandError(
                    f"{error.filename} cannot be opened: {error.strerror}."
                ) from None
            stack.enter_context(transaction.atomic())
            workspace, made = Workspace.objects.get_or_create(slug=slug, defaults={"name": slug})
            try:
                workspace.full_clean(exclude=["name"])
                report = import_data(
                    workspace=workspace, by=None, file=file, plan=plan, rejects=refused
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
            f"refused {len(report.refused)}",
        ]
        lines += [f"  fixed {count}: {what}" for what, count in report.fixes.items()]
        lines += [f"  {count} {table}" for table, count in report.tables.items()]
        for refusal in report.refused[:SHOWN_REFUSALS]:
            lines.append(f"  line {refusal['line']}: {refusal['reason']}")
        if len(report.refused) > SHOWN_REFUSALS:
            lines.append(f"  and {len(report.refused) - SHOWN_REFUSALS} more (--report FILE)")
        if report.withheld:
            lines.append(
                f"Nothing was imported; {report.withheld} good rows were kept out with it."
            )
        self.stdout.write("\n".join(lines))


def _pairs(name: str, given: list[str]) -> dict[str, str]:
    found = {}
    for pair in given:
        left, equals, right = pair.partition("=")
        if not equals or not left or not right:
            raise CommandError(f"--{name} {pair!r} is no pair; write --{name} A=B.")
        found[left.strip()] = right.strip()
    return found
