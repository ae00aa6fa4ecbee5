"""Pages of boards: the list, one board with its parts, how it is made and changed."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from annotation.access import MANAGES, READS
from annotation.boards import page
from annotation.boards.actions.board import change_board, create_board, delete_board
from annotation.boards.actions.draw_pairs import open_paired_campaign
from annotation.boards.actions.refresh_board import ask_for_refresh, refreshing
from annotation.boards.actions.stop_campaigns import (
    choose_stops,
    may_stop,
    stop_where_decided,
    verdict,
)
from annotation.boards.forms import BoardForm, StopsForm, initial_of
from annotation.boards.judge_files import judge_files
from annotation.boards.kept_content import kept_body
from annotation.boards.pair_form import PairsForm
from annotation.boards.parts import board_context, frame, planner_context, snapshots_context
from annotation.boards.queries import Shown, board_of, boards_in, estimand, shown
from annotation.models import Board
from webapp.workspaces.access import role_of, workspace_page
from webapp.workspaces.models import Workspace


@workspace_page(*READS)
def board_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    context = {
        "boards": boards_in(workspace).defer("report__content"),
        "manages": role_of(workspace) in MANAGES,
    }
    return render(request, "boards/list.html", context)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def board_new(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    form = BoardForm(request.POST or None, workspace=workspace)
    if request.method == "POST" and form.is_valid():
        try:
            board = create_board(workspace=workspace, by=request.user, plan=form.plan)
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("The board is there."))
            return redirect("annotation:board", workspace.slug, board.pk)
    return render(request, "boards/form.html", {"form": form}, status=422 if form.errors else 200)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def board_change(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    found = board_of(workspace, board)
    form = BoardForm(request.POST or None, workspace=workspace, initial=initial_of(found))
    if request.method == "POST" and form.is_valid():
        try:
            change_board(board=found, by=request.user, plan=form.plan)
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("The board is changed. Snapshots keep what it was."))
            return redirect("annotation:board", workspace.slug, found.pk)
    context = {"form": form, "board": found}
    return render(request, "boards/form.html", context, status=422 if form.errors else 200)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def board_delete(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    found = board_of(workspace, board)
    if request.method == "POST":
        delete_board(board=found, by=request.user)
        messages.success(request, _("The board is deleted. Its votes are all still there."))
        return redirect("annotation:boards", workspace.slug)
    number = found.snapshots.count()
    context = {
        "question": _("Delete the board “%s”?") % found.name,
        "sentence": _("The votes stay, and another board can count them."),
        "takes": [ngettext("%d snapshot", "%d snapshots", number) % number] if number else [],
        "submit": _("Delete the board"),
        "cancel": reverse("annotation:board", args=[workspace.slug, found.pk]),
    }
    return render(request, "elements/confirm.html", context)


# Parts that are the same for everybody who may read the board.
WITHOUT_FORMS = ("ratings", "matrix", "reference", "history", "slices", "bias", "robustness")


def _kept(request: HttpRequest, board: Board, now: Shown, section: str, links: page.Links) -> str:
    """The part as HTML; rendered once as long as no figure changes."""

    def make() -> str:
        context = board_context(request, board, now, section, links)
        return render_to_string("boards/_body.html", context, request)

    if not now.fingerprint or now.computed_at is None:
        return make()
    asked = tuple(sorted((name, request.GET[name]) for name in request.GET))
    figures = (board.pk, board.version, now.fingerprint, now.content_key)
    return kept_body((*figures, section, links, asked, get_language()), make)


@workspace_page(*READS)
def board_page(
    request: HttpRequest, workspace: Workspace, board: int, section: str = "ratings"
) -> HttpResponse:
    """One part of the board; asked for by htmx it is the note on how new the figures are."""
    if section not in page.SECTIONS:
        raise Http404(_("A board has no such part."))
    found = board_of(workspace, board)
    now = shown(found, live=True)
    links = page.Links(
        reverse("annotation:board_votes", args=[workspace.slug, found.pk]),
        page.chosen_source(now.content, request.GET.get("source", "")),
    )
    if not request.headers.get("HX-Request") and now.state == "fresh" and section in WITHOUT_FORMS:
        body = _kept(request, found, now, section, links)
        context = {**frame(found, now, section, links), "body": body}
    else:
        context = board_context(request, found, now, section, links)
    context |= {
        "manages": role_of(workspace) in MANAGES,
        "waiting": refreshing(found) if now.state != "fresh" else None,
        "estimand": estimand(found, now),
        "board_url": reverse("annotation:board", args=[workspace.slug, found.pk]),
    }
    if section == "planner":
        context |= planner_context(request, context["figures"])
        context["pair_plans"] = found.pair_plans.select_related("campaign").order_by("-pk")
        context["verdict"] = verdict(now.content)
        stopping = list(found.stops.all())
        context["stops"] = StopsForm(
            campaigns=may_stop(found), initial={"campaigns": [one.pk for one in stopping]}
        )
        context["stopping_campaigns"] = stopping
    if section == "judges":
        context["judge_files"] = judge_files(workspace)
    if section == "snapshots":
        context |= snapshots_context(found)
    template = "boards/_state.html" if request.headers.get("HX-Request") else "boards/board.html"
    response = render(request, template, context)
    if request.headers.get("HX-Request") and now.state == "fresh":
        response["HX-Refresh"] = "true"  # the new figures are there: show them
    return response


@workspace_page(*MANAGES, methods=("POST",))
def board_stops(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    """Choose the campaigns that pause when the stopping rule has decided."""
    found = board_of(workspace, board)
    form = StopsForm(request.POST, campaigns=may_stop(found))
    if form.is_valid():
        choose_stops(board=found, by=request.user, campaigns=list(form.cleaned_data["campaigns"]))
        paused = stop_where_decided(board=found, content=shown(found).content)
        if paused:
            names = ", ".join(campaign.name for campaign in paused)
            messages.warning(request, _("The rule has decided already; paused: %s.") % names)
        else:
            messages.success(request, _("Kept. They pause by themselves, with the reason."))
    else:
        messages.error(request, _("Choose campaigns of this workspace that are not closed."))
    return redirect("annotation:board_section", workspace.slug, found.pk, "planner")


@workspace_page(*READS, methods=("POST",))
def board_refresh(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    found = board_of(workspace, board)
    ask_for_refresh(board=found, by=request.user, anew=bool(request.POST.get("anew")))
    if request.headers.get("HX-Request"):
        context = {"board": found, "shown": shown(found), "waiting": refreshing(found)}
        context["board_url"] = reverse("annotation:board", args=[workspace.slug, found.pk])
        return render(request, "boards/_state.html", context)
    messages.success(request, _("The votes are being counted."))
    return redirect("annotation:board", workspace.slug, found.pk)


@workspace_page(*MANAGES, methods=("GET", "POST"))
def board_campaign(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    """Open a campaign whose pairs are drawn in batches by what this board knows."""
    found = board_of(workspace, board)
    form = PairsForm(request.POST or None, workspace=workspace, board=found)
    if request.method == "POST" and form.is_valid():
        try:
            campaign = open_paired_campaign(
                workspace=workspace,
                by=request.user,
                plan=form.plan(),
                drawing=form.drawing(),
                wanted=form.wanted(),
            )
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("The campaign is open; its first batch is drawn."))
            return redirect("annotation:campaign", workspace.slug, campaign.pk)
    context = {"form": form, "board": found}
    return render(request, "boards/campaign.html", context, status=422 if form.errors else 200)
