"""One prompt, several models side by side; polled while they answer."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.domain.proportions import wilson_interval
from annotation.models import Campaign
from annotation.models.campaigns import Kind, State
from training.access import MANAGES
from training.actions.ask import ask_again, stop_generation
from training.actions.trial import (
    keep_answers,
    keep_demonstration,
    start_probe_set,
    start_trial,
)
from training.generate.probes import BY_NAME, PROBES, consistency, continued, follows_twin
from training.model_queries import trials_in
from training.models import GenerationState, Scoring, Trial, TrialColumn
from training.playground_forms import PlaygroundForm, SettingsForm
from training.scoring.forms import ScoreForm
from training.scoring.queries import scores_of_trial
from training.waiting import why_waiting
from webapp.jobs.models import State as JobState
from webapp.rendering import Rendered, render_markdown
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

STOP_POLLING = 286


@dataclass(frozen=True)
class Shown:
    """A column with what its page needs."""

    column: TrialColumn
    rendered: Rendered | None
    remark: str  # why it looks like a continuation
    waits: str  # why nothing comes yet
    seconds: float | None
    scores: list[tuple[str, float | None, bool]]  # reward model, score, the highest of all
    key: uuid.UUID = field(default_factory=uuid.uuid4)  # of the demonstration made of it

    @property
    def row(self) -> Any:
        return self.column.generation


@workspace_page(*MANAGES, methods=("GET", "POST"))
def playground(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    form = PlaygroundForm(request.POST or None, workspace=workspace, initial=_asked_for(request))
    if request.method == "POST" and form.is_valid():
        try:
            trial = start_trial(workspace=workspace, by=request.user, plan=form.plan())
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            return redirect("training:trial", workspace.slug, trial.pk)
    context = {
        "form": form,
        "trials": trials_in(workspace).filter(probe_set__isnull=True)[:20],
        "probes": PROBES,
        "has_models": form.fields["models"].queryset.exists(),  # type: ignore[attr-defined]
    }
    status = 422 if form.errors else 200
    return render(request, "training/playground.html", context, status=status)


def _asked_for(request: HttpRequest) -> dict[str, Any]:
    """What a link puts into the form: ?probe=frog, ?prompt=..., ?model=3."""
    probe = BY_NAME.get(request.GET.get("probe", ""))
    initial: dict[str, Any] = {}
    if text := (probe.prompt if probe else request.GET.get("prompt", "")[:5000]):
        initial["prompt"] = text
    if models := [pk for pk in request.GET.getlist("model") if pk.isdecimal()]:
        initial["models"] = models
    return initial


@workspace_page(*MANAGES)
def trial(request: HttpRequest, workspace: Workspace, trial: int) -> HttpResponse:
    """The page, or for htmx its columns; polling ends when all have ended."""
    found = get_object_or_404(Trial, workspace=workspace, pk=trial)
    shown = _columns(found)
    ended = all(one.row.is_finished for one in shown)
    scoring = [
        each.job
        for each in Scoring.objects.filter(trial=found).select_related("job")
        if each.job is not None
    ]
    moves = not ended or not all(job.is_finished for job in scoring)
    campaigns = Campaign.objects.filter(workspace=workspace).exclude(state=State.CLOSED)
    context = {
        "trial": found,
        "shown": shown,
        "ended": ended,
        "moves": moves,
        "score_form": ScoreForm(workspace),
        "scoring_jobs": [job for job in scoring if job.state != JobState.DONE],
        "good": any(one.row.state == GenerationState.DONE for one in shown),
        "prompt": _prompt(found),
        "campaigns": campaigns.exclude(kind=Kind.DEMONSTRATION),
    }
    if request.headers.get("HX-Request"):
        status = 200 if moves else STOP_POLLING
        return render(request, "training/_trial.html", context, status=status)
    context |= {
        "form": PlaygroundForm(workspace=workspace, initial=_again(found, shown)),
        "turns": [
            {"role": m["role"], "rendered": render_markdown(m["content"])} for m in found.messages
        ],
    }
    return render(request, "training/trial.html", context)


def _prompt(found: Trial) -> str:
    return str(found.messages[-1]["content"])


def _again(found: Trial, shown: list[Shown]) -> dict[str, Any]:
    system = [m["content"] for m in found.messages if m["role"] == "system"]
    return {
        **{name: found.settings.get(name) for name in ("temperature", "top_p", "max_tokens")},
        "seed": found.settings.get("seed"),
        "prompt": _prompt(found),
        "system": system[0] if system else "",
        "models": [one.column.endpoint_id for one in shown],
    }


def _columns(found: Trial) -> list[Shown]:
    columns = list(found.columns.select_related("endpoint", "generation").order_by("pk"))
    waits = why_waiting(column.generation for column in columns)
    scores = scores_of_trial(found)
    shown = []
    for column in columns:
        row = column.generation
        done = row.state == GenerationState.DONE
        took = (row.finished_at - row.started_at) if row.finished_at and row.started_at else None
        shown.append(
            Shown(
                column,
                render_markdown(row.text) if done else None,
                (continued(_prompt(found), row.text) or "") if done else "",
                waits.get(row.pk, ""),
                took.total_seconds() if took else None,
                scores.get(row.pk, []),
            )
        )
    return shown


@workspace_page(*MANAGES, methods=("POST",))
def trial_column(
    request: HttpRequest, workspace: Workspace, trial: int, column: int
) -> HttpResponse:
    """Ask a model once more that gave no answer, or stop one that is answering."""
    found = get_object_or_404(
        TrialColumn.objects.select_related("generation__endpoint"),
        trial__workspace=workspace,
        trial_id=trial,
        pk=column,
    )
    act = request.POST.get("act")
    try:
        if act == "stop":
            stop_generation(generation=found.generation)
        elif act == "again":
            ask_again(generation=found.generation)
        else:
            raise ValidationError(_("Choose to ask again or to stop."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:trial", workspace.slug, trial)


@workspace_page(*MANAGES, methods=("POST",))
def trial_keep(request: HttpRequest, workspace: Workspace, trial: int) -> HttpResponse:
    """Keep the ticked answers, and put them into a campaign if one is chosen."""
    found = get_object_or_404(Trial, workspace=workspace, pk=trial)
    ticked = [pk for pk in request.POST.getlist("column") if pk.isdecimal()]
    columns = found.columns.filter(pk__in=ticked).select_related("endpoint", "generation")
    wanted = request.POST.get("campaign", "")
    campaign = None
    if wanted:
        campaigns = Campaign.objects.filter(workspace=workspace)
        campaign = get_object_or_404(campaigns, pk=wanted if wanted.isdecimal() else 0)
    try:
        _saved, completions = keep_answers(
            trial=found, by=request.user, columns=list(columns), campaign=campaign
        )
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        said = _("%d answers are kept under the prompt.") % len(completions)
        if campaign is not None:
            said = _("%(said)s They wait in the campaign %(name)s.") % {
                "said": said,
                "name": campaign.name,
            }
        messages.success(request, said)
    return redirect("training:trial", workspace.slug, trial)


@workspace_page(*MANAGES, methods=("POST",))
def trial_demonstrate(
    request: HttpRequest, workspace: Workspace, trial: int, column: int
) -> HttpResponse:
    found = get_object_or_404(
        TrialColumn.objects.select_related("trial__workspace", "generation__endpoint", "endpoint"),
        trial__workspace=workspace,
        trial_id=trial,
        pk=column,
    )
    try:
        key = uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        raise Http404 from None
    try:
        keep_demonstration(
            trial=found.trial,
            by=request.user,
            column=found,
            text=request.POST.get("text", "").replace("\r\n", "\n"),
            key=key,
        )
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        messages.success(request, _("Kept as a demonstration."))
    return redirect("training:trial", workspace.slug, trial)


@workspace_page(*MANAGES, methods=("POST",))
def probes_run(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Ask every built-in probe of the chosen models."""
    form = SettingsForm(request.POST, workspace=workspace)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
        return redirect("training:playground", workspace.slug)
    try:
        name = start_probe_set(
            workspace=workspace,
            by=request.user,
            endpoints=form.endpoints(),
            sampling=form.sampling(),
        )
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("training:playground", workspace.slug)
    return redirect("training:probes", workspace.slug, name)


