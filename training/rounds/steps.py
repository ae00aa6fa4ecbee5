"""What each step does when it begins, and what it waits for afterwards."""

from collections.abc import Callable
from dataclasses import dataclass

from annotation.models import BoardSnapshot
from training.models import Round, RoundStep, Step
from training.rounds import collecting, comparing, learning
from training.rounds.plan import RoundPlan
from training.rounds.standing import Standing
from webapp.jobs.models import Job, State


def _no_jobs(found: Round, step: RoundStep) -> list[Job | None]:
    return []


@dataclass(frozen=True)
class Act:
    """begin: makes what the step is about, in the driver's transaction; ValidationError refuses.
    look: reads how far it is. jobs: what a person's second try starts again, if it failed.
    people: it waits for people, who may be told that it is enough."""

    begin: Callable[[Round, RoundStep, RoundPlan], None]
    look: Callable[[Round, RoundStep, RoundPlan], Standing]
    jobs: Callable[[Round, RoundStep], list[Job | None]] = _no_jobs
    people: bool = False


ACTS: dict[str, Act] = {
    Step.SAMPLE: Act(
        collecting.begin_sample,
        collecting.look_at_sample,
        lambda found, step: [found.batch.job if found.batch else None, step.job],
    ),
    Step.OPEN: Act(collecting.begin_open, collecting.look_at_open),
    Step.COLLECT: Act(collecting.begin_collect, collecting.look_at_collect, people=True),
    Step.FREEZE: Act(
        learning.begin_freeze,
        learning.look_at_freeze,
        lambda found, step: [
            each.snapshot.job for each in found.snapshots.select_related("snapshot__job")
        ],
    ),
    Step.TRAIN: Act(
        learning.begin_train,
        learning.look_at_train,
        lambda found, step: [run.job for run in learning.runs_of(found)],
    ),
    Step.REGISTER: Act(learning.begin_register, learning.look_at_register),
    Step.ANSWER: Act(
        comparing.begin_answer,
        comparing.look_at_answer,
        lambda found, step: [found.answers.job if found.answers else None],
    ),
    Step.COMPARE: Act(comparing.begin_compare, comparing.look_at_compare, people=True),
    Step.BOARD: Act(comparing.begin_board, comparing.look_at_board, lambda found, step: [step.job]),
}


def take_up(found: Round, step: RoundStep) -> None:
    """Write down what a step's job made: the board's snapshots."""
    job = step.job
    if job is None or job.state != State.DONE or "snapshot" not in job.result:
        return
    kept = BoardSnapshot.objects.filter(pk=job.result["snapshot"]).first()
    if step.step == Step.SAMPLE:
        found.before = kept
    elif step.step == Step.BOARD:
        found.after = kept
