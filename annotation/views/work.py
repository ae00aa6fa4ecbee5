"""The annotation page: one item, one form. GET shows what is held; every change is a POST.

Answers are shown by letter. Nothing in the page, its headers or its order tells who wrote them.
"""

import uuid
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.access import WORKS, campaigns_to_work_in
from annotation.actions.assign import assign
from annotation.actions.crowd import go_on
from annotation.actions.keep_written import source_of
from annotation.actions.save_draft import DraftConflict, save_draft
from annotation.actions.show_suggestion import SecondLook
from annotation.actions.skip import skip
from annotation.actions.submit import AssignmentLost, KeyReused, submit
from annotation.actions.undo import undo
from annotation.crowd import code_of, newest_work, way_back
from annotation.domain.answers import Unanswered
from annotation.domain.gold import in_words
from annotation.models import Assignment, Campaign, Draft
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import WRITES_PROMPTS, Purpose, State
from annotation.nearness import nearest_prompt
from annotation.queries import done_today, held_assignment, progress
from annotation.ratings import ratings_in
from annotation.reviews import open_return, returns_waiting
from annotation.standings import checks_of, is_stopped, training_of
from annotation.suggestions import seen_of
from annotation.views.shown_item import guidelines_of, item_context
from annotation.work_form import read_submission, typed_fields
from webapp.rendering import render_markdown
from webapp.workspaces.access import person_of, workspace_page
from webapp.workspaces.models import Workspace

SHOWN = 200  # characters of a near prompt


def _campaign(request: HttpRequest, workspace: Workspace, pk: int) -> Any:
    """The campaign, if this person may see work in it: open or paused, and listed."""
    mine = campaigns_to_work_in(request.user, workspace).filter(pk=OuterRef("pk"))
    campaigns = Campaign.objects.filter(workspace=workspace).annotate(mine=Exists(mine))
    campaign: Any = get_object_or_404(campaigns, pk=pk)
    campaign.workspace = workspace
    if not campaign.mine and held_assignment(request.user, campaign) is None:
        if campaign.state in (State.PAUSED, State.CLOSED):
            return campaign  # the page says so
        raise Http404
    return campaign


@workspace_page(*WORKS)
def work(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    campaign = _campaign(request, workspace, pk)
    held = held_assignment(request.user, campaign)
    if held is None and person_of(request).limited_to and (done := _done(request, campaign)):
        return done
    if held is None:
        return render(request, "annotation/work_start.html", _start(request, campaign))
    return render(request, "annotation/work.html", _item(request, campaign, held))


@workspace_page(*WORKS, methods=("POST",))
def work_next(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """Take an item, or say why there is none."""
    campaign = _campaign(request, workspace, pk)
    if person_of(request).limited_to:
        _hand_out(request, campaign)
    elif campaign.state == State.OPEN and assign(campaign=campaign, annotator=request.user) is None:
        messages.info(request, _("There is nothing more for you here at the moment. Thank you."))
    return redirect("annotation:work", workspace.slug, pk)


@workspace_page(*WORKS, methods=("POST",))
def work_submit(
    request: HttpRequest, workspace: Workspace, pk: int, assignment_pk: int
) -> HttpResponse:
    """Store the answer and hand out the next item; what cannot be taken stays in the form."""
    campaign = _campaign(request, workspace, pk)
    assignment = _own(request, campaign, assignment_pk)
    form = {name: str(request.POST[name]) for name in request.POST}
    try:
        submission = replace(
            read_submission(assignment.asks, assignment.shown_order, form),
            ratings=ratings_in(campaign, assignment, form),
        )
        submit(assignment=assignment, annotator=request.user, submission=submission)
    except Unanswered as missing:
        return _again(request, campaign, assignment, form, [str(missing)])
    except ValidationError as refused:
        return _again(request, campaign, assignment, form, refused.messages)
    except SecondLook:  # what was chosen is kept as a draft, so the page shows both
        return _go(request, reverse("annotation:work", args=[workspace.slug, pk]))
    except (AssignmentLost, KeyReused) as lost:
        messages.warning(request, str(lost))
        _hand_out(request, campaign)
        return _go(request, reverse("annotation:work", args=[workspace.slug, pk]))
    if assignment.purpose == Purpose.TRAINING:
        here = [workspace.slug, pk, assignment_pk]
        return _go(request, reverse("annotation:work_feedback", args=here))
    _hand_out(request, campaign)
    return _go(request, reverse("annotation:work", args=[workspace.slug, pk]))


def _hand_out(request: HttpRequest, campaign: Campaign) -> None:
    """The next item; somebody who came by a crowd link may be done."""
    person = person_of(request)
    if person.limited_to:
        go_on(campaign=campaign, person=person)
    elif campaign.state == State.OPEN:
        assign(campaign=campaign, annotator=person)


def _done(request: HttpRequest, campaign: Campaign) -> HttpResponse | None:
    """The end of an assignment of a crowd platform; None while it goes on."""
    work = newest_work(person_of(request), campaign.pk)
    if work is None or not work.ending:
        return None
    context = {"campaign": campaign, "work": work, "code": code_of(work), "back": way_back(work)}
    return render(request, "annotation/crowd_done.html", context)


def _go(request: HttpRequest, url: str) -> HttpResponse:
    """Onwards; the page's script asks for the address, so that the next page is made once."""
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"next": url})
    return redirect(url)


