"""The votes behind the figures, and the figures as files."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.access import READS
from annotation.boards import page
from annotation.boards.downloads import download, facts_of
from annotation.boards.queries import board_of, filter_of, shown
from annotation.boards.vote_list import VoteFilter, one_vote, place_in_words, votes_of, with_words
from annotation.holders import holders_of
from annotation.models import Ranking
from webapp.rendering import render_markdown
from webapp.workspaces.access import workspace_page
from webapp.workspaces.models import Workspace

A_PAGE = 50


@workspace_page(*READS)
def board_votes(request: HttpRequest, workspace: Workspace, board: int) -> HttpResponse:
    found = board_of(workspace, board)
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
    found = board_of(workspace, board)
    judged: Any = one_vote(found, vote)
    context = {"board": found, "vote": judged, **vote_context(judged)}
    kind = "ranking" if isinstance(judged, Ranking) else "comparison"
    context["holders"] = holders_of(workspace, {kind: [judged.pk]})
    context["board_url"] = reverse("annotation:board", args=[workspace.slug, found.pk])
    return render(request, "boards/vote.html", context)


def vote_context(judged: Any) -> dict[str, Any]:
    """The texts of a judgement, rendered."""
    shown_answers: list[tuple[str, Any, str | None, bool]]
    if hasattr(judged, "left"):
        shown_answers = [
            (_("Left"), judged.left, None, judged.choice == "left"),
            (_("Right"), judged.right, None, judged.choice == "right"),
        ]
    else:
        entries = judged.entries.select_related("completion").order_by("position")
        shown_answers = [
            (
                _("Place %d") % entry.position,
                entry.completion,
                place_in_words(judged, entry.tier),
                entry.tier == 1,
            )
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
    found = board_of(workspace, board)
    now = shown(found)
    return download(name, request.GET.get("source", ""), now, found.name, facts_of(found, now))
