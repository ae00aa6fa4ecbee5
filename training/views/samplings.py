"""Sampled answers: what is asked of whom, how far it is, cancel and go on."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from annotation.models import Prompt
from annotation.prompt_filter import PromptFilter
from training.access import MANAGES, READS
from training.actions.sample import PURPOSE, sample
from training.generate.claims import spent_in
from training.model_queries import askable, batch_by_model, batches_in
from training.models import Batch, Scoring
from training.playground_forms import SampleForm
from training.scoring.forms import CheckForm, ScoreForm, TagForm
from training.scoring.queries import summaries
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.actions.retry import retry
from webapp.jobs.models import State
from webapp.jobs.queries import Outlook
from webapp.workspaces.access import role_of, workspace_page
from webapp.workspaces.models import Workspace


@workspace_page(*READS)
def sampling_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    context = {
        "batches": batches_in(workspace).filter(purpose=PURPOSE)[:200],
        "manages": role_of(workspace) in MANAGES,
        "has_models": askable(workspace).exists(),
    }
    return render(request, "training/samplings.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def sampling_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """The prompts are those of the address (the filter of the prompt browser)."""
    try:
        chosen = PromptFilter.from_params(request.GET)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("training:sampling_new", workspace.slug)
    prompts = chosen.apply(Prompt.objects.filter(workspace=workspace))
    form = SampleForm(request.POST or None, workspace=workspace)
    if request.method == "POST" and form.is_valid():
        try:
            batch = sample(
                workspace=workspace, by=request.user, plan=form.plan(chosen), prompts=prompts
            )
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("The job is queued. Answers are kept as they come."))
            return redirect("training:sampling", workspace.slug, batch.pk)
    context = {
        "form": form,
        "chosen": chosen,
        "count": prompts.count(),
        "has_models": askable(workspace).exists(),
    }
    status = 422 if form.errors else 200
    return render(request, "training/sampling_new.html", context, status=status)


@workspace_page(*READS)
def sampling(request: HttpRequest, workspace: Workspace, batch: int) -> HttpResponse:
    found = get_object_or_404(batches_in(workspace), pk=batch)
    job = found.job
    ended = job is None or job.is_finished
    scores = [
        {
            **vars(one),
            "working": one.working,
            "check": _check(one.scoring),
            "tag": TagForm(one.scoring),
        }
        for one in summaries(found)
    ]
    context: dict[str, Any] = {
        "summaries": scores,
        "score_form": ScoreForm(workspace),
        "batch": found,
        "job": job,
        "models": batch_by_model(found),
        "spent": spent_in(found),
        "reason": Outlook().reason(job) if job is not None else "",
        "ended": ended,
        "may_stop": job is not None and not ended,
        "may_go_on": job is not None
        and (job.state in (State.FAILED, State.CANCELLED))
        and role_of(workspace) in MANAGES,
        "manages": role_of(workspace) in MANAGES,
        "chosen": PromptFilter.from_json(found.settings.get("filter") or {}),
    }
    if request.headers.get("HX-Request"):
        over = ended and not any(one["working"] for one in scores)
        return render(request, "training/_sampling.html", context, status=286 if over else 200)
    context["moves"] = not ended or any(one["working"] for one in scores)
    return render(request, "training/sampling.html", context)


def _check(scoring: Scoring) -> CheckForm | None:
    """The form that opens its campaign; none once it is there."""
    return CheckForm(scoring) if scoring.check_campaign_id is None else None


@workspace_page(*MANAGES, methods=("POST",))
def sampling_act(request: HttpRequest, workspace: Workspace, batch: int) -> HttpResponse:
    """Stop the job, or go on with it where it stopped."""
    found = get_object_or_404(Batch, workspace=workspace, pk=batch, job__isnull=False)
    assert found.job is not None
    try:
        if request.POST.get("act") == "stop":
            cancel(job=found.job, by=request.user)
        elif request.POST.get("act") == "go-on":
            retry(job=found.job, by=request.user)
        else:
            raise ValidationError(_("Choose to stop or to go on."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("training:sampling", workspace.slug, batch)
