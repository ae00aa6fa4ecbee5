"""Campaigns as their managers and the people who work in them see them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from annotation.access import (
    MANAGES,
    READS,
    WORKS,
    campaigns_to_review,
    campaigns_to_work_in,
)
from annotation.actions.change_campaign import MAY_BECOME, change_guidelines, change_state
from annotation.actions.change_settings import change_settings
from annotation.actions.open_campaign import prepare_campaign
from annotation.campaign_form import CampaignForm, SettingsForm
from annotation.campaign_settings import settings_of
from annotation.conversation_pages import counts_of
from annotation.forms import GuidelinesForm
from annotation.models import Campaign
from annotation.models.campaigns import Kind, State
from annotation.prompt_filter import PromptFilter
from annotation.queries import (
    campaigns_with_progress,
    own_progress,
    people_of,
    progress,
    skips_of,
)
from annotation.reviews import came_back
from webapp.rendering import render_markdown
from webapp.workspaces.access import role_of, workspace_page
from webapp.workspaces.models import Workspace

OPENING: dict[str, Any] = {
    State.CLOSED: _lazy("Open again"),
    State.DRAFT: _lazy("Open the campaign"),
}
CREATED: dict[str, Any] = {
    State.OPEN: _lazy("The campaign is open."),
    State.DRAFT: _lazy("The campaign is prepared. Look at it, choose checks, then open it."),
    State.LAYING_OUT: _lazy("The campaign is large: a job lays it out now."),
}


@workspace_page()
def campaign_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Managers and viewers see every campaign; annotators what they may work in."""
    reads = role_of(workspace) in READS
    works = role_of(workspace) in WORKS
    campaigns = campaigns_with_progress(Campaign.objects.filter(workspace=workspace))
    to_review = set(
        campaigns_to_review(request.user, workspace, reads).values_list("pk", flat=True)
        if works
        else []
    )
    if not reads:
        mine = campaigns_to_work_in(request.user, workspace).values("pk")
        campaigns = campaigns.filter(Q(pk__in=mine) | Q(pk__in=to_review))
    context = {
        "campaigns": campaigns,
        "reads": reads,
        "manages": role_of(workspace) in MANAGES,
        "to_work_in": set(
            campaigns_to_work_in(request.user, workspace).values_list("pk", flat=True)
        )
        if works
        else set(),
        "to_review": to_review,
    }
    return render(request, "annotation/campaigns.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def campaign_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """`?` takes the parameters of the prompt browser: a campaign over exactly what it showed."""
    try:
        chosen = PromptFilter.from_params(request.GET)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("annotation:campaign_new", workspace.slug)
    form = CampaignForm(request.POST or None, workspace=workspace, filter=chosen)
    if request.method == "POST" and form.is_valid():
        try:
            campaign = prepare_campaign(
                workspace=workspace,
                by=request.user,
                plan=form.plan(),
                wanted=form.wanted(),
                most=form.cleaned_data["most"],
                opens=request.POST.get("then") != "prepare",
            )
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, CREATED[campaign.state])
            return redirect("annotation:campaign", workspace.slug, campaign.pk)
    context = {"form": form, "chosen": chosen.in_words() if chosen else ""}
    return render(
        request, "annotation/campaign_form.html", context, status=422 if form.errors else 200
    )


@workspace_page(*READS)
def campaign_overview(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    template = "_progress" if request.headers.get("HX-Request") else "campaign"
    return render(request, f"annotation/{template}.html", _overview(request, campaign))


def _overview(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    newest = campaign.guidelines.first()
    workspace = request.workspace  # type: ignore[attr-defined]
    return {
        "campaign": campaign,
        "progress": progress(campaign),
        "people": people_of(campaign),
        "skips": skips_of(campaign)[:50],
        "settings": settings_of(campaign),
        "counts": counts_of(campaign) if campaign.kind == Kind.CONVERSATION else [],
        "guidelines": newest,
        "guidelines_text": render_markdown(newest.text) if newest and newest.text else None,
        "manages": role_of(workspace) in MANAGES,
        "reads_boards": role_of(workspace) in READS,
        "works": campaigns_to_work_in(request.user, workspace).filter(pk=campaign.pk).exists(),
        "steps": [
            (state, label)
            for state, label in (
                (State.OPEN, OPENING.get(campaign.state, _("Resume"))),
                (State.PAUSED, _("Pause")),
                (State.CLOSED, _("Close")),
            )
            if state in MAY_BECOME[campaign.state]
        ],
    }


@workspace_page(*MANAGES, methods=("POST",))
def campaign_state(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    wanted = request.POST.get("state", "")
    if wanted not in State.values:
        messages.error(request, _("Choose open, paused or closed."))
    else:
        try:
            changed = change_state(campaign=campaign, by=request.user, state=wanted)
            messages.success(
                request, _("The campaign is %s.") % changed.get_state_display().lower()
            )
        except ValidationError as refused:
            messages.error(request, " ".join(refused.messages))
    return redirect("annotation:campaign", workspace.slug, pk)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def campaign_settings(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    campaign.workspace = workspace
    form = SettingsForm(request.POST or None, campaign=campaign)
    if request.method == "POST" and form.is_valid():
        change_settings(campaign=campaign, by=request.user, wanted=form.settings())
        messages.success(request, _("The settings are in force."))
        return redirect("annotation:campaign", workspace.slug, pk)
    context = {"campaign": campaign, "form": form}
    return render(request, "annotation/settings.html", context, status=422 if form.errors else 200)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def campaign_guidelines(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    newest = campaign.guidelines.first()
    form = GuidelinesForm(request.POST or None, initial={"text": newest.text if newest else ""})
    if request.method == "POST" and form.is_valid():
        saved = change_guidelines(
            campaign=campaign, by=request.user, text=form.cleaned_data["text"]
        )
        messages.success(request, _("Guidelines version %d is in use.") % saved.version)
        return redirect("annotation:campaign", workspace.slug, pk)
    context = {"campaign": campaign, "form": form, "versions": campaign.guidelines.all()}
    return render(
        request, "annotation/guidelines.html", context, status=422 if form.errors else 200
    )


@workspace_page(*WORKS)
def own_work(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """What I have done in this workspace: counts per day and campaign, and the last answers."""
    context = own_progress(request.user, workspace)
    context["came_back"] = came_back(request.user, workspace)
    return render(request, "annotation/own_work.html", context)
