"""What a person does to a round under way: a step by hand, pause, go on, other settings."""

from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from training.models import Asked, Round, StepState
from training.models.rounds import ORDER
from training.rounds.actions.drive import RELATED, current_step, drive
from training.rounds.actions.start_round import start_next
from training.rounds.plan import RoundPlan
from training.rounds.steps import ACTS
from webapp.audit.actions.record import record
from webapp.jobs import retry
from webapp.jobs.models import State


def _locked(found: Round) -> Round:
    rows = Round.objects.select_for_update(of=("self",))
    return rows.select_related("job", "created_by", *RELATED).get(pk=found.pk)


def _done(found: Round, by: Any, action: str, **changes: Any) -> Round:
    record(
        actor=by,
        action=f"round.{action}",
        target=found,
        workspace=found.workspace,
        changes=changes,
    )
    return found


@transaction.atomic
def take_step(*, found: Round, by: Any) -> Round:
    """The next step by hand: begin it, say that what people gave is enough, or try again what
    failed; after the last one, the next round. A paused round goes on.

    Raises:
        ValidationError: there is nothing that a person could do now.
    """
    row = _locked(found)
    step = current_step(row)
    if step is None:
        if row.ended_at is None:
            drive(row)
            return row
        return start_next(found=row, by=by)
    if step.state == StepState.FAILED:
        again = [
            job
            for job in ACTS[step.step].jobs(row, step)
            if job is not None and job.state in (State.FAILED, State.CANCELLED)
        ]
        for job in again:
            retry(job=job, by=by)
        step.state = StepState.RUNNING if again else StepState.WAITING
        step.asked = "" if again else Asked.BEGIN
        step.error = ""
    elif step.state == StepState.WAITING:
        step.asked = Asked.BEGIN
    elif ACTS[step.step].people:
        step.asked = Asked.ENOUGH
    elif row.job is None or row.job.state not in (State.FAILED, State.CANCELLED):
        raise ValidationError(
            _("The step “%(step)s” is under way; it ends by itself.")
            % {"step": step.get_step_display()}
        )
    step.save()
    row.paused_at = None
    row.save(update_fields=["paused_at"])
    drive(row)
    return _done(row, by, "step", step=["", step.step])


@transaction.atomic
def pause_round(*, found: Round, by: Any) -> Round:
    """Nothing more begins by itself. Jobs that are under way come to their end.

    Raises:
        ValidationError: it is paused, or done with nothing to follow by itself.
    """
    row = _locked(found)
    if row.paused_at is not None:
        raise ValidationError(_("Round %s is paused already.") % row)
    if row.ended_at is not None and row.plan.get("next_when") is None:
        raise ValidationError(_("Round %s is done; there is nothing to pause.") % row)
    Round.objects.filter(pk=row.pk).update(paused_at=Now())
    row.refresh_from_db()
    return _done(row, by, "pause")


@transaction.atomic
def resume_round(*, found: Round, by: Any) -> Round:
    """Go on where it was paused.

    Raises:
        ValidationError: it is not paused.
    """
    row = _locked(found)
    if row.paused_at is None:
        raise ValidationError(_("Round %s is not paused.") % row)
    row.paused_at = None
    row.save(update_fields=["paused_at"])
    drive(row)
    return _done(row, by, "resume")


CHANGEABLE = ("judgements", "votes", "next_when", "automatic")


@transaction.atomic
def change_round(*, found: Round, by: Any, changes: dict[str, Any]) -> Round:
    """How long it waits for people, which steps begin by themselves, when the next round begins.

    Raises:
        ValidationError: another setting, or a value that it cannot have.
    """
    row = _locked(found)
    others = sorted(str(name)[:40] for name in changes if name not in CHANGEABLE)
    if others:
        raise ValidationError(
            _("%(given)s is fixed when a round begins. Allowed: %(allowed)s.")
            % {"given": ", ".join(others), "allowed": ", ".join(CHANGEABLE)}
        )
    before = RoundPlan.from_json(row.plan)
    plan = RoundPlan.from_json({**row.plan, **changes})
    plan = replace(plan, automatic=tuple(step for step in ORDER if step in plan.automatic))
    row.plan = plan.as_json()
    row.save(update_fields=["plan"])
    row.steps.filter(step__in=plan.automatic).update(automatic=True)
    row.steps.exclude(step__in=plan.automatic).update(automatic=False)
    old, new = before.as_json(), plan.as_json()
    differing = {name: [old[name], new[name]] for name in CHANGEABLE if old[name] != new[name]}
    if row.paused_at is None:
        drive(row)
    return _done(row, by, "change", **differing)
