"""Buttons on the pages of a sampling and of a trial: have it scored, have people check it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from training.access import MANAGES
from training.models import Batch, Scoring, Trial
from training.scoring.actions.let_people_check import let_people_check
from training.scoring.actions.start_scoring import start_scoring
from training.scoring.actions.tag_by_score import tag_by_score
from training.scoring.forms import CheckForm, ScoreForm, TagForm
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace


@workspace_page(*MANAGES, methods=("POST",))
def sampling_score(request: HttpRequest, workspace: Workspace, batch: int) -> HttpResponse:
    found = get_object_or_404(Batch, workspace=workspace, pk=batch)
    _score(request, workspace, batch=found)
    return redirect("training:sampling", workspace.slug, batch)


@workspace_page(*MANAGES, methods=("POST",))
def trial_score(request: HttpRequest, workspace: Workspace, trial: int) -> HttpResponse:
    found = get_object_or_404(Trial, workspace=workspace, pk=trial)
    _score(request, workspace, trial=found)
    return redirect("training:trial", workspace.slug, trial)


@workspace_page(*MANAGES, methods=("POST",))
def scoring_check(request: HttpRequest, workspace: Workspace, scoring: int) -> HttpResponse:
    """To the campaign in which people look at what the reward model would choose."""
    found = get_object_or_404(
        Scoring.objects.select_related("batch", "reward"),
        workspace=workspace,
        pk=scoring,
        batch__isnull=False,
    )
    form = CheckForm(found, request.POST)
    try:
        _require(form)
        campaign = let_people_check(scoring=found, by=request.user, **form.cleaned_data)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("training:sampling", workspace.slug, found.batch_id)
    messages.success(request, _("The campaign is open. Its votes are counted on this page."))
    return redirect("annotation:campaign", workspace.slug, campaign.pk)


@workspace_page(*MANAGES, methods=("POST",))
def scoring_tag(request: HttpRequest, workspace: Workspace, scoring: int) -> HttpResponse:
    """To the prompts that were tagged by their scores, in the prompt browser."""
    found = get_object_or_404(Scoring, workspace=workspace, pk=scoring, batch__isnull=False)
    form = TagForm(found, request.POST)
    try:
        _require(form)
        edit = tag_by_score(scoring=found, by=request.user, **form.cleaned_data)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("training:sampling", workspace.slug, found.batch_id)
    messages.success(request, _("Tagged “%s”.") % edit.value)
    address = reverse("annotation:prompts", args=[workspace.slug])
    return redirect(f"{address}?{urlencode({'tag': edit.value})}")


def _score(request: HttpRequest, workspace: Workspace, **of: Any) -> None:
    form = ScoreForm(workspace, request.POST)
    try:
        _require(form)
        start_scoring(reward=form.cleaned_data["reward"], by=request.user, **of)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        messages.success(request, _("The job is queued. Scores appear here as they come."))


def _require(form: Any) -> None:
    """Raises ValidationError with what is wrong in a form that has no page of its own."""
    if not form.is_valid():
        raise ValidationError([str(e) for errors in form.errors.values() for e in errors])
