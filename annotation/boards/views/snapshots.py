"""A board as it was, two of them side by side, and the public link."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from annotation.access import MANAGES, READS
from annotation.boards import page
from annotation.boards.actions.board import share_board
from annotation.boards.actions.freeze_board import (
    Differs,
    ask_to_freeze,
    checked_name,
    freeze_board,
    recompute,
)
from annotation.boards.compare import side_by_side
from annotation.boards.definition import Definition
from annotation.boards.forms import CompareForm, FreezeForm, ShareForm
from annotation.boards.queries import INLINE, board_of, is_small, shown, snapshots_in
from annotation.boards.sentences import estimand_sentences
from annotation.models import BoardSnapshot
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace


@workspace_page(*MANAGES, methods=("POST",))
def board_freeze(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    found = board_of(workspace, board)
    form = FreezeForm(request.POST)
    back = redirect("annotation:board_section", workspace.slug, found.pk, "snapshots")
    if not form.is_valid():
        messages.error(request, _("A snapshot needs a name of at most 100 characters."))
        return back
    name = form.cleaned_data["name"]
    try:
        checked_name(found, name)
        now = shown(found)
        if is_small(now):
            freeze_board(board=found, by=request.user, name=name)
            messages.success(request, _("The snapshot is kept."))
        else:
            ask_to_freeze(board=found, by=request.user, name=name)
            messages.success(request, _("The snapshot is being made; it appears here."))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return back


@workspace_page(*READS)
def board_snapshot(
    request: HttpRequest, workspace: Workspace, board: int, snapshot: int
) -> HttpResponse:
    """The ratings as they were, with what is needed to believe them."""
    found = board_of(workspace, board)
    kept = get_object_or_404(BoardSnapshot, board=found, pk=snapshot)
    source = page.chosen_source(kept.content, request.GET.get("source", ""))
    figures = kept.content["sources"].get(source)
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
    found = board_of(workspace, board)
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
    found = board_of(workspace, board)
    form = ShareForm(request.POST)
    if form.is_valid():
        share_board(board=found, by=request.user, **form.cleaned_data)
        messages.success(
            request,
            _("The link is on.") if form.cleaned_data["on"] else _("There is no public link now."),
        )
    return redirect("annotation:board_section", workspace.slug, found.pk, "snapshots")


@workspace_page(*READS)
def boards_compare(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Two snapshots of this workspace beside each other: ?first=ID&second=ID."""
    form = CompareForm(request.GET or None, snapshots=snapshots_in(workspace))
    context: dict[str, object] = {"form": form}
    status = 200
    if request.GET:
        if form.is_valid():
            chosen = {name: form.cleaned_data[name].pk for name in ("first", "second")}
            context["compared"] = side_by_side(
                workspace=workspace, source=request.GET.get("source", ""), **chosen
            )
        else:
            status = 422
    return render(request, "boards/compare.html", context, status=status)
