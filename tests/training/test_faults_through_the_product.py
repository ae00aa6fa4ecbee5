"""D3, D4, D6, D7 and D9 where they happen: a job, its supervisor, and a trainer in a process of its
own. What is kept is whole, what ended badly says why, and nothing half-made is registered.

Each fault stands beside a control: the same run without it, or without what protects it.
"""

import contextlib
import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from tests.cast import a_workspace, mia
from tests.training.registry import a_model, a_run, frozen
from tests.training.tiny_model import demonstrations
from training import run_record
from training.actions import execute
from training.models import Checkpoint, ModelVersion, RunEvent, TrainingRun
from training.process_memory import memory_of, pids_with
from webapp.artifacts import exists, safe_join
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.actions.retry import retry
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]
PATIENCE = 240.0
TRAINING = {"batch_size": 4, "micro_batch_size": 4, "max_length": 64, "learning_rate": 1e-3}


def launched(base: Path, *, max_steps: int = 6, **training: Any) -> TrainingRun:
    workspace = a_workspace()
    manager = mia(workspace)
    data = frozen(workspace, manager, "prompt_completion", demonstrations(24), demonstrations(6))
    return a_run(
        workspace,
        manager,
        base=a_model(workspace, manager, folder=base),
        data=data,
        config={
            "device": "cpu",
            "training": {**TRAINING, "max_steps": max_steps, "save_every": 2, **training},
        },
    )


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`fault("step:crash:3")` makes the next trainer fail there; "" takes it back."""
    plain = execute.supervise

    def ask(point: str) -> None:
        given = {"TESTING": "1", "FAULT": point, "PYTHONPATH": str(execute.settings.BASE_DIR)}

        def armed(*command: Any, environment: Any = None, **options: Any) -> Any:
            return plain(*command, environment=given, **options)

        monkeypatch.setattr(execute, "supervise", armed if point else plain)

    return ask


def carried_out(run: TrainingRun) -> TrainingRun:
    """The run after the next job of its queue."""
    assert run_next(queue="gpu", worker="here") is not None
    return TrainingRun.objects.select_related("job").get(pk=run.pk)


def again(run: TrainingRun) -> TrainingRun:
    assert run.job is not None
    retry(job=run.job, by=None)
    return carried_out(run)


def job_of(run: TrainingRun) -> Job:
    assert run.job_id is not None
    return Job.objects.get(pk=run.job_id)


def beat_of(run: TrainingRun) -> datetime:
    at = job_of(run).heartbeat_at
    assert at is not None
    return at


def nothing_is_half_made(run: TrainingRun) -> None:
    assert not ModelVersion.objects.filter(run=run).exists()
    assert memory_of(str(execute.settings.VAR_DIR / "runs" / str(run.pk))) == {"host": 0}
    assert not (execute.settings.VAR_DIR / "runs" / str(run.pk) / "attempt-1").exists()
    for checkpoint in Checkpoint.objects.filter(run=run):
        for entry in checkpoint.manifest:
            assert exists(safe_join(checkpoint.place, entry["file"]))


@contextlib.contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """`act` in a thread of its own, as another person's click is."""

    def acting() -> None:
        try:
            act()
        finally:
            connections.close_all()

    thread = threading.Thread(target=acting)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)


def phase_seen(run: TrainingRun, phase: str) -> bool:
    return RunEvent.objects.filter(run=run, kind="phase", data__phase=phase).exists()


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


# ---- D3: the newest checkpoint is damaged


def in_store(checkpoint: Checkpoint, file: str) -> Path:
    return Path(execute.settings.ARTIFACTS_URL) / checkpoint.place / file


