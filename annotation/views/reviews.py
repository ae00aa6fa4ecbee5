"""The review of a campaign: what waits, one item with what everybody said, and what came of it."""

import uuid
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.access import MANAGES, WORKS
from annotation.actions.review import accept, adjudicate, fetch_back, send_back, take_back
from annotation.domain.answers import Unanswered
from annotation.models import Assignment, Campaign, Decision, Item, SentBack
from annotation.models.campaigns import Purpose
from annotation.ratings import ratings_in
from annotation.reviews import (
    Said,
    away,
    counts_of,
    decided_as,
    decisions_of,
    has_answered,
    may_review,
    order_for,
    said_of,
    waiting,
)
from annotation.typed_again import typed_of
from annotation.views.shown_item import item_context
from annotation.work_form import read_submission, typed_fields
from webapp.rendering import render_markdown
from webapp.workspaces.access import refuse, role_of, workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 50
PARTS = ("waiting", "away", "decided")


def campaign_to_review(request: HttpRequest, workspace: Workspace, pk: int) -> Campaign:
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    campaign.workspace = workspace
    if not may_review(request.user, campaign, role_of(workspace) in MANAGES):
        refuse(request, _("Managers review, and the people whom the campaign names."), workspace)
    return campaign


@workspace_page(*WORKS)
def review_list(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """?part=waiting (the default), away or decided."""
    campaign = campaign_to_review(request, workspace, pk)
    part = request.GET.get("part", PARTS[0])
    part = part if part in PARTS else PARTS[0]
    rows: QuerySet[Any] = {
        "waiting": lambda: waiting(campaign, request.user),
        "away": lambda: away(campaign),
        "decided": lambda: decisions_of(campaign),
    }[part]()
    context = {
        "campaign": campaign,
        "part": part,
        "counts": counts_of(campaign, request.user),
        "page": Paginator(rows, A_PAGE).get_page(request.GET.get("page")),
        "manages": role_of(workspace) in MANAGES,
    }
    return render(request, "annotation/reviews.html", context)


@workspace_page(*WORKS, methods=("GET", "POST"))
def review_item(request: HttpRequest, workspace: Workspace, pk: int, item: int) -> HttpResponse:
    """One item. POST `act`: accept, adjudicate, send_back, take_back or fetch_back."""
    campaign = campaign_to_review(request, workspace, pk)
    items = Item.objects.select_related("prompt").filter(purpose=Purpose.WORK)
    found = get_object_or_404(items, campaign=campaign, pk=item)
    found.campaign = campaign
    errors: list[str] = []
    if request.method == "POST":
        try:
            _act(request, found)
        except Unanswered as missing:
            errors = [str(missing)]
        except ValidationError as refused:
            errors = refused.messages
        else:
            return redirect(_onwards(request, campaign, found))
    context = _shown(request, found, errors)
    return render(request, "annotation/review.html", context, status=422 if errors else 200)


def _act(request: HttpRequest, item: Item) -> None:
    """
    Raises:
        ValidationError, Unanswered: with the sentence to show.
    """
    comment = request.POST.get("review_comment", "").strip()
    act = request.POST.get("act", "")
    if act == "accept":
        accept(item=item, by=request.user, comment=comment)
        messages.success(request, _("Accepted."))
    elif act == "adjudicate":
        _adjudicate(request, item, comment)
        messages.success(request, _("Decided. Your judgement counts instead of theirs."))
    elif act == "send_back":
        slot = _number(request.POST.get("assignment", ""))
        assignment = get_object_or_404(Assignment, item=item, pk=slot)
        assignment.item = item
        send_back(assignment=assignment, by=request.user, comment=comment)
        messages.success(request, _("Sent back. Its author is asked for it first."))
    elif act == "take_back":
        decision = get_object_or_404(Decision, item=item, taken_back_at__isnull=True)
        decision.item = item
        take_back(decision=decision, by=request.user)
        messages.success(request, _("Taken back. The item waits for a review again."))
    elif act == "fetch_back":
        sent = get_object_or_404(
            SentBack, assignment__item=item, pk=_number(request.POST.get("sent", ""))
        )
        fetch_back(sent=sent, by=request.user)
        messages.success(request, _("Taken back. Its author is not asked any more."))
    else:
        raise ValidationError(_("Choose to accept, to decide or to send back."))


def _adjudicate(request: HttpRequest, item: Item, comment: str) -> None:
    held = _as_asked(item, request.user)
    form = {name: str(request.POST[name]) for name in request.POST}
    submission = replace(
        read_submission(held.asks, held.shown_order, {**form, "attempt": "0"}),
        ratings=ratings_in(item.campaign, held, form),
    )
    adjudicate(
        item=item, by=request.user, shown=held.shown_order, submission=submission, comment=comment
    )


def _number(given: str) -> int:
    return int(given[:18]) if given.isdecimal() else 0


def _as_asked(item: Item, user: Any) -> Assignment:
    """An assignment that is not in the database yet: the answers in the reviewer's order."""
    shown = order_for(item, user)
    return Assignment(campaign=item.campaign, item=item, shown_order=shown)


def _onwards(request: HttpRequest, campaign: Campaign, item: Item) -> str:
    """To what waits next; after taking something back, to the item itself."""
    here = [campaign.workspace.slug, campaign.pk]
    if request.POST.get("act") in ("take_back", "fetch_back"):
        return reverse("annotation:review_item", args=[*here, item.pk])
    queue = waiting(campaign, request.user)
    following = queue.filter(pk__gt=item.pk).first() or queue.first()
    if following is not None:
        return reverse("annotation:review_item", args=[*here, following.pk])
    messages.info(request, _("Nothing more waits for a review here."))
    return reverse("annotation:reviews", args=here)


def _shown(request: HttpRequest, item: Item, errors: list[str]) -> dict[str, Any]:
    held = _as_asked(item, request.user)
    decision = (
        Decision.objects.filter(item=item, taken_back_at__isnull=True).select_related("by").first()
    )
    if decision is not None:
        decision.item = item
    own = has_answered(request.user, item)
    said = said_of(item, held.shown_order) if not own else []
    kept = typed_fields({name: str(request.POST[name]) for name in request.POST})
    start = _number(request.GET.get("from", ""))
    if not kept and any(one.assignment == start for one in said) and not held.shown_order:
        kept = typed_of(Assignment.objects.select_related("item", "campaign").get(pk=start))
        kept.pop("comment", None)
    decided = decided_as(decision, held.shown_order) if decision is not None else None
    queue = waiting(item.campaign, request.user).filter(pk__gt=item.pk)
    return {
        **item_context(item.campaign, held, kept),
        "item": item,
        "said": [rendered(one) for one in said],
        "decision": decision,
        "decided": rendered(decided) if decided else None,
        "own": own,
        "undecided": decision is None and not own,
        "errors": errors,
        "key": request.POST.get("key") or uuid.uuid4(),
        "comment": request.POST.get("review_comment", ""),
        "following": queue.values_list("pk", flat=True).first(),
        "begun": bool(kept),
    }


def rendered(said: Said) -> dict[str, Any]:
    return {
        "said": said,
        "texts": [(what, render_markdown(text)) for what, text in said.texts],
        "open": next((back for back in said.earlier if back.ended_at is None), None),
        "ended": [back for back in said.earlier if back.ended_at is not None],
    }
