"""Pages of rounds: the list, a new loop, one round and what a person does to it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from annotation.models import Prompt
from annotation.prompt_filter import PromptFilter
from training.access import MANAGES, READS
from training.models import ModelKind, Round
from training.rounds import page
from training.rounds.actions.start_round import start_round
from training.rounds.actions.steer import change_round, pause_round, resume_round, take_step
from training.rounds.form import RoundForm, SteeringForm
from training.rounds.plan import RoundPlan
from training.rounds.queries import (
    board_change,
    done_steps,
    rounds_in,
    step_at,
    where,
    why_not_rated,
)
from training.run_queries import ready_models
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 30
STOP_POLLING = 286


@workspace_page(*READS)
def round_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    shown = Paginator(rounds_in(workspace), A_PAGE).get_page(request.GET.get("page"))
    rows = [
        {"round": row, "where": where(row), "step": step_at(row), "done": done_steps(row)}
        for row in shown
    ]
    context = {
        "shown": shown,
        "rows": rows,
        "manages": manages(workspace),
        "has_models": ready_models(workspace, ModelKind.POLICY).exists(),
    }
    return render(request, "training/rounds.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def round_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """The prompts are those of the address (the filter of the prompt browser)."""
    try:
        chosen = PromptFilter.from_params(request.GET)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("training:round_new", workspace.slug)
    form = RoundForm(workspace, chosen, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            found = start_round(
                workspace=workspace,
                by=request.user,
                plan=form.plan(),
                base=form.cleaned_data["base"],
                earlier=list(form.cleaned_data["models"]),
                board=form.cleaned_data["board"],
            )
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("Round %s has begun.") % found)
            return redirect("training:round", workspace.slug, found.pk)
    prompts = form.prompts.apply(Prompt.objects.filter(workspace=workspace))
    context = {
        "form": form,
        "chosen": form.prompts,
        "count": prompts.count(),
        "has_models": ready_models(workspace, ModelKind.POLICY).exists(),
    }
    return render(request, "training/round_new.html", context, status=422 if form.errors else 200)


@workspace_page(*READS)
def round_page(request: HttpRequest, workspace: Workspace, round: int) -> HttpResponse:
    found = round_of(workspace, round)
    context = _context(found, manages(workspace))
    if request.headers.get("HX-Request"):
        settled = context["where"].key == "done" and not context["waits_for_next"]
        status = STOP_POLLING if settled else 200
        return render(request, "training/_round.html", context, status=status)
    context |= {"form": SteeringForm.of(found), **_declared(found)}
    return render(request, "training/round.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def round_step(request: HttpRequest, workspace: Workspace, round: int) -> HttpResponse:
    return _act(request, workspace, round, take_step)


@workspace_page(*MANAGES, methods=("POST",))
def round_pause(request: HttpRequest, workspace: Workspace, round: int) -> HttpResponse:
    return _act(request, workspace, round, pause_round)


@workspace_page(*MANAGES, methods=("POST",))
def round_resume(request: HttpRequest, workspace: Workspace, round: int) -> HttpResponse:
    return _act(request, workspace, round, resume_round)


@workspace_page(*MANAGES, methods=("POST",))
def round_change(request: HttpRequest, workspace: Workspace, round: int) -> HttpResponse:
    found = round_of(workspace, round)
    form = SteeringForm.of(found, request.POST)
    if form.is_valid():
        changes = form.cleaned_data | {"automatic": list(form.cleaned_data["automatic"])}
        try:
            change_round(found=found, by=request.user, changes=changes)
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("Changed."))
            return redirect("training:round", workspace.slug, found.pk)
    context = _context(found, True) | {"form": form, **_declared(found)}
    return render(request, "training/round.html", context, status=422)


def manages(workspace: Workspace) -> bool:
    return getattr(workspace, "role", "") in MANAGES


def round_of(workspace: Workspace, pk: int) -> Round:
    return get_object_or_404(rounds_in(workspace).select_related("before", "after"), pk=pk)


def _context(found: Round, may_act: bool) -> dict[str, Any]:
    steps = page.shown_steps(found)
    following = getattr(found, "next", None)
    return {
        "round": found,
        "workspace": found.workspace,
        "where": where(found),
        "steps": steps,
        "groups": page.groups(steps),
        "ring": page.ring(steps),
        "here": next((step for step in steps if step.here), None),
        "done": done_steps(found),
        "change": board_change(found) if found.before and found.after else [],
        "not_rated": why_not_rated(found),
        "next": following,
        "waits_for_next": found.plan.get("next_when") if following is None else None,
        "manages": may_act,
    }


def _declared(found: Round) -> dict[str, Any]:
    """What was said when it began."""
    plan = RoundPlan.from_json(found.plan)
    return {
        "plan": plan,
        "recipe": plan.chosen_recipe,
        "prompts_in_words": plan.prompts.in_words(),
        "compare_in_words": plan.compare.in_words(),
        "policies": sorted(found.policies.all(), key=lambda each: -each.pk),
    }


def _act(
    request: HttpRequest, workspace: Workspace, pk: int, act: Callable[..., Round]
) -> HttpResponse:
    found = round_of(workspace, pk)
    try:
        found = act(found=found, by=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:round", workspace.slug, found.pk)
