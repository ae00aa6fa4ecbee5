"""`manage.py export_data --workspace SLUG --kind preference --out FILE [--snapshot NAME]`."""

import contextlib
import os
import uuid
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from annotation.domain.preferences import MarginTable
from annotation.exports.formats import FORMATS, Rows, format_named, format_of_file
from annotation.exports.lines import Tally, lines
from annotation.exports.picking import Pick
from annotation.exports.plan import ExportPlan, Kind, Shape, Ties
from annotation.judgement_filter import KINDS, JudgementFilter
from annotation.models import Source
from training.actions.freeze_snapshot import freeze_snapshot
from training.actions.write_snapshot import LeakReport, write_snapshot
from training.models import DatasetSnapshot
from training.snapshot_files import SPLITS, file_stem, rows
from webapp.artifacts import safe_join
from webapp.workspaces.models import Workspace


class Command(BaseCommand):
    help = (
        "Write judgements, demonstrations or prompts as training data. The format follows from the "
        f"file's ending: {', '.join(f'.{each.ending}' for each in FORMATS.values())}. With "
        "--snapshot the rows of that snapshot, which is frozen if there is none of that name."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, help="its slug")
        parser.add_argument("--kind", default="", help=f"one of {', '.join(Kind)}")
        parser.add_argument("--out", required=True, type=Path, help="the file to write")
        parser.add_argument("--snapshot", default="", help="a snapshot's name")
        parser.add_argument("--split", default="", choices=["", *SPLITS], help="only these rows")
        parser.add_argument("--ties", default=Ties.KEEP.value, help=f"one of {', '.join(Ties)}")
        parser.add_argument("--margins", default="none", help=f"one of {', '.join(MarginTable)}")
        parser.add_argument("--shape", default="chat", help=f"one of {', '.join(Shape)}")
        parser.add_argument("--validation-share", type=float, default=0.05, metavar="0..1")
        parser.add_argument("--salt", default="", help="another salt gives another split")
        parser.add_argument(
            "--judged-by", action="append", default=[], help=f"one of {', '.join(Source.values)}"
        )
        parser.add_argument(
            "--judgements", action="append", default=[], help=f"one of {', '.join(KINDS)}"
        )
        parser.add_argument("--tag", action="append", default=[], help="of the prompts")
        parser.add_argument("--force", action="store_true", help="replace the file if it is there")

    def handle(self, *args: Any, **given: Any) -> None:
        out: Path = given["out"]
        if out.exists() and not given["force"]:
            raise CommandError(f"{out} is there already. Give another name, or --force.")
        workspace = Workspace.objects.filter(slug=given["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {given['workspace']!r}.")
        try:
            if given["snapshot"]:
                self._export_snapshot(workspace, given)
            else:
                self._export_now(workspace, given)
        except ValidationError as refused:
            raise CommandError(" ".join(refused.messages)) from None

    def _export_snapshot(self, workspace: Workspace, given: dict[str, Any]) -> None:
        found = DatasetSnapshot.objects.filter(workspace=workspace, name=given["snapshot"])
        snapshot = found.select_related("workspace").first()
        name = format_of_file(given["out"].name)
        if snapshot is None:
            plan = _plan(given)
            format_named(name, plan.kind)
            snapshot = self._freeze(workspace, plan, given)
            self.stdout.write(f"Froze the snapshot {snapshot.name!r}: {snapshot.rows} rows.")
        elif given["kind"] and given["kind"] != snapshot.kind:
            raise CommandError(
                f"The snapshot {snapshot.name!r} holds {snapshot.kind} rows, not {given['kind']}."
            )
        made = rows(snapshot, given["split"])
        size = _write(given["out"], made, name)
        self._say(given["out"], size, made.skipped.rows)
        self.stdout.write(f"SHA-256 of the frozen file: {snapshot.sha256}")

    def _freeze(
        self, workspace: Workspace, plan: ExportPlan, given: dict[str, Any]
    ) -> DatasetSnapshot:
        with transaction.atomic():
            snapshot = freeze_snapshot(
                workspace=workspace,
                by=None,
                name=given["snapshot"],
                plan=plan,
                chosen=_chosen(given),
                queue=False,
            )
            folder = safe_join("snapshots", str(snapshot.pk), f"by-hand-{uuid.uuid4().hex}")
            return write_snapshot(snapshot=snapshot, path=f"{folder}/data.jsonl.zst")

    def _export_now(self, workspace: Workspace, given: dict[str, Any]) -> None:
        """The rows as they are now, without freezing them."""
        if not given["kind"]:
            raise CommandError(f"Give --kind: {', '.join(Kind)}; or --snapshot NAME.")
        plan, name, tally = _plan(given), format_of_file(given["out"].name), Tally()
        format_named(name, plan.kind)
        pick = Pick(workspace, plan, _chosen(given))
        stem = file_stem(DatasetSnapshot(workspace=workspace, name=plan.kind.value))
        with transaction.atomic():
            pick.lay_out(LeakReport().guard(workspace))
            blocks = lines(pick, tally, only=given["split"])
            made = Rows(blocks, plan, extras=pick.has_extras(), name=stem)
            size = _write(given["out"], made, name)
        self._say(given["out"], size, made.skipped.rows)
        for split, number in tally.splits().items():
            self.stdout.write(f"  {split}: {number}")
        for reason, item in sorted(tally.missing.items()):
            self.stdout.write(f"  left out, {reason}: {item.rows} rows of {item.prompts} prompts")

    def _say(self, out: Path, size: int, skipped: int) -> None:
        left = f", {skipped} rows left out that the format cannot hold" if skipped else ""
        self.stdout.write(f"{out}: {size} bytes{left}")


def _plan(given: dict[str, Any]) -> ExportPlan:
    return ExportPlan.from_settings(
        given["kind"],
        {
            "ties": given["ties"],
            "margins": given["margins"],
            "shape": given["shape"],
            "validation_share": given["validation_share"],
            "salt": given["salt"],
        },
    )


def _chosen(given: dict[str, Any]) -> JudgementFilter:
    return JudgementFilter.from_json(
        {
            "kinds": given["judgements"],
            "sources": given["judged_by"],
            "prompts": {"tags": given["tag"]} if given["tag"] else {},
        }
    )


def _write(out: Path, made: Rows, name: str) -> int:
    """The file appears whole or not at all. Returns its size in bytes."""
    part = out.with_name(f"{out.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as file:
            for block in made.written(name):
                file.write(block)
            size = file.tell()
        os.replace(part, out)
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return size
