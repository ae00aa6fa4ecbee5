"""A board as files: tables as CSV, everything as JSON, figures as SVG."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from annotation.boards.page import chosen_source, order_of, rank_words, rate_of
from annotation.boards.queries import Shown, definition_of, estimand
from annotation.boards.svg import history_svg, matrix_svg, ratings_svg
from annotation.domain.win_rates import TiePolicy
from annotation.models import Board
from webapp.csv_rows import csv_row

FILES = (
    "ratings.csv",
    "matrix.csv",
    "board.json",
    "ratings.svg",
    "matrix.svg",
    "history.svg",
)


def download(name: str, wanted_source: str, shown: Shown, title: str, facts: dict[str, Any]) -> Any:
    """One of FILES, from the figures that the page shows.

    Raises:
        Http404: there is no such file, or nothing was counted yet.
    """
    if name not in FILES or not shown.content or not shown.sources:
        raise Http404(_("There is no such file. Count the board first."))
    source = chosen_source(shown.content, wanted_source)
    figures = shown.sources[source]
    makers: dict[str, Callable[[], tuple[bytes, str]]] = {
        "ratings.csv": lambda: (b"".join(_ratings_csv(figures)), "text/csv; charset=utf-8"),
        "matrix.csv": lambda: (b"".join(_matrix_csv(figures)), "text/csv; charset=utf-8"),
        "board.json": lambda: (
            json.dumps({**facts, "figures": shown.content}, indent=1).encode(),
            "application/json",
        ),
        "ratings.svg": lambda: (_ratings_svg(figures, title, facts).encode(), "image/svg+xml"),
        "matrix.svg": lambda: (_matrix_svg(figures, title).encode(), "image/svg+xml"),
        "history.svg": lambda: (_history_svg(figures, title).encode(), "image/svg+xml"),
    }
    content, kind = makers[name]()
    response = HttpResponse(content, content_type=kind)
    stem, _dot, end = name.rpartition(".")
    called = "".join(sign if sign.isalnum() else "-" for sign in title.lower())[:60]
    response["Content-Disposition"] = content_disposition_header(
        True, f"{called}-{stem}-{source}.{end}"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


COLUMNS = (
    "model",
    "rating",
    "low",
    "high",
    "best_rank",
    "worst_rank",
    "votes",
    "prompts",
    "annotators",
    "tie_rate",
    "both_bad_rate",
    "separated_from_next",
    "more_votes",
)


def _ratings_csv(figures: dict[str, Any]) -> Iterator[bytes]:
    yield csv_row(COLUMNS)
    for row in figures["ratings"].get("rows", []):
        following = row.get("next") or {}
        values = {
            **row,
            "separated_from_next": following.get("separated"),
            "more_votes": following.get("more_votes"),
        }
        yield csv_row(values.get(name) for name in COLUMNS)


def _matrix_csv(figures: dict[str, Any]) -> Iterator[bytes]:
    found = figures["matrix"] or {"models": [], "wins": [], "ties": []}
    yield csv_row(("model", "opponent", "wins", "losses", "ties", "n", "win_rate"))
    for i, one in enumerate(found["models"]):
        for j, other in enumerate(found["models"]):
            wins, lost, ties = found["wins"][i][j], found["wins"][j][i], found["ties"][i][j]
            rate, _counted = rate_of(wins, lost, ties, TiePolicy.HALF)
            if i != j and wins + lost + ties:
                yield csv_row((one, other, wins, lost, ties, wins + lost + ties, rate))


def _ratings_svg(figures: dict[str, Any], title: str, facts: dict[str, Any]) -> str:
    rating = figures["ratings"]
    rows = [{**row, "rank": rank_words(row)} for row in rating.get("rows", [])]
    interval = rating.get("interval")
    note = _("%(votes)s votes, %(interval)s") % {
        "votes": f"{rating.get('votes', 0):,}",
        "interval": _("95 %% intervals %s") % interval if interval else _("no interval"),
    }
    return ratings_svg(rows, title, f"{note} · {facts.get('computed_at', '')}")


def _matrix_svg(figures: dict[str, Any], title: str) -> str:
    found = figures["matrix"] or {"models": [], "wins": [], "ties": []}
    at = {name: place for place, name in enumerate(found["models"])}
    order = [name for name in order_of(figures) if name in at]
    cells = []
    for one in order:
        row = []
        for other in order:
            i, j = at[one], at[other]
            wins, lost, ties = found["wins"][i][j], found["wins"][j][i], found["ties"][i][j]
            same = i == j
            rate = None if same else rate_of(wins, lost, ties, TiePolicy.HALF)[0]
            row.append((rate, 0 if same else wins + lost + ties))
        cells.append(row)
    return matrix_svg(order, cells, f"{title}: {_('win rates of rows over columns')}")


def _history_svg(figures: dict[str, Any], title: str) -> str:
    found = figures["history"] or {"votes": [], "lines": []}
    return history_svg(
        found["votes"], found["lines"], f"{title}: {_('Elo, which depends on the order of votes')}"
    )


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