@workspace_page(*MANAGES)
def probes(request: HttpRequest, workspace: Workspace, probe_set: uuid.UUID) -> HttpResponse:
    """Probes down, models across; what looks like a continuation is marked."""
    trials = (
        Trial.objects.filter(workspace=workspace, probe_set=probe_set)
        .prefetch_related("columns__endpoint", "columns__generation")
        .order_by("pk")
    )
    if not trials:
        raise Http404
    context = _probe_table(list(trials)) | {
        "address": reverse("training:probes", args=[workspace.slug, probe_set]),
    }
    if request.headers.get("HX-Request"):
        status = STOP_POLLING if context["ended"] else 200
        return render(request, "training/_probes.html", context, status=status)
    return render(request, "training/probes.html", context)


def _probe_table(trials: list[Trial]) -> dict[str, Any]:
    names: list[str] = []
    answers: dict[str, dict[str, str]] = {}
    marks: dict[str, int] = {}
    rows, ended = [], True
    for found in trials:
        cells = []
        probe = BY_NAME.get(found.probe)
        for column in found.columns.all():
            row, name = column.generation, column.endpoint.name
            if name not in names:
                names.append(name)
            remark = continued(_prompt(found), row.text) if row.is_finished else None
            follows = follows_twin(probe, row.text) if probe and row.is_finished else None
            marks[name] = marks.get(name, 0) + bool(remark)
            ended = ended and row.is_finished
            if row.state == GenerationState.DONE:
                answers.setdefault(name, {})[found.probe] = row.text
            cells.append({"row": row, "remark": remark, "follows": follows})
        rows.append({"trial": found, "prompt": _prompt(found), "cells": cells})
    models = []
    for name in names:
        followed, whole = consistency(answers.get(name, {}))
        models.append(
            {
                "name": name,
                "continued": marks[name],
                "followed": followed,
                "whole": whole,
                "between": wilson_interval(followed, whole) if whole else None,
            }
        )
    return {"rows": rows, "models": models, "ended": ended}