@workspace_page(*WORKS)
def work_feedback(
    request: HttpRequest, workspace: Workspace, pk: int, assignment_pk: int
) -> HttpResponse:
    """After an answer in the training: what was right, and why. Only of one's own answers."""
    campaign = _campaign(request, workspace, pk)
    assignment = get_object_or_404(
        Assignment.objects.select_related("item__prompt"),
        campaign=campaign,
        pk=assignment_pk,
        annotator=request.user,
        purpose=Purpose.TRAINING,
        state=AssignmentState.SUBMITTED,
        item__expected__isnull=False,
    )
    item: Any = assignment.item
    checks = checks_of(campaign, people=[person_of(request).pk]).get(person_of(request).pk, [])
    context = item_context(campaign, assignment, {})
    context |= {
        "right": next((check.right for check in checks if check.item == item.pk), None),
        "expected": in_words(item.expected, assignment.shown_order),
        "explanation": render_markdown(item.explanation) if item.explanation else None,
        "training": training_of(request.user, campaign),
    }
    return render(request, "annotation/feedback.html", context)


@workspace_page(*WORKS, methods=("POST",))
def work_skip(
    request: HttpRequest, workspace: Workspace, pk: int, assignment_pk: int
) -> HttpResponse:
    campaign = _campaign(request, workspace, pk)
    assignment = _own(request, campaign, assignment_pk)
    try:
        skip(
            assignment=assignment,
            annotator=request.user,
            reason=request.POST.get("reason", ""),
            flagged=bool(request.POST.get("flagged")),
        )
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        _hand_out(request, campaign)
    return redirect("annotation:work", workspace.slug, pk)


@workspace_page(*WORKS, methods=("POST",))
def work_draft(
    request: HttpRequest, workspace: Workspace, pk: int, assignment_pk: int
) -> HttpResponse:
    """Save what is typed. 409 with the newer text when another window was faster."""
    campaign = _campaign(request, workspace, pk)
    assignment = _own(request, campaign, assignment_pk)
    form = {name: str(request.POST[name]) for name in request.POST}
    seen = form.get("draft_version", "0")
    try:
        version = save_draft(
            item=assignment.item,
            annotator=request.user,
            content=typed_fields(form),
            seen=int(seen) if seen.isdecimal() else 0,
        )
    except DraftConflict as conflict:
        answer = {
            "detail": str(conflict),
            "version": conflict.kept.version,
            "content": conflict.kept.content,
        }
        return JsonResponse(answer, status=409)
    return JsonResponse({"version": version})


