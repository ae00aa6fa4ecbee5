"""Pages of boards: the list, one board with its parts, the votes behind it, its snapshots."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation.access import MANAGES, READS
from annotation.boards import page
from annotation.boards.actions.board import (
    change_board,
    create_board,
    delete_board,
    public_secret,
    share_board,
)
from annotation.boards.actions.draw_pairs import open_paired_campaign
from annotation.boards.actions.freeze_board import (
    Differs,
    ask_to_freeze,
    checked_name,
    freeze_board,
    recompute,
)
from annotation.boards.actions.refresh_board import ask_for_refresh, refreshing
from annotation.boards.downloads import download
from annotation.boards.forms import BoardForm, FreezeForm, PlannerForm, ShareForm, initial_of
from annotation.boards.pair_form import PairsForm
from annotation.boards.planner import Goal, answer
from annotation.boards.queries import (
    INLINE,
    Shown,
    boards_in,
    definition_of,
    estimand,
    filter_of,
    shown,
    snapshots_of,
)
from annotation.boards.sentences import estimand_sentences
from annotation.boards.vote_list import VoteFilter, one_vote, votes_of, with_words
from annotation.domain.win_rates import TiePolicy
from annotation.models import Board, BoardSnapshot
from webapp.public_address import public_address
from webapp.rendering import render_markdown
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 50


def _board(workspace: Workspace, pk: int) -> Board:
    found: Board = get_object_or_404(boards_in(workspace), pk=pk)
    found.workspace = workspace
    return found


@workspace_page(*READS)
def board_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    context = {
        "boards": boards_in(workspace).defer("report__content"),
        "manages": workspace.role in MANAGES,  # type: ignore[attr-defined]
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
    found = _board(workspace, board)
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
    found = _board(workspace, board)
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


@workspace_page(*READS)
def board_page(
    request: HttpRequest, workspace: Workspace, board: int, section: str = "ratings"
) -> HttpResponse:
    """One part of the board; asked for by htmx it is the note on how new the figures are."""
    if section not in page.SECTIONS:
        raise Http404(_("A board has no such part."))
    found = _board(workspace, board)
    now = shown(found)
    links = page.Links(
        reverse("annotation:board_votes", args=[workspace.slug, found.pk]),
        page.chosen_source(now.content, request.GET.get("source", "")),
    )
    context = board_context(request, found, now, section, links)
    context |= {
        "manages": workspace.role in MANAGES,  # type: ignore[attr-defined]
        "waiting": refreshing(found) if now.state != "fresh" else None,
        "estimand": estimand(found, now),
        "board_url": reverse("annotation:board", args=[workspace.slug, found.pk]),
    }
    if section == "planner":
        context |= _plan(request, context["figures"])
        context["pair_plans"] = found.pair_plans.select_related("campaign").order_by("-pk")
    if section == "snapshots":
        context |= _snapshots(request, found)
    template = "boards/_state.html" if request.headers.get("HX-Request") else "boards/board.html"
    response = render(request, template, context)
    if request.headers.get("HX-Request") and now.state == "fresh":
        response["HX-Refresh"] = "true"  # the new figures are there: show them
    return response


def board_context(
    request: HttpRequest, board: Board, now: Shown, section: str, links: page.Links
) -> dict[str, Any]:
    """What the parts of a board need, on its own page as on the public one."""
    figures = now.sources.get(links.source)
    context: dict[str, Any] = {
        "board": board,
        "shown": now,
        "section": section,
        "sections": page.SECTIONS,
        "source": links.source,
        "sources": [
            (source, page.SOURCE_LABELS[source], now.sources[source]["ratings"].get("votes", 0))
            for source in now.sources
        ],
        "figures": figures,
        "links": links,
        "definition": definition_of(board),
    }
    if figures is None:
        return context
    if section == "ratings":
        context["rows"] = page.rating_rows(figures["ratings"], links)
        history = figures["history"] or {"ends": []}
        context["elo"] = {one["model"]: one["elo"] for one in history["ends"]}
    elif section == "matrix" and figures["matrix"]:
        context |= _matrix(request, figures, links)
    elif section == "history" and figures["history"]:
        context["chart"] = page.elo_chart(figures["history"])
        ratings = {row["model"]: row for row in figures["ratings"].get("rows", [])}
        context["elo_rows"] = [
            {**one, "row": ratings.get(one["model"])} for one in figures["history"]["ends"]
        ]
    elif section == "slices":
        context["tables"] = page.slice_tables(figures["slices"], page.order_of(figures))
    elif section == "judges":
        context["beside"] = page.side_by_side(now.sources)
        context["judges"] = (now.content or {}).get("judges")
    elif section == "bias":
        texts = (figures["bias"] or {}).get("texts")
        features = (texts or {}).get("features", {})
        context["features"] = [
            (label, features[name]) for name, label in page.FEATURES.items() if name in features
        ]
        context["styles"] = _styles(figures) if texts else []
    return context


def _styles(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Each model's rating as it is, at equal length, and at equal style."""
    plain = {row["model"]: row["rating"] for row in figures["ratings"].get("rows", [])}
    texts = figures["bias"]["texts"]
    length, style = (
        {row["model"]: row["rating"] for row in texts[name]["ratings"]}
        for name in ("length", "style")
    )
    order = page.order_of(figures)
    return [
        {
            "model": name,
            "plain": plain.get(name),
            "length": length.get(name),
            "style": style.get(name),
        }
        for name in order
        if name in length
    ]


