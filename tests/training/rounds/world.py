"""Rounds for tests: models that answer without being loaded, and runs that end by a stroke."""

from typing import Any

from django.utils import timezone

from annotation.actions.assign import assign
from annotation.models import Assignment, Campaign, Comparison, Completion, Prompt
from tests.annotation.material import a_prompt
from tests.cast import ann
from tests.training.registry import a_model
from training.actions.launch import start_awaiting
from training.actions.register import make_ready, new_version
from training.actions.sample import store_answers
from training.models import (
    Batch,
    Generation,
    GenerationState,
    ModelVersion,
    Outcome,
    Round,
    TrainingRun,
)
from training.rounds.actions.drive import advance
from training.rounds.actions.start_round import start_round
from training.rounds.plan import RoundPlan
from training.rounds.queries import rounds_in
from webapp.jobs.models import Job, State
from webapp.jobs.runner import run_next
from webapp.workspaces.models import Workspace

GPU_KINDS = ("sample with models", "train")


def prompts(workspace: Workspace, train: int = 4, held_out: int = 3) -> None:
    for number in range(train):
        a_prompt(workspace, f"Say something of {number}.", split="train")
    for number in range(held_out):
        a_prompt(workspace, f"Say something unseen of {number}.", split="held_out")


def a_round(workspace: Workspace, by: Any, base: ModelVersion | None = None, **plan: Any) -> Round:
    if not Prompt.objects.filter(workspace=workspace, split="held_out").exists():
        prompts(workspace)
    given = {"name": "helpful", "result": "tuned", "recipe": "dpo", "validation_share": 0.0}
    base = base or ModelVersion.objects.filter(workspace=workspace, name="base").first()
    base = base or a_model(workspace, by, licence="apache-2.0")
    return start_round(
        workspace=workspace, by=by, plan=RoundPlan(**(given | plan)), base=base, earlier=[]
    )


def drive(found: Round) -> Round:
    """All moves that can be made now, and the jobs of the default queue that came of them."""
    while advance(round_id=found.pk) or run_next(queue="default", worker="here"):
        pass
    return fresh(found)


def fresh(found: Round) -> Round:
    return rounds_in(found.workspace).select_related("before", "after").get(pk=found.pk)


def ended(job: Job | None, state: str = State.DONE, **fields: Any) -> None:
    assert job is not None
    Job.objects.filter(pk=job.pk).update(
        state=state, finished_at=timezone.now(), attempt=1, **fields
    )


def answered(batch: Batch | None) -> None:
    """Every request has its answer, as the worker leaves it."""
    assert batch is not None
    waiting = Generation.objects.filter(entries__batch=batch).exclude(state=GenerationState.DONE)
    for row in waiting.select_related("endpoint"):
        row.text = f"{row.endpoint.name} says {row.pk} at {row.settings['temperature']}"
        row.state, row.finished_at = GenerationState.DONE, timezone.now()
        row.save()
    while store_answers(batch=batch):
        pass
    ended(batch.job)


def vote(campaign: Campaign | None, most: int | None = None) -> int:
    """Ann judges everything (or so much) of a campaign of comparisons; how much it was."""
    assert campaign is not None
    person = ann(campaign.workspace)
    given = 0
    while most is None or given < most:
        held = assign(campaign=campaign, annotator=person)
        if held is None:
            return given
        left, right = held.shown_order
        # Each maker wins in turn, whatever side it was tossed to: then all of them can be rated.
        makers = Completion.objects.in_bulk([left, right])
        ranked = sorted([left, right], key=lambda pk: (makers[pk].generator, pk))
        choice = "left" if ranked[given % 2] == left else "right"
        Comparison.objects.create(
            assignment=held,
            prompt=held.item.prompt,
            annotator=person,
            left_id=left,
            right_id=right,
            choice=choice,
            source="human",
        )
        Assignment.objects.filter(pk=held.pk).update(
            state="submitted", submitted_at=timezone.now(), lease_until=None
        )
        given += 1
    return given


def trained(run: TrainingRun) -> ModelVersion:
    """The run is done and its model registered, as its job leaves it."""
    base = run.models.get(role="base").version
    assert base is not None
    version = new_version(
        workspace=run.workspace,
        name=run.result_name,
        by=run.created_by,
        kind="reward" if run.method == "reward" else "policy",
        run=run,
    )
    make_ready(
        version=version,
        place=base.place,
        manifest=base.manifest,
        sha256=base.sha256,
        facts=base.facts,
    )
    start_awaiting(run, version)
    TrainingRun.objects.filter(pk=run.pk).update(outcome=Outcome.DONE)
    ended(TrainingRun.objects.get(pk=run.pk).job)
    return version


def carried_out(found: Round) -> Round:
    """The whole round, with people who judge everything."""
    found = drive(found)
    answered(found.batch)
    found = drive(found)
    vote(found.campaign)
    found = drive(found)
    for each in found.runs.select_related("run__workspace", "run__created_by"):
        trained(each.run)
    found = drive(found)
    answered(found.answers)
    found = drive(found)
    vote(found.comparison)
    return drive(found)
