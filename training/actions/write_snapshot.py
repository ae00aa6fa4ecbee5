"""Freeze: the filter's rows into the snapshot's file, with its card, counts and ids."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.exports.containers import compressed, hashed
from annotation.exports.lines import Tally, lines
from annotation.exports.picking import Pick
from annotation.exports.plan import ExportPlan
from annotation.judgement_filter import JudgementFilter
from annotation.leakage_guard import HELD_OUT, KeptOut, kept_out
from training.agreement import agreement_of_pick
from training.dataset_card import REASONS, CardFacts, dataset_card
from training.models import DatasetSnapshot, SnapshotJudgements, SnapshotState
from training.scoring.screen_rows import Screened
from training.snapshot_files import file_stem
from webapp.artifacts import delete, writing
from webapp.webhooks.actions.announce import announce
from webapp.webhooks.events import Event
from webapp.workspaces.models import Workspace

RUN = 4096  # ids in one row of SnapshotJudgements
SHOWN_LEAKS = 50
ENDING = "jsonl.zst"
WRITTEN = ("artifact", "sha256", "content_sha256", "rows", "frozen_at", "state", "counts", "card")


class NothingToFreeze(ValidationError):
    """No row passes: trying again changes nothing."""


@dataclass
class LeakReport:
    """Which prompts were kept out because something is measured by them, or by nearly the same."""

    by_reason: Counter[str] = field(default_factory=Counter)
    shown: list[dict[str, Any]] = field(default_factory=list)

    def guard(self, workspace: Workspace) -> Callable[[Iterable[int]], Iterator[tuple[int, str]]]:
        def keep_out(prompt_ids: Iterable[int]) -> Iterator[tuple[int, str]]:
            for found in kept_out(workspace, prompt_ids):
                if found.prompt_id != found.protected_id:  # that one is protected itself
                    self._note(found)
                yield found.prompt_id, reason_of(found)

        return keep_out

    def _note(self, found: KeptOut) -> None:
        self.by_reason[reason_of(found)] += 1
        if len(self.shown) < SHOWN_LEAKS:
            self.shown.append(found.as_json())


def reason_of(found: KeptOut) -> str:
    """As left_out() counts it: "held_out" for a protected prompt, otherwise like what and how."""
    if found.prompt_id == found.protected_id:
        return "held_out" if found.protected_by == HELD_OUT else f"of the {found.protected_by}"
    return f"{found.reason.value} of {found.protected_by}"


def pick_of(snapshot: DatasetSnapshot) -> Pick:
    """What was asked for."""
    plan = ExportPlan.from_settings(snapshot.kind, snapshot.settings)
    return Pick(snapshot.workspace, plan, JudgementFilter.from_json(snapshot.filter))


def write_snapshot(
    *,
    snapshot: DatasetSnapshot,
    path: str,
    beat: Callable[[int], None] = lambda rows: None,
    screened: Screened | None = None,
) -> DatasetSnapshot:
    """Write the file at `path` of the artifacts and make the snapshot ready, in one transaction.

    beat: is told the number of rows after each block, and may raise to end it. screened: what a
    reward model lets pass, where the snapshot has a screen.

    Raises:
        NothingToFreeze: the filter lets no row through.
    """
    try:
        with transaction.atomic():
            return _write(snapshot, pick_of(snapshot), path, beat, screened)
    except BaseException:
        delete(path)
        raise


def _write(
    snapshot: DatasetSnapshot,
    pick: Pick,
    path: str,
    beat: Callable[[int], None],
    screened: Screened | None,
) -> DatasetSnapshot:
    leaks, tally, content = LeakReport(), Tally(), hashlib.sha256()
    pick.lay_out(leaks.guard(snapshot.workspace))
    beat(0)
    agreement = agreement_of_pick()
    beat(0)
    name = f"{file_stem(snapshot)}.{ENDING}"
    with writing(path, name=name, content_type="application/zstd") as file:
        refuse = screened.refuse if screened is not None else None
        for block in compressed(hashed(lines(pick, tally, refuse=refuse), content), "zst"):
            file.write(block)
            beat(tally.rows)
        missing = sorted(tally.missing.values(), key=lambda item: item.reason)
        if not tally.rows:
            raise NothingToFreeze(_nothing(missing))
    assert file.artifact is not None
    told = screened.as_json() if screened is not None else None
    facts = CardFacts(tally, missing, agreement, dict(leaks.by_reason), told)
    snapshot.artifact = file.artifact.as_dict()
    snapshot.sha256, snapshot.content_sha256 = file.artifact.sha256, content.hexdigest()
    snapshot.rows = tally.rows
    snapshot.frozen_at = timezone.now()
    snapshot.state = SnapshotState.READY
    snapshot.counts = facts.as_json() | {"extras": pick.has_extras(), "leaks": leaks.shown}
    snapshot.card = dataset_card(snapshot, pick.plan, pick.chosen, facts)
    snapshot.save(update_fields=WRITTEN)  # a row that was deleted meanwhile stays deleted
    _keep_ids(snapshot, tally.ids)
    pick.clear()
    payload = {"snapshot": snapshot.pk, "name": snapshot.name, "kind": snapshot.kind}
    payload |= {"rows": snapshot.rows, "sha256": snapshot.sha256}
    announce(snapshot.workspace, Event.SNAPSHOT_READY, payload)
    return snapshot


def _keep_ids(snapshot: DatasetSnapshot, ids: "dict[str, array[int]]") -> None:
    """Which judgements are in it. A second attempt replaces what the first one left."""
    SnapshotJudgements.objects.filter(snapshot=snapshot).delete()
    for kind, found in ids.items():
        unique = numpy.unique(numpy.frombuffer(found, dtype=numpy.int64))
        for start in range(0, len(unique), RUN):
            run = [int(number) for number in unique[start : start + RUN]]
            SnapshotJudgements.objects.create(
                snapshot=snapshot, kind=kind, first=run[0], last=run[-1], ids=run
            )


def _nothing(missing: Iterable[Any]) -> str:
    reasons = ", ".join(f"{item.rows} {REASONS.get(item.reason, item.reason)}" for item in missing)
    if reasons:
        return _("Nothing is left to freeze. Left out: %s.") % reasons
    return _("The filter lets nothing through. Widen it, or collect judgements first.")