def _matrix(request: HttpRequest, figures: dict[str, Any], links: page.Links) -> dict[str, Any]:
    given = request.GET.get("ties", "")
    policy = TiePolicy(given) if given in list(TiePolicy) else TiePolicy.HALF
    most = page.MATRIX_MOST if request.GET.get("all") else page.MATRIX_SHOWN
    order = page.order_of(figures)
    table = page.matrix_table(figures["matrix"], order, policy, links, most)
    return {
        "table": table,
        "policy": policy.value,
        "policies": [(one.value, label) for one, label in page.POLICIES.items()],
        "matrix": figures["matrix"],
        "all": bool(request.GET.get("all")),
        "could_show_more": table["hidden"] and most == page.MATRIX_SHOWN,
    }


def _plan(request: HttpRequest, figures: dict[str, Any] | None) -> dict[str, Any]:
    """The planner, prefilled with what this board measured about its people."""
    rating = figures["ratings"] if figures else {}
    measured = rating.get("design_effect")
    asked = "gap" in request.GET
    form = PlannerForm(request.GET if asked else None)
    values = {name: field.initial for name, field in form.fields.items()}
    if asked and form.is_valid():
        values = form.cleaned_data
    effect = values["effect"] or measured or 1.0
    width = values["half_width"]
    goal = Goal(
        gap=values["gap"],
        half_width=width / 100 if width else None,
        power=values["power"] / 100,
        alpha=values["alpha"] / 100,
        annotators=values["annotators"],
        effect=effect,
    )
    found = answer(goal) if not form.errors else None
    return {"form": form, "answer": found, "goal": goal, "measured": measured}


def _snapshots(request: HttpRequest, board: Board) -> dict[str, Any]:
    """The list, and two of them compared where ?first= and ?second= name them."""
    kept = list(snapshots_of(board))
    chosen = []
    for name in ("first", "second"):
        given = request.GET.get(name, "")
        if given.isascii() and given.isdigit() and len(given) < 19:
            found = board.snapshots.filter(pk=int(given)).first()
            chosen += [found] if found else []
    context: dict[str, Any] = {
        "snapshots": kept,
        "freeze": FreezeForm(),
        "share": ShareForm(
            initial={
                "on": bool(board.public_nonce),
                "people": board.public_people,
                "texts": board.public_texts,
            }
        ),
        "public_url": public_url(board),
    }
    if len(chosen) == 2:
        context["compared"] = page.compared(chosen[0].content, chosen[1].content)
        context["first"], context["second"] = chosen
    return context


def public_url(board: Board) -> str:
    secret = public_secret(board)
    if not secret:
        return ""
    return public_address(reverse("public_board", args=[board.pk, secret]))