def shortened(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return data[:-5] + bytes([data[-5] ^ 16]) + data[-4:]


def test_d3_a_damaged_checkpoint_is_passed_over_in_every_way_it_can_be_damaged(
    base: Path, fault: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = launched(base)
    fault("step:crash:4")
    run = carried_out(run)  # in its fourth step: the checkpoint of step 2 is there
    assert (run.outcome, run.state) == ("crashed", "failed"), run.log
    run = again(run)  # and in the fourth step after that, the sixth: that of step 4 is there
    assert (run.outcome, run.state) == ("crashed", "failed"), run.log
    newest, older = Checkpoint.objects.filter(run=run)
    assert (newest.step, older.step) == (4, 2)
    files = [entry["file"] for entry in newest.manifest]
    largest = max(newest.manifest, key=lambda entry: entry["size"])["file"]
    whole = {file: in_store(newest, file).read_bytes() for file in files}
    restored: list[list[str]] = []

    def no_trainer(command: list[str], **options: Any) -> Any:
        folder = Path(command[3])
        restored.append(sorted(each.name for each in (folder / "checkpoints").iterdir()))
        raise execute.Stalled  # enough was seen: importing torch thirteen times is not

    real = execute.supervise
    monkeypatch.setattr(execute, "supervise", no_trainer)

    def begun_from() -> str:
        RunEvent.objects.filter(run=run, kind="warning").delete()
        again(run)
        return restored.pop()[-1]

    assert begun_from() == "step-4", "the control: it is whole"
    in_store(newest, "stale.tmp").write_bytes(b"left by somebody")
    assert begun_from() == "step-4", "and what nobody wrote down is not looked at"
    ways: dict[str, Callable[[], Any]] = {
        "cut": lambda: in_store(newest, largest).write_bytes(shortened(whole[largest])),
        "a byte short": lambda: in_store(newest, largest).write_bytes(whole[largest][:-1]),
        "a bit flipped": lambda: in_store(newest, largest).write_bytes(flipped(whole[largest])),
        "empty": lambda: [in_store(newest, file).unlink() for file in files],
        "another sha": lambda: alter(newest, "0" * 64),
    }
    for file in files:  # optimizer, scheduler, random numbers, state, weights: each of them
        ways[f"no {file}"] = functools.partial(os.unlink, in_store(newest, file))
    assert len(ways) >= 10
    for way, damage in ways.items():
        damage()
        assert begun_from() == "step-2", way
        warning = RunEvent.objects.get(run=run, kind="warning")
        assert "The checkpoint of step 4 is damaged" in warning.data["sentence"], way
        for file, data in whole.items():
            in_store(newest, file).write_bytes(data)
        Checkpoint.objects.filter(pk=newest.pk).update(manifest=newest.manifest)
    print(f"{len(ways)} of {len(ways)} kinds of damage were passed over")
    in_store(newest, largest).write_bytes(flipped(whole[largest]))
    in_store(older, largest).unlink()
    run = again(run)
    assert (run.outcome, restored) == ("bad_input", [])
    assert "None is left to go on from" in run.sentence
    in_store(newest, largest).write_bytes(whole[largest])
    monkeypatch.setattr(execute, "supervise", real)
    fault("")
    run = again(run)
    assert (run.outcome, run.result["resumed_from_step"]) == ("done", 4), run.log


def alter(checkpoint: Checkpoint, sha256: str) -> None:
    manifest = [dict(entry) for entry in checkpoint.manifest]
    manifest[0]["sha256"] = sha256
    Checkpoint.objects.filter(pk=checkpoint.pk).update(manifest=manifest)


# ---- D4: a person stops it, in each phase


def test_d4_a_queued_run_is_stopped_before_it_has_begun(base: Path) -> None:
    run = launched(base)
    assert run.job is not None
    cancel(job=run.job, by=None)
    assert run_next(queue="gpu", worker="here") is None
    assert TrainingRun.objects.get(pk=run.pk).state == "cancelled"
    nothing_is_half_made(run)


@pytest.mark.parametrize(
    ("point", "phase"),
    [
        ("phase.loading", "loading"),
        ("step", "training"),
        ("checkpoint.written", "saving"),
        ("export.written", "exporting"),
    ],
)
def test_d4_a_run_is_stopped_in_every_phase(
    base: Path, fault: Callable[[str], None], point: str, phase: str
) -> None:
    run = launched(base)
    fault(f"{point}:wait")
    moments: list[float] = []

    def stop() -> None:
        until(lambda: phase_seen(run, phase))
        moments.append(time.monotonic())
        cancel(job=job_of(run), by=None)

    with meanwhile(stop):
        run = carried_out(run)
    print(f"stopped while {phase}: {time.monotonic() - moments[0]:.1f} s after the click")
    assert (run.state, run.outcome) == ("cancelled", "cancelled"), run.log
    nothing_is_half_made(run)


# ---- D6: figures that are none


def test_d6_a_run_that_diverges_is_ended_keeps_its_checkpoint_and_registers_nothing(
    base: Path, fault: Callable[[str], None]
) -> None:
    run = launched(base)
    fault("step.loss:nan:4")
    run = carried_out(run)
    assert (run.state, run.outcome) == ("failed", "diverged"), run.log
    assert "step 4" in run.sentence
    assert [kept.step for kept in Checkpoint.objects.filter(run=run)] == [2]
    nothing_is_half_made(run)
    assert run.job is not None
    assert run.job.attempt == 1, "a run that diverges is not tried again by itself"
    fault("")
    run = again(run)  # the control: it was the figure, and nothing else
    assert (run.outcome, run.result["resumed_from_step"]) == ("done", 2), run.log
    assert ModelVersion.objects.get(run=run).ready


# ---- D7: memory


@pytest.mark.parametrize(
    ("action", "outcome", "words"),
    [("out_of_memory", "out_of_memory", "Memory ran out"), ("kill", "killed", "SIGKILL")],
)
def test_d7_memory_that_ends_is_named_and_not_tried_for_ever(
    base: Path, fault: Callable[[str], None], action: str, outcome: str, words: str
) -> None:
    run = launched(base)
    fault(f"step:{action}:4")
    run = carried_out(run)
    assert (run.state, run.outcome) == ("failed", outcome), run.log
    assert words in run.sentence
    assert "micro_batch_size" in run.sentence
    assert run.job is not None
    assert run.job.attempt == 1
    assert run_next(queue="gpu", worker="here") is None, "nothing waits to fail again"
    nothing_is_half_made(run)


# ---- D9: a step that hangs


def stop_the_step(run: TrainingRun) -> None:
    """SIGSTOP to the trainer in the midst of a step, where it waits for a signal."""
    until(lambda: phase_seen(run, "training"))
    for pid in pids_with(f"training.trainers\0{execute.settings.VAR_DIR}/runs/{run.pk}/"):
        os.kill(pid, signal.SIGSTOP)


@pytest.mark.parametrize("watched", [True, False])
def test_d9_a_step_that_hangs_is_noticed_because_the_heartbeat_is_the_step_s(
    base: Path, fault: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, watched: bool
) -> None:
    monkeypatch.setattr(execute, "GRACE_SECONDS", 0.5)
    monkeypatch.setattr(run_record, "QUIET_SECONDS", 3.0 if watched else 3600.0)
    run = launched(base)
    fault("step:wait:3")

    def hang() -> None:
        stop_the_step(run)
        if not watched:  # the control: the job's own heartbeat goes on, for all that nothing moves
            stopped = beat_of(run)
            until(lambda: (beat_of(run) - stopped).total_seconds() > 4)
            cancel(job=job_of(run), by=None)

    with meanwhile(hang):
        run = carried_out(run)
    assert run.outcome == ("stalled" if watched else "cancelled"), run.log
    nothing_is_half_made(run)
