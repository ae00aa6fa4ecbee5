"""Suggestions of a campaign: what there is, where it comes from, and bringing more."""

import json
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from annotation.access import MANAGES, READS
from annotation.actions.suggest import (
    lines_of,
    remove_suggestions,
    suggest,
    suggest_from_verdicts,
)
from annotation.domain.suggestions import SUGGESTED
from annotation.forms import SuggestionsForm
from annotation.models import Campaign, Suggestion
from annotation.models.suggestions import Origin
from annotation.suggesters import suggesters_for
from annotation.suggestions import askable, items_of
from webapp.workspaces.access import role_of, workspace_page
from webapp.workspaces.models import Workspace


def _campaign(workspace: Workspace, pk: int) -> Any:
    campaign: Any = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    campaign.workspace = workspace
    if campaign.kind not in SUGGESTED:
        raise Http404
    return campaign


@workspace_page(*READS, methods=("GET", "POST"))
def suggestion_list(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """GET: the sets. POST: a file of predictions, or somebody's verdicts that are there already."""
    campaign = _campaign(workspace, pk)
    manages = role_of(workspace) in MANAGES
    form = SuggestionsForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        if not manages:
            return HttpResponse(status=403)
        if form.is_valid() and _brought(request, campaign, form):
            return redirect("annotation:suggestions", workspace.slug, pk)
        status = 422
    sets = campaign.suggestion_sets.select_related("created_by")
    context = {
        "campaign": campaign,
        "form": form,
        "sets": sets.annotate(items=Count("suggestions")).order_by("-pk"),
        "items": askable(campaign).count(),
        "covered": Suggestion.objects.filter(item__campaign=campaign).count(),
        "suggesters": suggesters_for(campaign) if manages else [],
        "manages": manages,
    }
    return render(request, "annotation/suggestions.html", context, status=status)


def _brought(request: HttpRequest, campaign: Campaign, form: SuggestionsForm) -> bool:
    cleaned = form.cleaned_data
    try:
        if cleaned["suggester"]:
            made = suggest_from_verdicts(
                campaign=campaign, by=request.user, key=cleaned["suggester"]
            )
        else:
            made = suggest(
                campaign=campaign,
                by=request.user,
                origin=Origin.FILE,
                name=cleaned["name"] or cleaned["file"].name,
                rows=lines_of(cleaned["file"].read()),
            )
    except ValidationError as refused:
        form.add_error("suggester" if cleaned["suggester"] else "file", refused.messages)
        return False
    n = made.suggestions.count()
    messages.success(request, _("%d items have a suggestion of it now.") % n)
    return True


@workspace_page(*MANAGES, methods=("POST",))
def suggestion_remove(
    request: HttpRequest, workspace: Workspace, pk: int, suggestions: int
) -> HttpResponse:
    campaign = _campaign(workspace, pk)
    found = get_object_or_404(campaign.suggestion_sets, pk=suggestions)
    remove_suggestions(made=found, by=request.user)
    messages.success(request, _("Removed. What people were shown stays on record."))
    return redirect("annotation:suggestions", workspace.slug, pk)


@workspace_page(*READS)
def suggestion_items(request: HttpRequest, workspace: Workspace, pk: int) -> StreamingHttpResponse:
    """The items as JSON Lines: what a program needs to make predictions."""
    campaign = _campaign(workspace, pk)

    def lines() -> Iterator[str]:
        for row in items_of(campaign):
            yield json.dumps(row, ensure_ascii=False) + "\n"

    answer = StreamingHttpResponse(lines(), content_type="application/jsonl; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="items-{campaign.pk}.jsonl"'
    return answer
