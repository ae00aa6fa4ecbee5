"""Move rounds on. One move is one transaction with the round's row locked: what a step makes is
written with the step, so that a worker that dies in between has done nothing or everything.

The reconciler looks every few seconds which rounds can move and queues a job for each.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from training.models import Asked, Round, RoundStep, StepState
from training.rounds.actions.start_round import start_next
from training.rounds.collecting import judged
from training.rounds.plan import RoundPlan
from training.rounds.standing import Standing
from training.rounds.steps import ACTS, take_up
from webapp.faultpoint import faultpoint
from webapp.jobs import enqueue
from webapp.jobs.models import ACTIVE, State
from webapp.webhooks.actions.announce import announce
from webapp.webhooks.events import Event

KIND = "round"
RELATED = ("workspace", "base", "batch__job", "campaign", "answers__job", "comparison", "board")


def current_step(found: Round) -> RoundStep | None:
    """The first step that is not done."""
    steps = found.steps.exclude(state=StepState.DONE).select_related("job")
    return steps.order_by("position").first()


def drive(found: Round) -> None:
    """Queue the round's job unless one is waiting or running. In the caller's transaction, with the
    round's row locked."""
    if found.job is None or found.job.state not in ACTIVE:
        found.job = enqueue(
            kind=KIND,
            owner=found.created_by,
            workspace=found.workspace,
            arguments={"round_id": found.pk},
        )
        found.save(update_fields=["job"])


@transaction.atomic
def advance(*, round_id: int) -> bool:
    """Make one move of a round; False when there is none to make."""
    found = (
        Round.objects.select_for_update(of=("self",))
        .select_related(*RELATED, "model", "before", "after", "created_by")
        .get(pk=round_id)
    )
    if found.paused_at is not None or found.workspace.archived_at is not None:
        return False
    step = current_step(found)
    if step is None:
        return _end(found)
    plan = RoundPlan.from_json(found.plan)
    if step.state == StepState.WAITING:
        if not (step.automatic or step.asked == Asked.BEGIN):
            return False
        return _begin(found, step, plan)
    if step.state == StepState.RUNNING:
        return _look(found, step, plan)
    return False


def _begin(found: Round, step: RoundStep, plan: RoundPlan) -> bool:
    try:
        with transaction.atomic():
            ACTS[step.step].begin(found, step, plan)
            found.save()
    except ValidationError as refused:
        _fail(found, step, " ".join(refused.messages))
        return True
    step.state, step.asked, step.error = StepState.RUNNING, "", ""
    step.began_at = timezone.now()
    step.save()
    faultpoint(f"round.{step.step}")
    return True


def _look(found: Round, step: RoundStep, plan: RoundPlan) -> bool:
    act = ACTS[step.step]
    standing = act.look(found, step, plan)
    if act.people and step.asked == Asked.ENOUGH and not standing.error:
        standing = Standing(done=True)
    if standing.error:
        _fail(found, step, standing.error)
        return True
    if not standing.done:
        return False
    take_up(found, step)
    found.save()
    step.state, step.asked, step.error = StepState.DONE, "", ""
    step.ended_at = timezone.now()
    step.save()
    announce(found.workspace, Event.ROUND_STEP, {**found.as_json(), "step": step.step})
    return True


def _fail(found: Round, step: RoundStep, sentence: str) -> None:
    step.refresh_from_db()  # what a refused beginning set in memory was undone
    step.state, step.asked, step.error = StepState.FAILED, "", sentence
    step.save()
    told = {**found.as_json(), "step": step.step, "sentence": sentence}
    announce(found.workspace, Event.ROUND_FAILED, told)


def _end(found: Round) -> bool:
    if found.ended_at is None:
        Round.objects.filter(pk=found.pk).update(ended_at=Now())
        announce(found.workspace, Event.ROUND_FINISHED, found.as_json())
        return True
    if not next_is_due(found):
        return False
    start_next(found=found, by=found.created_by)
    return True


def next_is_due(found: Round) -> bool:
    """Whether the round after this one begins by itself now."""
    wanted = found.plan.get("next_when")
    if wanted is None or found.campaign is None or hasattr(found, "next"):
        return False
    return judged(found.campaign, wanted) >= wanted


def can_move(found: Round) -> bool:
    """Whether advance() would do something, without doing it."""
    step = current_step(found)
    if step is None:
        return found.ended_at is None or next_is_due(found)
    if step.state == StepState.WAITING:
        return step.automatic or step.asked == Asked.BEGIN
    if step.state == StepState.RUNNING:
        act = ACTS[step.step]
        standing = act.look(found, step, RoundPlan.from_json(found.plan))
        asked = act.people and step.asked == Asked.ENOUGH
        return asked or standing.done or bool(standing.error)
    return False


def drive_due() -> int:
    """Queue a job for each round that can move; how many. The reconciler calls it at each pass."""
    open_rounds = Q(ended_at=None) | Q(next__isnull=True, plan__next_when__gt=0)
    live = Round.objects.filter(open_rounds, paused_at=None, workspace__archived_at=None)
    # What failed, or was stopped by somebody, is begun again by a person.
    driven = Q(job__state__in=[*ACTIVE, State.FAILED, State.CANCELLED])
    queued = 0
    for found in live.exclude(driven).select_related(*RELATED, "job", "created_by"):
        if not can_move(found):
            continue
        with transaction.atomic():
            rows: Any = Round.objects.select_for_update(skip_locked=True, of=("self",))
            locked = rows.select_related("workspace", "job", "created_by").filter(pk=found.pk)
            for row in locked:
                drive(row)
                queued += 1
    return queued
