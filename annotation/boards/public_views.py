"""A board behind its public link: read-only, without texts and people unless they are allowed."""

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from annotation.boards import page
from annotation.boards.actions.board import public_secret
from annotation.boards.downloads import download
from annotation.boards.parts import board_context
from annotation.boards.queries import Shown, definition_of, shown
from annotation.boards.sentences import estimand_sentences
from annotation.boards.vote_list import VoteFilter, votes_of, with_words
from annotation.models import Board
from webapp.accounts.throttle import Limit
from webapp.request_context import current_request
from webapp.workspaces.access import page as site_page

# One address may read so often; a secret is 160 bits long, so guessing is hopeless anyway.
READS = Limit("public board reads from place", allowed=120, seconds=60)
A_PAGE = 25


def _shared(board: int, secret: str) -> Board:
    """
    Raises:
        Http404: there is no such link (any more); a wrong secret gets the same answer.
    """
    found = Board.objects.select_related("report", "workspace").filter(pk=board).first()
    right = public_secret(found) if found is not None else ""
    if not right or not constant_time_compare(right, secret) or found is None:
        raise Http404(_("There is no such board, or its link was switched off."))
    if found.workspace.archived_at:
        raise Http404(_("There is no such board, or its link was switched off."))
    return found


def _too_many(request: HttpRequest) -> HttpResponse | None:
    context = current_request()
    wait = READS.take(str(context.ip if context else ""))
    if not wait:
        return None
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(wait)
    return response


def _visible(board: Board) -> Shown:
    now = shown(board)
    if now.content is None or board.public_people:
        return now
    return Shown(
        page.without_people(now.content),
        now.state,
        now.votes,
        now.newer,
        now.computed_at,
        now.fingerprint,
        now.changed,
    )


@site_page(public=True)
def public_board(request: HttpRequest, board: int, secret: str) -> HttpResponse:
    found = _shared(board, secret)
    if refused := _too_many(request):
        return refused
    now = _visible(found)
    section = request.GET.get("part", "ratings")
    if section not in page.PUBLIC_SECTIONS:
        raise Http404(_("A board has no such part."))
    source = page.chosen_source(now.content, request.GET.get("source", ""))
    votes_url = reverse("public_board_votes", args=[found.pk, secret]) if found.public_texts else ""
    context = board_context(
        request, found, now, section, page.Links(votes_url, source, found.public_people)
    )
    context |= {
        "public": True,
        "secret": secret,
        "sections": {name: page.SECTIONS[name] for name in page.PUBLIC_SECTIONS},
        # The filter in words may name people and campaigns; a stranger gets the board's own words.
        "estimand": estimand_sentences(
            _("the votes that this board chose"), definition_of(found), now.sources,
            found.description,
        ),
    }  # fmt: skip
    response = render(request, "boards/public.html", context)
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response


@site_page(public=True)
def public_board_download(request: HttpRequest, board: int, secret: str, name: str) -> Any:
    found = _shared(board, secret)
    if refused := _too_many(request):
        return refused
    now = _visible(found)
    facts = {
        "board": found.name,
        "computed_at": now.computed_at.isoformat(timespec="seconds") if now.computed_at else None,
        "fingerprint": now.fingerprint,
        "votes": now.votes,
    }
    return download(name, request.GET.get("source", ""), now, found.name, facts)


@site_page(public=True)
def public_board_votes(request: HttpRequest, board: int, secret: str) -> HttpResponse:
    """Prompts and answers behind the figures, where the manager allowed it."""
    found = _shared(board, secret)
    if not found.public_texts:
        raise Http404(_("This board shows no texts."))
    if refused := _too_many(request):
        return refused
    chosen = VoteFilter.from_params(request.GET)
    if not found.public_people and chosen.names_people:
        raise Http404(_("This board names no people."))
    paginator = Paginator(votes_of(found, chosen), A_PAGE)
    context = {
        "board": found,
        "chosen": chosen,
        "votes": with_words(paginator.get_page(request.GET.get("page")), chosen),
        "total": paginator.count,
        "secret": secret,
        "public": True,
    }
    response = render(request, "boards/public_votes.html", context)
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    return response