@workspace_page(*READS, methods=("POST",))
def board_refresh(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    found = _board(workspace, board)
    ask_for_refresh(board=found, by=request.user, anew=bool(request.POST.get("anew")))
    if request.headers.get("HX-Request"):
        context = {"board": found, "shown": shown(found), "waiting": refreshing(found)}
        context["board_url"] = reverse("annotation:board", args=[workspace.slug, found.pk])
        return render(request, "boards/_state.html", context)
    messages.success(request, _("The votes are being counted."))
    return redirect("annotation:board", workspace.slug, found.pk)


@workspace_page(*MANAGES, methods=("POST",))
def board_freeze(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    found = _board(workspace, board)
    form = FreezeForm(request.POST)
    back = redirect("annotation:board_section", workspace.slug, found.pk, "snapshots")
    if not form.is_valid():
        messages.error(request, _("A snapshot needs a name of at most 100 characters."))
        return back
    name = form.cleaned_data["name"]
    try:
        checked_name(found, name)
        now = shown(found)
        if max(now.votes, now.newer) <= INLINE:
            freeze_board(board=found, by=request.user, name=name)
            messages.success(request, _("The snapshot is kept."))
        else:
            ask_to_freeze(board=found, by=request.user, name=name)
            messages.success(request, _("The snapshot is being made; it appears here."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return back


@workspace_page(*MANAGES, methods=("GET", "POST"))
def board_campaign(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    """Open a campaign whose pairs are drawn in batches by what this board knows."""
    found = _board(workspace, board)
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


@workspace_page(*READS)
def board_snapshot(
    request: HttpRequest, workspace: Workspace, board: int, snapshot: int
) -> HttpResponse:
    """The ratings as they were, with what is needed to believe them."""
    found = _board(workspace, board)
    kept = get_object_or_404(BoardSnapshot, board=found, pk=snapshot)
    source = page.chosen_source(kept.content, request.GET.get("source", ""))
    figures = kept.content["sources"].get(source)
    from annotation.boards.definition import Definition

    context = {
        "board": found,
        "snapshot": kept,
        "source": source,
        "rows": page.rating_rows(figures["ratings"], page.Links("", source)) if figures else [],
        "figures": figures,
        "estimand": estimand_sentences(
            kept.filter_in_words,
            Definition.from_json(kept.definition),
            kept.content["sources"],
            found.description,
        ),
    }
    return render(request, "boards/snapshot.html", context)


@workspace_page(*READS, methods=("POST",))
def board_snapshot_check(
    request: HttpRequest, workspace: Workspace, board: int, snapshot: int
) -> HttpResponse:
    """Compute the figures again from the kept file, and say whether every digit is the same."""
    found = _board(workspace, board)
    kept = get_object_or_404(BoardSnapshot, board=found, pk=snapshot)
    if kept.votes > INLINE * 10:
        messages.error(
            request,
            _("This snapshot is too large for a page: manage.py board checks it (--check)."),
        )
    else:
        try:
            recompute(snapshot=kept)
        except (Differs, FileNotFoundError) as wrong:
            messages.error(request, str(wrong))
        else:
            messages.success(request, _("Recomputed: every digit is the same."))
    return redirect("annotation:board_snapshot", workspace.slug, found.pk, kept.pk)


@workspace_page(*MANAGES, methods=("POST",))
def board_share(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    found = _board(workspace, board)
    form = ShareForm(request.POST)
    if form.is_valid():
        share_board(board=found, by=request.user, **form.cleaned_data)
        messages.success(
            request,
            _("The link is on.") if form.cleaned_data["on"] else _("There is no public link now."),
        )
    return redirect("annotation:board_section", workspace.slug, found.pk, "snapshots")


@workspace_page(*READS)
def board_votes(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    found = _board(workspace, board)
    chosen = VoteFilter.from_params(request.GET)
    paginator = Paginator(votes_of(found, chosen), A_PAGE)
    context = {
        "board": found,
        "chosen": chosen,
        "votes": with_words(paginator.get_page(request.GET.get("page")), chosen),
        "total": paginator.count,
        "filter": filter_of(found).in_words(),
        "board_url": reverse("annotation:board", args=[workspace.slug, found.pk]),
        "shown_votes": True,
        "sections": page.SECTIONS,
        "section": "votes",
    }
    return render(request, "boards/votes.html", context)


@workspace_page(*READS)
def board_vote(request: HttpRequest, workspace: Workspace, board: int, vote: str) -> HttpResponse:
    """One judgement with its prompt and the answers as they were shown."""
    found = _board(workspace, board)
    judged: Any = one_vote(found, vote)
    context = {"board": found, "vote": judged, **vote_context(judged)}
    context["board_url"] = reverse("annotation:board", args=[workspace.slug, found.pk])
    return render(request, "boards/vote.html", context)


def vote_context(judged: Any) -> dict[str, Any]:
    """The texts of a judgement, rendered."""
    if hasattr(judged, "left"):
        shown_answers = [
            (_("Left"), judged.left, None, judged.choice == "left"),
            (_("Right"), judged.right, None, judged.choice == "right"),
        ]
    else:
        entries = judged.entries.select_related("completion").order_by("position")
        shown_answers = [
            (_("Place %d") % entry.position, entry.completion, entry.tier, entry.tier == 1)
            for entry in entries
        ]
    return {
        "prompt_text": render_markdown(judged.prompt.text),
        "answers": [
            {
                "place": place,
                "generator": answer.generator,
                "tier": tier,
                "best": best,
                "text": render_markdown(answer.text) if answer.has_text else None,
            }
            for place, answer, tier, best in shown_answers
        ],
        "is_ranking": not hasattr(judged, "left"),
    }


@workspace_page(*READS)
def board_download(request: HttpRequest, workspace: Workspace, board: int, name: str) -> Any:
    found = _board(workspace, board)
    now = shown(found)
    return download(name, request.GET.get("source", ""), now, found.name, facts_of(found, now))


def facts_of(board: Board, now: Shown) -> dict[str, Any]:
    """What a file must say beside its figures."""
    return {
        "board": board.name,
        "state": now.state,
        "newer_votes": now.newer,
        "computed_at": now.computed_at.isoformat(timespec="seconds") if now.computed_at else None,
        "fingerprint": now.fingerprint,
        "votes": now.votes,
        "definition": definition_of(board).as_json(),
        "estimand": estimand(board, now),
    }
