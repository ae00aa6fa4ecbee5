"""Withdraw a person's or an item's data: first what goes and who holds it, then the act."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.access import MANAGES
from annotation.actions.withdraw import (
    Withdrawal,
    of_item,
    of_person,
    withdraw_item,
    withdraw_person,
)
from annotation.models import Campaign, Item
from annotation.queries import people_in
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace


@workspace_page(*MANAGES, methods=("GET", "POST"))
def person_withdraw(
    request: HttpRequest, workspace: Workspace, pk: int, person: int
) -> HttpResponse:
    """From a campaign's page of a person, over the whole workspace."""
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    user = get_object_or_404(people_in(campaign), pk=person)
    if request.method == "POST":
        withdraw_person(workspace=workspace, user=user, by=request.user, reason=_reason(request))
        messages.success(request, _("The data of %s is withdrawn.") % user)
        return redirect("annotation:campaign_quality", workspace.slug, pk)
    context = _context(
        of_person(workspace, user),
        _("Withdraw everything that %s said in this workspace?") % user,
        reverse("annotation:standing", args=[workspace.slug, pk, person]),
    )
    return render(request, "annotation/withdraw.html", {**context, "campaign": campaign})


@workspace_page(*MANAGES, methods=("GET", "POST"))
def item_withdraw(request: HttpRequest, workspace: Workspace, pk: int, item: int) -> HttpResponse:
    found = get_object_or_404(
        Item.objects.select_related("campaign__workspace", "prompt"),
        campaign__workspace=workspace,
        campaign_id=pk,
        pk=item,
    )
    if request.method == "POST":
        withdraw_item(item=found, by=request.user, reason=_reason(request))
        messages.success(request, _("The item is withdrawn."))
        return redirect("annotation:campaign", workspace.slug, pk)
    context = _context(
        of_item(found),
        _("Withdraw the item “%s” and what was said about it?")
        % (found.prompt.text[:80] if found.prompt else found.use_case or found.pk),
        reverse("annotation:campaign", args=[workspace.slug, pk]),
    )
    return render(request, "annotation/withdraw.html", {**context, "campaign": found.campaign})


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()


def _context(gone: Withdrawal, question: str, cancel: str) -> dict[str, Any]:
    return {"gone": gone, "question": question, "cancel": cancel}
