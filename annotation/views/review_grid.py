"""Several waiting items on one page, to accept together what needs no second thought."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.access import WORKS
from annotation.actions.accept_many import MOST_AT_ONCE, accept_many
from annotation.domain.answers import LETTERS
from annotation.models import Campaign, Completion, Item
from annotation.models.campaigns import Purpose
from annotation.reviews import order_for, said_of, waiting
from annotation.views.reviews import campaign_to_review, rendered
from webapp.rendering import render_markdown
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

AT_ONCE = 12  # cards of a page


@workspace_page(*WORKS, methods=("GET", "POST"))
def review_grid(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """GET: the next items. POST `item`, repeated: accept these, each by itself."""
    campaign = campaign_to_review(request, workspace, pk)
    if request.method == "POST":
        _accept(request, campaign)
        return redirect("annotation:review_grid", workspace.slug, pk)
    queue = waiting(campaign, request.user)
    items = list(queue[:AT_ONCE])
    context = {
        "campaign": campaign,
        "waiting": queue.order_by().count(),
        "cards": [_card(campaign, item, request.user) for item in items],
    }
    return render(request, "annotation/review_grid.html", context)


def _accept(request: HttpRequest, campaign: Campaign) -> None:
    chosen = [int(one[:18]) for one in request.POST.getlist("item") if one.isdecimal()]
    items = list(
        Item.objects.filter(
            campaign=campaign, purpose=Purpose.WORK, pk__in=chosen[:MOST_AT_ONCE]
        ).order_by("pk")
    )
    if not items:
        messages.error(request, _("Nothing is ticked. Tick the items that may stand as they are."))
        return
    for item in items:
        item.campaign = campaign
    accepted, refused = accept_many(items=items, by=request.user)
    if accepted:
        n = len(accepted)
        messages.success(request, ngettext("%d item accepted.", "%d items accepted.", n) % n)
    for item, why in refused:
        messages.error(request, _("Item %(number)d: %(why)s") % {"number": item.pk, "why": why})


def _card(campaign: Campaign, item: Item, user: Any) -> dict[str, Any]:
    item.campaign = campaign
    order = order_for(item, user)
    texts = Completion.objects.in_bulk(order)
    asked = item.prompt.messages if item.prompt else []
    return {
        "item": item,
        "turns": [render_markdown(str(turn["content"])) for turn in asked],
        "answers": [
            (letter, render_markdown(texts[one].text))
            for letter, one in zip(LETTERS, order, strict=False)
        ],
        "said": [rendered(one) for one in said_of(item, order)],
    }
