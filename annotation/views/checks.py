"""Check questions of a campaign, and the campaign as an annotator will see it."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.access import MANAGES, READS
from annotation.actions.promote_agreed import promote_agreed
from annotation.actions.set_check import remove_check, set_check
from annotation.agreed_items import agreed_items
from annotation.check_questions import candidates, questions
from annotation.domain.answers import Unanswered
from annotation.forms import CheckForm, PromotionForm
from annotation.models import Assignment, Campaign, Item
from annotation.views.shown_item import item_context
from annotation.work_form import read_submission, typed_fields, typed_from
from webapp.workspaces.access import role_of, workspace_page
from webapp.workspaces.models import Workspace


@workspace_page(*READS)
def preview(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """The first item (or ?after=id: the next one) as the work page shows it; nothing is stored."""
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    campaign.workspace = workspace
    after = request.GET.get("after", "")
    items = campaign.items.select_related("prompt").order_by("pk")
    item = items.filter(pk__gt=int(after[:18]) if after.isdecimal() else 0).first()
    if item is None:
        messages.info(request, _("There are no more items to look at."))
        return redirect("annotation:campaign", workspace.slug, pk)
    context = item_context(campaign, _as_asked(item), {})
    return render(request, "annotation/preview.html", {**context, "item": item})


@workspace_page(*READS)
def check_list(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    search = request.GET.get("q", "").strip()
    promotion = PromotionForm(request.GET if "people" in request.GET else None)
    asked = promotion.asked() if promotion.is_valid() else PromotionForm.usual()
    agreed = agreed_items(campaign, **asked)
    context = {
        "campaign": campaign,
        "questions": questions(campaign),
        "candidates": candidates(campaign, search),
        "promotion": promotion,
        "agreed": agreed,
        "search": search,
        "manages": role_of(workspace) in MANAGES,
    }
    return render(request, "annotation/checks.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def check_edit(request: HttpRequest, workspace: Workspace, pk: int, item: int) -> HttpResponse:
    """Answer the item oneself: that is the right answer."""
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    campaign.workspace = workspace
    asked = get_object_or_404(Item.objects.select_related("prompt"), campaign=campaign, pk=item)
    asked.campaign = campaign
    held = _as_asked(asked)
    initial = {"purpose": asked.purpose, "explanation": asked.explanation}
    form = CheckForm(request.POST or None, initial=initial if asked.expected else None)
    kept = typed_from(asked.expected, held.shown_order) if asked.expected else {}
    errors: list[str] = []
    if request.method == "POST":
        given = {name: str(request.POST[name]) for name in request.POST}
        kept = typed_fields(given)
        try:
            answer = read_submission(
                held.asks,
                held.shown_order,
                {**given, "key": str(uuid.uuid4()), "attempt": "0"},
            ).answer
            if form.is_valid():
                set_check(
                    item=asked,
                    by=request.user,
                    answer=answer,
                    shown=held.shown_order,
                    **form.cleaned_data,
                )
                messages.success(request, _("The check is in use."))
                return redirect("annotation:checks", workspace.slug, pk)
        except Unanswered as missing:
            errors = [str(missing)]
        except ValidationError as refused:
            errors = refused.messages
    context: dict[str, Any] = item_context(campaign, held, kept)
    context |= {"item": asked, "form": form, "errors": errors}
    status = 422 if errors or form.errors else 200
    return render(request, "annotation/check.html", context, status=status)


@workspace_page(*MANAGES, methods=("POST",))
def check_promote(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """Make what people agree about hidden checks."""
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    campaign.workspace = workspace
    form = PromotionForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give the number of people and the agreement in per cent."))
        return redirect("annotation:checks", workspace.slug, pk)
    asked = form.asked()
    try:
        made = promote_agreed(campaign=campaign, by=request.user, **asked)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        messages.success(
            request,
            ngettext("%d item is a hidden check now.", "%d items are hidden checks now.", made)
            % made,
        )
    return redirect("annotation:checks", workspace.slug, pk)


@workspace_page(*MANAGES, methods=("POST",))
def check_remove(request: HttpRequest, workspace: Workspace, pk: int, item: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign, workspace=workspace, pk=pk)
    asked = get_object_or_404(campaign.items, pk=item)
    remove_check(item=asked, by=request.user)
    messages.success(request, _("It is a real question again."))
    return redirect("annotation:checks", workspace.slug, pk)


def _as_asked(item: Item) -> Assignment:
    """An assignment that is not in the database: the answers in the order of their numbers."""
    shown = list(item.shown.order_by("completion_id").values_list("completion_id", flat=True))
    return Assignment(campaign=item.campaign, item=item, shown_order=shown)
