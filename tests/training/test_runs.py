"""A run from its launch to the registry: what it says is kept, what is stopped goes on, and what
fails registers nothing. The trainer is the real one, on a tiny model."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from tests.cast import a_workspace, mia
from tests.training.registry import a_model, a_run, frozen
from tests.training.tiny_model import demonstrations
from tests.webapp.webhooks.material import a_webhook_with_a_delivery
from training.models import Checkpoint, ModelVersion, RunEvent, RunMetric, TrainingRun
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.actions.retry import retry
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next
from webapp.webhooks.models import Delivery

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]
PATIENCE = 120.0
TRAINING = {"batch_size": 4, "micro_batch_size": 4, "max_length": 64, "learning_rate": 1e-3}


def launched(base: Path, *, max_steps: int = 4, **training: Any) -> TrainingRun:
    """A queued run of supervised fine-tuning on the tiny model."""
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


def carried_out(run: TrainingRun) -> TrainingRun:
    """The run after the next job of its queue."""
    assert run_next(queue="gpu", worker="here") is not None
    return TrainingRun.objects.select_related("job").get(pk=run.pk)


def steps_of(run: TrainingRun) -> list[int]:
    points = RunMetric.objects.filter(run=run, name="loss").order_by("step")
    return list(points.values_list("step", flat=True))


def test_a_run_trains_says_what_it_does_and_registers_its_model(base: Path) -> None:
    run = launched(base, eval_every=2, sample_every=2, sample_prompts=["tell me about the cat ."])
    a_webhook_with_a_delivery(run.workspace, run.created_by)
    run = carried_out(run)
    assert (run.state, run.outcome, run.sentence) == ("done", "done", ""), run.log
    told = Delivery.objects.filter(state="waiting").order_by("pk")
    assert list(told.values_list("event", flat=True)) == ["run.started", "run.finished"]
    steps = list(
        RunMetric.objects.filter(run=run, name="loss")
        .order_by("step")
        .values_list("step", flat=True)
    )
    assert steps == [1, 2, 3, 4]
    assert RunMetric.objects.filter(run=run, name="eval/loss").exists()
    assert (run.step, run.total) == (4, 4)
    kinds = set(RunEvent.objects.filter(run=run).values_list("kind", flat=True))
    assert {"phase", "sample"} <= kinds
    version = ModelVersion.objects.get(run=run)
    assert version.ready
    assert version.name == run.name
    assert version.sha256 == run.result["model_sha256"]
    assert [parent.name for parent in version.parents.all()] == ["base"]
    assert (version.folder() / "model.safetensors").is_file()
    assert {file["name"] for file in run.artifacts} >= {f"{run.name}-events.jsonl"}


def test_a_stopped_run_goes_on_from_its_checkpoint(base: Path) -> None:
    run = launched(base, max_steps=5000, save_every=0)

    def stop_it() -> None:
        deadline = time.monotonic() + PATIENCE
        while not RunMetric.objects.filter(run=run).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        cancel(job=Job.objects.get(pk=run.job_id), by=None)
        connections.close_all()

    thread = threading.Thread(target=stop_it)
    thread.start()
    run = carried_out(run)
    thread.join()
    assert (run.state, run.outcome) == ("cancelled", "cancelled"), run.log
    kept = Checkpoint.objects.get(run=run)
    assert f"step {kept.step}" in run.sentence
    assert not ModelVersion.objects.filter(run=run).exists()
    run.config["training"]["max_steps"] = kept.step + 3  # the rest of five thousand would be long
    run.save(update_fields=["config"])
    assert run.job is not None
    retry(job=run.job, by=None)
    run = carried_out(run)
    assert run.outcome == "done", run.log
    assert run.result["resumed_from_step"] == kept.step
    steps = list(
        RunMetric.objects.filter(run=run, name="loss")
        .order_by("step")
        .values_list("step", flat=True)
    )
    assert steps == list(range(1, kept.step + 4))
    assert ModelVersion.objects.filter(run=run, state="ready").exists()
