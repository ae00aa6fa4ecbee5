"""A worker dies in the middle of a step of a round: nothing is lost and nothing is made twice."""

import pytest
from django.db.models.functions import Now

from annotation.models import Prompt
from tests.annotation.material import a_prompt
from tests.cast import a_workspace, mia
from tests.faults.harness import Rondo, until
from tests.training.registry import a_model
from tests.training.rounds import world
from training.actions.endpoint import endpoint_of_version
from training.models import Batch, Round, RoundStep, TrainingRun
from training.models.rounds import ORDER
from training.rounds.actions.steer import take_step
from webapp.jobs import enqueue
from webapp.jobs.models import Job
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.fault


def at_step(workspace: Workspace, step: str) -> Round:
    """A round whose job, already queued, is about to begin `step`."""
    by_hand = tuple(each for each in ORDER if each != step)
    found = world.a_round(workspace, mia(workspace), automatic=by_hand)
    if step == "train":
        found = world.drive(found)
        world.answered(found.batch)
        found = world.drive(found)
        world.vote(found.campaign)
        found = world.drive(found)
    else:
        assert step == "sample"
    return take_step(found=found, by=mia())


def killed_once(rondo: Rondo, fault: str, kind: str) -> None:
    """A worker takes the job, dies at the place of the fault, and is gone for good."""
    worker = rondo.start_worker(FAULT=f"{fault}:exit9")
    over = Job.objects.filter(kind=kind, state="running", lease_until__lt=Now())
    until(over.exists, "the lease of the job is over: what did it is dead")
    worker.end()  # before anybody gives the job back: it would only be killed again
    rondo.ready(rondo.start_reconciler())
    until(
        lambda: Job.objects.filter(kind=kind, state="queued", attempt=1).exists(),
        "the reconciler takes the job back",
    )


@pytest.mark.parametrize("step", ["sample", "train"])
def test_a_worker_killed_in_a_step_makes_nothing_twice(rondo: Rondo, step: str) -> None:
    workspace = a_workspace(f"Cups of {step}")
    found = at_step(workspace, step)
    killed_once(rondo, f"round.{step}", "round")
    row = RoundStep.objects.get(round=found, step=step)
    assert row.state == "waiting"  # all of the move was undone
    rondo.ready(rondo.start_worker())
    until(
        lambda: RoundStep.objects.filter(pk=row.pk, state="running").exists(),
        "another worker begins the step",
    )
    batches = Batch.objects.filter(workspace=workspace)
    assert batches.count() == 1
    assert batches.get().entries.count() == 8
    runs = TrainingRun.objects.filter(workspace=workspace)
    assert runs.count() == (step == "train")


def test_control_a_step_that_is_noted_afterwards_is_made_twice(rondo: Rondo) -> None:
    workspace = a_workspace("Cups without care")
    manager = mia(workspace)
    a_prompt(workspace)
    endpoint = endpoint_of_version(version=a_model(workspace, manager), by=manager)
    job = enqueue(
        kind="careless sampling",
        owner=manager,
        workspace=workspace,
        arguments={"endpoint_id": endpoint.pk, "trace": str(rondo.folder / "trace")},
    )
    assert Prompt.objects.filter(workspace=workspace).count() == 1
    killed_once(rondo, "careless", "careless sampling")
    rondo.ready(rondo.start_worker())
    rondo.wait_for(job.pk)
    assert Batch.objects.filter(workspace=workspace).count() == 2
