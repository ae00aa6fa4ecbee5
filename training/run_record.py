"""What a run says, from its events.jsonl into the database, batch by batch."""

import contextlib
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from training.model_store import delete_folder, fingerprint_of_manifest, store_folder
from training.models import Checkpoint, RunEvent, RunMetric, TrainingRun
from training.process_memory import memory_of
from training.trainers.manifest import read_manifest
from webapp.jobs import HandedBack, JobCancelled, Work

LONGEST_NAME = 60
LOG_TAIL = 16_000  # bytes of the process's output that the page shows
LOG_SECONDS = 1.0
MEMORY_SECONDS = 5.0
QUIET_SECONDS = 80.0  # of a training step; ten times the longest one so far where that is more
LARGEST_ROLLOUT = 8_000_000  # bytes of one file
KEPT_KINDS = ("phase", "sample", "warning", "log", "rollout")


class Stalled(Exception):
    """A training step took far longer than those before it."""


class RunRecord:
    """Writes for one attempt. Every write is fenced: a lost attempt changes nothing."""

    def __init__(self, run: TrainingRun, work: Work, folder: Path) -> None:
        self.run = run
        self.work = work
        self.folder = folder
        self.log = folder / "log.txt"
        self.phase = ""
        self._seen_rollouts: set[str] = set()
        self._last_line = time.monotonic()
        self._longest_quiet = 0.0
        self._next_log = self._next_memory = 0.0
        self._memory: dict[str, int] = dict(run.memory)

    # ---- called by the supervisor's loop

    def beat(self) -> None:
        """Between two looks: the log, memory, and whether the step still moves.

        Raises:
            Stalled, and what work.beat() raises.
        """
        now = time.monotonic()
        if now >= self._next_memory:
            self._next_memory = now + MEMORY_SECONDS
            for name, used in memory_of(str(self.folder)).items():
                most = 0 if name == "busy" else self._memory.get(name, 0)
                self._memory[name] = max(used, most)
        if now >= self._next_log:
            self._next_log = now + LOG_SECONDS
            self._write_log()
        quiet = now - self._last_line
        if self.phase == "training" and quiet > max(QUIET_SECONDS, 10 * self._longest_quiet):
            raise Stalled
        self.work.beat()

    def lines(self, lines: list[bytes]) -> None:
        """Keep what the run has said since the last call."""
        now = time.monotonic()
        if self.phase == "training":
            self._longest_quiet = max(self._longest_quiet, now - self._last_line)
        self._last_line = now
        said = [event for line in lines if (event := _event(line)) is not None]
        said += self._new_rollouts()
        saved = [event for event in said if event["kind"] == "checkpoint"]
        with self.work.fenced():
            self._keep(said)
        # That somebody stops the run is heard between two looks; here its last lines are kept.
        with contextlib.suppress(JobCancelled, HandedBack):
            self.work.progress(self.run.step, self.run.total, self.phase.capitalize() or None)
        if saved:
            self._store_checkpoint(saved[-1])

    def _keep(self, said: list[dict[str, Any]]) -> None:
        points: dict[tuple[str, int], RunMetric] = {}
        events: list[RunEvent] = []
        newest: dict[str, Any] = {}
        for event in said:
            kind, step = str(event["kind"]), _step(event)
            if kind == "metrics" and isinstance(event.get("values"), dict):
                for name, value in event["values"].items():
                    name = str(name)[:LONGEST_NAME]
                    number = float(value) if isinstance(value, int | float) else None
                    points[name, step or 0] = RunMetric(
                        run=self.run, name=name, step=step or 0, value=number
                    )
            elif kind == "progress":
                newest |= {
                    "step": step or 0,
                    "total": event.get("total"),
                    "eta_seconds": event.get("eta_s"),
                    "tokens_per_second": event.get("tokens_per_s"),
                }
            elif kind in KEPT_KINDS:
                events.append(self._row(event))
            if kind == "phase":
                self.phase = newest["phase"] = str(event.get("phase", ""))[:20]
        RunMetric.objects.bulk_create(
            points.values(),
            batch_size=2000,
            update_conflicts=True,
            unique_fields=["run", "name", "step"],
            update_fields=["value"],
        )
        RunEvent.objects.bulk_create(events, batch_size=500)
        if newest:
            TrainingRun.objects.filter(pk=self.run.pk).update(**newest)
            for name, value in newest.items():
                setattr(self.run, name, value)

    def _row(self, event: dict[str, Any]) -> RunEvent:
        data = {k: v for k, v in event.items() if k not in ("time", "kind", "step")}
        return RunEvent(
            run=self.run,
            attempt=self.work.attempt,
            kind=event["kind"],
            step=_step(event),
            at=datetime.fromtimestamp(float(event.get("time") or time.time()), UTC),
            data=_storable(data),
        )

    def _new_rollouts(self) -> list[dict[str, Any]]:
        """Answers that an on-policy method kept token by token, as events."""
        found: list[dict[str, Any]] = []
        for path in sorted(self.folder.glob("rollouts/step-*.jsonl")):
            if path.name in self._seen_rollouts or path.stat().st_size > LARGEST_ROLLOUT:
                continue
            self._seen_rollouts.add(path.name)
            step = int(path.stem.partition("-")[2])
            for line in path.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    found.append({**json.loads(line), "kind": "rollout", "step": step})
        return found

    # ---- checkpoints

    def _store_checkpoint(self, event: dict[str, Any]) -> None:
        """Copy a complete checkpoint into the store. One that is pruned meanwhile is passed over:
        a newer one follows."""
        step = _step(event) or 0
        source = self.folder / "checkpoints" / f"step-{step}"
        place = f"runs/{self.run.pk}/attempt-{self.work.attempt}/step-{step}"
        try:
            wanted = read_manifest(source).fingerprint
            manifest = store_folder(source, place, self._beat_on)
        except OSError:
            if not source.is_dir():
                return
            raise
        if fingerprint_of_manifest(manifest) != wanted:
            delete_folder(place, manifest)
            return
        with self.work.fenced():
            Checkpoint.objects.update_or_create(
                run=self.run,
                step=step,
                defaults={
                    "attempt": self.work.attempt,
                    "place": place,
                    "manifest": manifest,
                    "sha256": wanted,
                },
            )
        keep = max(1, int(self.run.config.get("training", {}).get("keep_checkpoints", 2)))
        for old in list(Checkpoint.objects.filter(run=self.run)[keep:]):
            with self.work.fenced():
                old_place, old_manifest = old.place, old.manifest
                old.delete()
            delete_folder(old_place, old_manifest)

    def _beat_on(self) -> None:
        # A copy that has begun is finished even when a person stops the run: it is what resumes.
        with contextlib.suppress(JobCancelled, HandedBack):
            self.work.beat()

    # ---- the log

    def _write_log(self) -> None:
        text = self.log_tail()
        changed: dict[str, Any] = {}
        if text != self.run.log:
            changed["log"] = self.run.log = text
        if self._memory != self.run.memory:
            changed["memory"] = self.run.memory = dict(self._memory)
        if changed:
            with self.work.fenced():
                TrainingRun.objects.filter(pk=self.run.pk).update(**changed)

    def log_tail(self) -> str:
        """The end of what the process wrote, safe to store."""
        try:
            with self.log.open("rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - LOG_TAIL))
                return file.read().decode(errors="replace").replace("\0", "")
        except FileNotFoundError:
            return ""


def forget_after(run: TrainingRun, step: int) -> None:
    """Remove what was said about steps that are about to be done again. In a transaction."""
    assert transaction.get_connection().in_atomic_block
    RunMetric.objects.filter(run=run, step__gt=step).delete()
    RunEvent.objects.filter(run=run, kind__in=("sample", "rollout"), step__gt=step).delete()


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("kind"), str) else None


def _step(event: dict[str, Any]) -> int | None:
    step = event.get("step")
    return int(step) if isinstance(step, int | float) else None


def _storable(data: Any) -> Any:
    """PostgreSQL's jsonb takes no NUL."""
    if isinstance(data, str):
        return data.replace("\0", "\ufffd")
    if isinstance(data, dict):
        return {_storable(k): _storable(v) for k, v in data.items()}
    return [_storable(item) for item in data] if isinstance(data, list) else data
