"""Declare a loop and begin its first round, or begin the round after one that is done."""

from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from annotation.models import Board, Prompt
from training.models import ModelKind, ModelVersion, Round, RoundStep
from training.models.rounds import ORDER
from training.queries import ready_snapshots
from training.rounds.plan import RoundPlan
from training.run_queries import ready_models
from webapp.audit.actions.record import record
from webapp.jobs import enqueue
from webapp.webhooks.actions.announce import announce
from webapp.webhooks.events import Event
from webapp.workspaces.models import Workspace


@transaction.atomic
def start_round(
    *,
    workspace: Workspace,
    by: Any,
    plan: RoundPlan,
    base: ModelVersion,
    earlier: list[ModelVersion] | None = None,
    board: Board | None = None,
) -> Round:
    """Begin the next round of the loop `plan.name`: `base` learns; it and `earlier` answer. Without
    a board one is made under the loop's name.

    Raises:
        ValidationError: everything that is wrong with it, as sentences.
    """
    policies = list(dict.fromkeys([base, *(earlier or [])]))
    _check(workspace, plan, policies, board)
    # Two people at once: the second waits here, and gets the next number.
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    rounds = Round.objects.filter(workspace=workspace, name=plan.name)
    last = rounds.aggregate(Max("number"))["number__max"] or 0
    return _made(workspace, by, plan, policies, board, number=last + 1, previous=None)


@transaction.atomic
def start_next(*, found: Round, by: Any) -> Round:
    """The round after this one: the same settings, from the model that came of it.

    Called again it gives the round that is there.

    Raises:
        ValidationError: there is no model yet to go on with.
    """
    before = Round.objects.select_for_update(of=("self",)).get(pk=found.pk)
    there = Round.objects.filter(previous=before).first()
    if there is not None:
        return there
    if before.model is None or before.ended_at is None:
        raise ValidationError(
            _("Round %(round)s is not done yet; the next one begins with its model.")
            % {"round": before}
        )
    plan = RoundPlan.from_json(before.plan)
    settled = dict(before.steps.values_list("step", "automatic"))
    plan = replace(plan, automatic=tuple(step for step in ORDER if settled.get(step, True)))
    earlier = before.policies.exclude(pk=before.model.pk).order_by("-pk")[: plan.earlier]
    policies = [before.model, *earlier]
    _check(before.workspace, plan, policies, before.board)
    return _made(
        before.workspace,
        by,
        plan,
        policies,
        before.board,
        number=before.number + 1,
        previous=before,
    )


def _made(
    workspace: Workspace,
    by: Any,
    plan: RoundPlan,
    policies: list[ModelVersion],
    board: Board | None,
    *,
    number: int,
    previous: Round | None,
) -> Round:
    found = Round.objects.create(
        workspace=workspace,
        name=plan.name,
        number=number,
        plan=plan.as_json(),
        previous=previous,
        base=policies[0],
        board=board,
        created_by=by if getattr(by, "pk", None) else None,
    )
    found.policies.set(policies)
    RoundStep.objects.bulk_create(
        RoundStep(round=found, step=step, position=position, automatic=step in plan.automatic)
        for position, step in enumerate(ORDER)
    )
    found.job = enqueue(
        kind="round", owner=by, workspace=workspace, arguments={"round_id": found.pk}
    )
    found.save(update_fields=["job"])
    record(
        actor=by,
        action="round.start",
        target=found,
        workspace=workspace,
        changes={"base": ["", str(found.base)], "recipe": ["", plan.recipe]},
    )
    announce(workspace, Event.ROUND_STARTED, found.as_json())
    return found


def _check(
    workspace: Workspace, plan: RoundPlan, policies: list[ModelVersion], board: Board | None
) -> None:
    problems: list[str] = []
    usable = set(ready_models(workspace, ModelKind.POLICY).values_list("pk", flat=True))
    problems += [
        _("%s cannot answer: choose language models of this workspace that are ready.") % each
        for each in policies
        if each.pk not in usable
    ]
    if len(policies) > 8:
        problems.append(_("At most 8 models answer in a round; %d are chosen.") % len(policies))
    if board is not None and board.workspace_id != workspace.pk:
        problems.append(_("The board is not of this workspace."))
    prompts = Prompt.objects.filter(workspace=workspace, retired_at=None)
    if not plan.prompts.apply(prompts).exists():
        problems.append(_("The filter finds no prompt to answer. Import prompts, or widen it."))
    if not plan.compare.apply(prompts).exists():
        problems.append(
            _(
                "The filter finds no prompt for the comparison on the board. Hold some prompts out "
                "(split “held out”), or choose others."
            )
        )
    if plan.demonstrations is not None:
        known = ready_snapshots(workspace, "prompt_completion")
        if not known.filter(pk=plan.demonstrations).exists():
            problems.append(_("There is no such frozen snapshot of demonstrations."))
    answers = len(policies) * len(plan.temperatures) * plan.samples
    if answers < plan.shown:
        problems.append(
            _("A task shows %(shown)d answers, and each prompt gets only %(answers)d.")
            % {"shown": plan.shown, "answers": answers}
        )
    if problems:
        raise ValidationError(problems)
