"""A worker dies in the middle of a training run: another one goes on from the last checkpoint, and
what comes out is, bit for bit, what would have come out. Real workers, the real trainer."""

from pathlib import Path
from typing import Any

import pytest

from tests.cast import a_workspace, mia
from tests.faults.harness import Rondo, until
from tests.training.registry import a_model, a_run, frozen
from tests.training.tiny_model import demonstrations, write_tiny_model
from training.models import Checkpoint, ModelVersion, RunMetric, TrainingRun
from training.trainers.manifest import sha256_of_file
from webapp.jobs.models import Job

pytestmark = [pytest.mark.fault, pytest.mark.heavy]
LONG = 400.0  # seconds: a busy machine takes a minute to import torch, and each run does so twice
STEPS = 300
SETTINGS = {"batch_size": 4, "micro_batch_size": 4, "max_length": 64, "learning_rate": 1e-3}


@pytest.fixture
def stored(settings: Any, rondo: Rondo) -> Rondo:
    """The test keeps its models and snapshots where the workers look for them."""
    settings.ARTIFACTS_URL = rondo.environment["ARTIFACTS_URL"]
    return rondo


def two_runs(folder: Path) -> tuple[TrainingRun, TrainingRun]:
    """Queued, with the same seed and settings."""
    workspace = a_workspace(f"Cups of {folder.name}")
    by = mia(workspace)
    base = a_model(workspace, by, folder=write_tiny_model(folder / "base"))
    data = frozen(workspace, by, "prompt_completion", demonstrations(24))
    training = {**SETTINGS, "max_steps": STEPS, "save_every": 10, "eval_every": 0}
    config = {"device": "cpu", "seed": 3, "training": training}
    first, second = (
        a_run(workspace, by, name, base=base, data=data, config=config)
        for name in ("killed", "straight")
    )
    return first, second


def trainers_of(run: TrainingRun) -> list[int]:
    """Processes that are carrying a run out, by their command lines."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0] if words else "Z"
        except OSError:
            continue  # it ended meanwhile
        if b"training.trainers" in words and f"/runs/{run.pk}/".encode() in words[-2] + b"/":
            found += [int(entry.name)] if state != "Z" else []
    return found


def killed_in_the_middle(rondo: Rondo, run: TrainingRun) -> int:
    """A worker takes the run and is killed once a checkpoint is kept; the step of that."""
    first = rondo.start_worker("gpu")
    until(Checkpoint.objects.filter(run=run).exists, "a checkpoint is kept", seconds=LONG)
    assert trainers_of(run), "the control: its trainer is at work"
    first.kill()
    until(lambda: not trainers_of(run), "the trainer died with its supervisor")
    assert Job.objects.get(pk=run.job_id).state == "running", "nobody has noticed yet"
    kept = Checkpoint.objects.filter(run=run).latest("step").step
    assert 10 <= kept < STEPS
    return int(kept)


def gone_on_with(rondo: Rondo, run: TrainingRun) -> TrainingRun:
    """The reconciler takes the run back, another worker carries it out."""
    rondo.ready(rondo.start_reconciler())
    rondo.wait_for(run.job_id or 0, "queued")
    second = rondo.start_worker("gpu")
    done = rondo.wait_for(run.job_id or 0, seconds=LONG)
    assert (done.attempt, done.worker.endswith(f":{second.pid}")) == (2, True)
    found = TrainingRun.objects.get(pk=run.pk)
    assert found.outcome == "done", found.log
    losses = RunMetric.objects.filter(run=run, name="loss").order_by("step")
    assert list(losses.values_list("step", flat=True)) == list(range(1, STEPS + 1))
    assert ModelVersion.objects.filter(run=run).count() == 1
    return found


def weights_of(run: TrainingRun) -> str:
    """The fingerprint of what a run's model weighs; its card names the run."""
    folder = ModelVersion.objects.get(run=run).folder()
    return sha256_of_file(folder / "model.safetensors")


def test_a_run_whose_worker_is_killed_goes_on_elsewhere_from_its_last_checkpoint(
    stored: Rondo, tmp_path: Path
) -> None:
    run, straight = two_runs(tmp_path)
    kept = killed_in_the_middle(stored, run)
    run = gone_on_with(stored, run)
    assert run.result["resumed_from_step"] == kept
    stored.wait_for(straight.job_id or 0, seconds=LONG)
    assert weights_of(run) == weights_of(straight)


def test_control_without_its_checkpoints_it_begins_anew(stored: Rondo, tmp_path: Path) -> None:
    run, straight = two_runs(tmp_path)
    Job.objects.filter(pk=straight.job_id).delete()
    killed_in_the_middle(stored, run)
    Checkpoint.objects.filter(run=run).delete()
    run = gone_on_with(stored, run)
    assert not run.result.get("resumed_from_step")
