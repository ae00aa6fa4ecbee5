"""Models that can be asked: add, change, try, retire; what they cost."""

import random

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from training.access import MANAGES, READS
from training.actions.endpoint import (
    add_endpoint,
    change_endpoint,
    restore_endpoint,
    retire_endpoint,
)
from training.actions.trial import TrialPlan, start_trial
from training.endpoint_forms import EndpointForm
from training.generate.requests import Sampling
from training.generate.wording import wording
from training.model_queries import endpoints_with_spend, last_failures, spend_by_day
from training.models import EndpointKind, ModelEndpoint
from webapp.workspaces.access import role_of, workspace_page
from webapp.workspaces.models import Workspace

HELLO = "Say hello, and in one sentence what you can do."


@workspace_page(*READS)
def endpoint_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    context = {
        "endpoints": endpoints_with_spend(workspace),
        "manages": role_of(workspace) in MANAGES,
        "kinds": EndpointKind.choices,
    }
    return render(request, "training/endpoints.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def endpoint_new(request: HttpRequest, workspace: Workspace, kind: str) -> HttpResponse:
    if kind not in EndpointKind.values:
        raise Http404
    form = EndpointForm(request.POST or None, workspace=workspace, kind=kind)
    if request.method == "POST" and form.is_valid():
        try:
            endpoint = add_endpoint(
                workspace=workspace,
                by=request.user,
                name=form.cleaned_data["name"],
                kind=kind,
                plan=form.plan(),
            )
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("The model is added. Try it once before others do."))
            return redirect("training:endpoint", workspace.slug, endpoint.pk)
    context = {"form": form, "kind": kind, "kinds": EndpointKind.choices}
    status = 422 if form.errors else 200
    return render(request, "training/endpoint_new.html", context, status=status)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def endpoint(request: HttpRequest, workspace: Workspace, endpoint: int) -> HttpResponse:
    found = get_object_or_404(endpoints_with_spend(workspace), pk=endpoint)
    form = EndpointForm(request.POST or None, workspace=workspace, kind=found.kind, endpoint=found)
    if request.method == "POST" and form.is_valid():
        try:
            change_endpoint(endpoint=found, by=request.user, plan=form.plan())
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("Saved."))
            return redirect("training:endpoint", workspace.slug, found.pk)
    context = {
        "endpoint": found,
        "form": form,
        "days": spend_by_day(found),
        "failures": last_failures(found),
        "given": wording(found, [{"role": "user", "content": HELLO}]),
    }
    status = 422 if form.errors else 200
    return render(request, "training/endpoint.html", context, status=status)


@workspace_page(*MANAGES, methods=("POST",))
def endpoint_try(request: HttpRequest, workspace: Workspace, endpoint: int) -> HttpResponse:
    """One short question, with a seed of its own so that the model is really asked."""
    found = get_object_or_404(ModelEndpoint, workspace=workspace, pk=endpoint)
    seed = random.randrange(2**31)  # noqa: S311 - a seed, no secret
    plan = TrialPlan(
        messages=[{"role": "user", "content": HELLO}],
        endpoints=(found,),
        sampling=Sampling(max_tokens=min(64, found.most_tokens), seed=seed),
    )
    try:
        trial = start_trial(workspace=workspace, by=request.user, plan=plan)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("training:endpoint", workspace.slug, found.pk)
    return redirect("training:trial", workspace.slug, trial.pk)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def endpoint_retire(request: HttpRequest, workspace: Workspace, endpoint: int) -> HttpResponse:
    found = get_object_or_404(ModelEndpoint, workspace=workspace, pk=endpoint)
    if request.method == "POST":
        retire_endpoint(endpoint=found, by=request.user)
        messages.success(request, _("It is asked no more. What it said is kept."))
        return redirect("training:endpoints", workspace.slug)
    context = {
        "question": _("Retire %(name)s?") % {"name": found.name},
        "sentence": _("It is asked no more and leaves the arena. Its answers and votes stay."),
        "takes": [_("its key")] if found.key else [],
        "submit": _("Retire"),
        "cancel": reverse("training:endpoint", args=[workspace.slug, found.pk]),
    }
    return render(request, "elements/confirm.html", context)


@workspace_page(*MANAGES, methods=("POST",))
def endpoint_restore(request: HttpRequest, workspace: Workspace, endpoint: int) -> HttpResponse:
    found = get_object_or_404(ModelEndpoint, workspace=workspace, pk=endpoint)
    restore_endpoint(endpoint=found, by=request.user)
    messages.success(request, _("It can be asked again. A service needs its key once more."))
    return redirect("training:endpoint", workspace.slug, found.pk)