@workspace_page(*WORKS, methods=("POST",))
def work_nearness(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    """How near a text of one's own comes to the prompts there are. Only the campaign's own texts
    are shown: what else is in the workspace may be kept from the people who work in it."""
    campaign = _campaign(request, workspace, pk)
    found = nearest_prompt(workspace.pk, request.POST.get("text", "").replace("\0", ""))
    if found is None:
        return JsonResponse({"score": None, "sentence": "", "text": ""})
    share = round(100 * found.score)
    sentence = (
        _("%(share)s %% like the nearest prompt there is: almost the same. Write another one.")
        if found.almost_the_same
        else _("%(share)s %% like the nearest prompt there is.")
    )
    text = found.text[:SHOWN] if found.source == source_of(campaign) else ""
    answer = {"score": round(found.score, 2), "sentence": sentence % {"share": share}}
    return JsonResponse({**answer, "text": text})


@workspace_page(*WORKS, methods=("POST",))
def work_undo(request: HttpRequest, workspace: Workspace, pk: int) -> HttpResponse:
    campaign = _campaign(request, workspace, pk)
    if person_of(request).limited_to and _done(request, campaign):
        return redirect("annotation:work", workspace.slug, pk)  # what is paid for stays as it is
    try:
        undo(campaign=campaign, annotator=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return redirect("annotation:work", workspace.slug, pk)


def _own(request: HttpRequest, campaign: Campaign, pk: int) -> Assignment:
    """An assignment of this campaign that this person holds or once held.

    One that has been given on since is still addressed by its number, so that a late answer can be
    kept as a draft; it is refused by the attempt, not by a 404.
    """
    assignments = Assignment.objects.select_related("item__prompt")
    assignment = get_object_or_404(assignments, campaign=campaign, pk=pk)
    assignment.campaign = campaign
    return assignment


def _start(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    today = done_today(request.user, campaign)
    return {
        "campaign": campaign,
        "progress": progress(campaign),
        "today": today,
        "guidelines_text": guidelines_of(campaign),
        "training": training_of(request.user, campaign),
        "rests": campaign.daily is not None and today >= campaign.daily,
        "stopped": is_stopped(request.user, campaign),
        "returned": returns_waiting(request.user, campaign),
    }


def _item(
    request: HttpRequest,
    campaign: Campaign,
    assignment: Assignment,
    form: dict[str, str] | None = None,
    errors: list[str] | None = None,
) -> dict[str, Any]:
    person: Any = request.user
    draft = Draft.objects.filter(item_id=assignment.item_id, annotator=person).first()
    kept: dict[str, Any] = form if form is not None else (draft.content if draft else {})
    suggestion = seen_of(campaign, person, assignment)
    base = [campaign.workspace.slug, campaign.pk, assignment.pk]
    return {
        **item_context(campaign, assignment, kept),
        "suggestion": suggestion,
        "suggestion_text": render_markdown(suggestion.words)
        if suggestion and suggestion.is_text
        else None,
        "returned": open_return(assignment) if assignment.submitted_at else None,
        "draft_version": draft.version if draft else 0,
        "restored": form is None and bool(kept),
        "errors": errors or [],
        "key": (form or {}).get("key") or uuid.uuid4(),
        "today": done_today(request.user, campaign),
        "submit_url": reverse("annotation:work_submit", args=base),
        "skip_url": reverse("annotation:work_skip", args=base),
        "draft_url": reverse("annotation:work_draft", args=base),
        "nearness_url": reverse("annotation:work_nearness", args=base[:2])
        if campaign.kind in WRITES_PROMPTS
        else "",
    }


def _again(
    request: HttpRequest,
    campaign: Campaign,
    assignment: Assignment,
    form: dict[str, str],
    errors: list[str],
) -> HttpResponse:
    """The same form with what was typed and a sentence; only its holder sees the item."""
    if held_assignment(request.user, campaign) != assignment:
        messages.error(request, " ".join(errors))
        return redirect("annotation:work", campaign.workspace.slug, campaign.pk)
    context = _item(request, campaign, assignment, form, errors)
    return render(request, "annotation/work.html", context, status=422)
