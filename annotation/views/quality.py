"""How good the votes of a campaign are, and what a manager can do about it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.access import MANAGES, READS, WORKS
from annotation.actions.set_standing import WORKS as WORKS_ON
from annotation.actions.set_standing import set_standing
from annotation.anchoring_report import suggestion_report
from annotation.best_worst import best_worst_of
from annotation.forms import ThresholdsForm
from annotation.models import Campaign
from annotation.models.campaigns import Kind
from annotation.models.standings import StandingState
from annotation.quality import campaign_quality, counted_share
from annotation.quality_effect import below, effect_of
from annotation.queries import people_in
from annotation.rating_report import rating_report
from webapp.workspaces.access import person_of, role_of, workspace_page
from webapp.workspaces.models import Workspace

STEPS = (StandingState.PAUSED, StandingState.EXCLUDED)


@workspace_page(*READS)
def campaign_quality_page(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    context = {
        "counted": counted_share(campaign),
        "campaign": campaign,
        "quality": campaign_quality(campaign),
        "suggestions": suggestion_report(campaign),
        "best_worst": best_worst_of(campaign) if campaign.kind == Kind.BEST_WORST else [],
        "ratings": rating_report(campaign),
        "manages": role_of(workspace) in MANAGES,
    }
    return render(request, "annotation/quality.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def thresholds(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """GET: who falls below what is in the address, and the figures without them. POST: do it."""
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    if request.method == "POST":
        return _stop(request, campaign)
    form = ThresholdsForm(request.GET or None)
    found = below(campaign, form.thresholds()) if request.GET and form.is_valid() else []
    context = {
        "campaign": campaign,
        "form": form,
        "asked": bool(request.GET) and not form.errors,
        "found": found,
        "counted": counted_share(campaign),
        "effect": effect_of(campaign, {one.person.pk for one, _reasons in found}),
    }
    return render(
        request, "annotation/thresholds.html", context, status=422 if form.errors else 200
    )


def _stop(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    state = request.POST.get("state", "")
    chosen = {int(one[:18]) for one in request.POST.getlist("person") if one.isdecimal()}
    here = reverse("annotation:thresholds", args=[campaign.workspace.slug, campaign.pk])
    if state not in STEPS or not chosen:
        messages.error(request, _("Choose at least one person, and what to do."))
        return redirect(f"{here}?{request.GET.urlencode()}")
    people = people_in(campaign).filter(pk__in=chosen)
    for person in people:
        set_standing(
            campaign=campaign,
            user=person,
            state=state,
            reason=request.POST.get(f"reason-{person.pk}", ""),
            by=request.user,
        )
    messages.success(request, _("Done. It can be taken back below, person by person."))
    return redirect("annotation:campaign_quality", campaign.workspace.slug, campaign.pk)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def standing(request: HttpRequest, workspace: Workspace, pk: int, person: int) -> HttpResponse:
    """One person: the effect of leaving the votes out, and the four things that can be done."""
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    user = get_object_or_404(people_in(campaign), pk=person)
    if request.method == "POST":
        try:
            set_standing(
                campaign=campaign,
                user=user,
                state=request.POST.get("state", ""),
                reason=request.POST.get("reason", "").strip(),
                by=request.user,
            )
        except ValidationError as refused:
            messages.error(request, " ".join(refused.messages))
        else:
            messages.success(request, _("Changed. Every figure follows at once."))
        return redirect("annotation:campaign_quality", workspace.slug, pk)
    found: Any = campaign.standings.filter(user=user).select_related("by").first()
    context = {
        "campaign": campaign,
        "person": user,
        "standing": found,
        "now": found.state if found else WORKS_ON,
        "counted": counted_share(campaign),
        "effect": effect_of(campaign, {user.pk}),
    }
    return render(request, "annotation/standing.html", context)


@workspace_page(*WORKS)
def own_statistics(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """One's own figures in a campaign, beside what they mean. Nobody else's are shown."""
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    me = person_of(request)
    mine = next((one for one in campaign_quality(campaign).people if one.person == me), None)
    context = {"campaign": campaign, "one": mine, "counted": counted_share(campaign)}
    return render(request, "annotation/own_statistics.html", context)
