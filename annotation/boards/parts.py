"""What each part of a board needs to be shown: on its own page as on the public one."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from annotation.boards import page
from annotation.boards.actions.board import public_secret
from annotation.boards.forms import FreezeForm, PlannerForm, ShareForm
from annotation.boards.live import PARTS as LIVE_PARTS
from annotation.boards.planner import Goal, answer
from annotation.boards.queries import Shown, definition_of, snapshots_of
from annotation.boards.sentences import question_sentence
from annotation.domain.win_rates import TiePolicy
from annotation.models import Board
from webapp.public_address import public_address


def frame(board: Board, now: Shown, section: str, links: page.Links) -> dict[str, Any]:
    """What stands around every part."""
    figures = now.sources.get(links.source)
    return {
        "board": board,
        "shown": now,
        "section": section,
        "live_part": section in LIVE_PARTS,
        "sections": page.SECTIONS,
        "source": links.source,
        "sources": [
            (source, page.SOURCE_LABELS[source], now.sources[source]["ratings"].get("votes", 0))
            for source in now.sources
        ],
        "figures": figures,
        "links": links,
        "definition": definition_of(board),
        "question": question_sentence(definition_of(board)),
    }


def board_context(
    request: HttpRequest, board: Board, now: Shown, section: str, links: page.Links
) -> dict[str, Any]:
    """What the parts of a board need, on its own page as on the public one."""
    context = frame(board, now, section, links)
    figures = context["figures"]
    if figures is None:
        return context
    if section == "ratings":
        context["rows"] = page.rating_rows(figures["ratings"], links)
    elif section == "matrix" and figures["matrix"]:
        context |= _matrix(request, figures, links)
    elif section == "history" and figures["history"]:
        context["chart"] = page.elo_chart(figures["history"])
        ratings = {row["model"]: row for row in figures["ratings"].get("rows", [])}
        context["elo_rows"] = [
            {**one, "row": ratings.get(one["model"])} for one in figures["history"]["ends"]
        ]
    elif section == "slices":
        context["tables"] = page.slice_tables(figures["slices"], page.order_of(figures), links)
    elif section == "reference" and figures["reference"]:
        name = figures["reference"]["reference"]
        context["reference_rows"] = [
            {**row, "url": links.to(model=row["model"], against=name)}
            for row in figures["reference"]["rows"]
        ]
    elif section == "judges":
        context["beside"] = page.side_by_side(now.sources)
        context["judges"] = page.judge_tables((now.content or {}).get("judges"), links)
    elif section == "bias":
        texts = (figures["bias"] or {}).get("texts")
        features = (texts or {}).get("features", {})
        context["features"] = [
            (label, features[name]) for name, label in page.FEATURES.items() if name in features
        ]
        context["styles"] = _styles(figures) if texts else []
        context |= _bias_links(figures["bias"], links)
    return context


def _bias_links(found: dict[str, Any] | None, links: page.Links) -> dict[str, Any]:
    """Where each figure of the panel leads: to its own votes, or to all that it is of."""
    found = found or {}
    fast = (found.get("fast") or {}).get("people", [])
    return {
        "urls": {
            "all": links.to(),
            "first": links.to(choice="left"),
            "leaked": links.to(**found["leaked_filter"]) if found.get("leaked_filter") else "",
            "duplicates": links.to(**(found.get("duplicates") or {}).get("filter") or {}),
            "repeats": links.to(repeat=1),
        },
        "fastest": [{**one, "url": links.to(who=one["key"])} for one in fast],
    }


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


def planner_context(request: HttpRequest, figures: dict[str, Any] | None) -> dict[str, Any]:
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


def snapshots_context(board: Board) -> dict[str, Any]:
    """The list, the form that keeps another one, and the public link."""
    return {
        "snapshots": snapshots_of(board),
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


def public_url(board: Board) -> str:
    secret = public_secret(board)
    if not secret:
        return ""
    return public_address(reverse("public_board", args=[board.pk, secret]))
