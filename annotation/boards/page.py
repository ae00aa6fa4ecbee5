"""A report as the templates show it: formatted, linked to the votes behind each figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.boards.votes import SOURCES
from annotation.domain.proportions import wilson_interval
from annotation.domain.win_rates import TiePolicy

SECTIONS = {
    "ratings": gettext_lazy("Ratings"),
    "matrix": gettext_lazy("Win rates"),
    "reference": gettext_lazy("Reference"),
    "history": gettext_lazy("Elo"),
    "slices": gettext_lazy("Slices"),
    "bias": gettext_lazy("Bias"),
    "agreement": gettext_lazy("Agreement"),
    "judges": gettext_lazy("Judges"),
    "robustness": gettext_lazy("Robustness"),
    "planner": gettext_lazy("Votes needed"),
    "snapshots": gettext_lazy("Snapshots"),
}
PUBLIC_SECTIONS = ("ratings", "matrix", "reference", "history", "slices", "bias", "judges")
SOURCE_LABELS = {
    "human": gettext_lazy("People"),
    "judge": gettext_lazy("Judges"),
    "simulated": gettext_lazy("Simulated"),
}
MATRIX_SHOWN, MATRIX_MOST = 20, 60
WHISKER = 120  # pixels that the widest interval has
LEVELS = 5  # shades of each colour of the heat map
POLICIES = {
    TiePolicy.HALF: gettext_lazy("A tie is half a win"),
    TiePolicy.EXCLUDE: gettext_lazy("Ties left out"),
    TiePolicy.IGNORE_IN_NUMERATOR: gettext_lazy("A tie is no win"),
}
DIMENSIONS = {
    "use_case": gettext_lazy("Use case"),
    "tag": gettext_lazy("Tag"),
    "language": gettext_lazy("Language"),
    "annotator_group": gettext_lazy("Group of annotators"),
    "strength": gettext_lazy("Strength of the preference"),
    "round": gettext_lazy("Campaign"),
    "kind": gettext_lazy("Kind of work"),
}
FEATURES = {
    "length": gettext_lazy("Length in words"),
    "headers": gettext_lazy("Headers"),
    "lists": gettext_lazy("List items"),
    "bold": gettext_lazy("Bold passages"),
}


def chosen_source(content: dict[str, Any] | None, wanted: str) -> str:
    """The source whose figures are shown: the wanted one if it voted, else the first that did."""
    there = (content or {}).get("sources", {})
    if wanted in there:
        return wanted
    return next((source for source in SOURCES if source in there), "human")


@dataclass(frozen=True)
class Links:
    """Addresses of the votes behind figures; without `votes` (a public page) there are none.

    people: whether a link may name somebody.
    """

    votes: str
    source: str
    people: bool = True

    def to(self, **filters: Any) -> str:
        if not self.votes or (not self.people and ("who" in filters or "group" in filters)):
            return ""
        return f"{self.votes}?{urlencode({'judged_by': self.source, **filters})}"


def rating_rows(figures: dict[str, Any], links: Links) -> list[dict[str, Any]]:
    """Rows with ranks in words, whiskers in pixels of WHISKER, and their links."""
    rows = figures.get("rows", [])
    ends = [row.get(end, row["rating"]) for row in rows for end in ("low", "high")]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    span = (high - low) or 1.0

    def place(points: float) -> float:
        return round(6 + (WHISKER - 12) * (points - low) / span, 1)

    shown = []
    group = 0
    for row in rows:
        following = row.get("next")
        found = {
            **row,
            "rank": rank_words(row),
            "url": links.to(model=row["model"]),
            "at": place(row["rating"]),
            "group": group % 2,
        }
        if "low" in row:
            found |= {
                "from": place(row["low"]),
                "width": round(place(row["high"]) - place(row["low"]), 1),
                "half": (row["high"] - row["low"]) / 2,
            }
        shown.append(found)
        if following is not None and following["separated"]:
            group += 1
    return shown


def rank_words(row: dict[str, Any]) -> str:
    """ "1" or "1-3": the ranks that the simultaneous sets leave open."""
    if "best_rank" not in row:
        return "–"
    best, worst = row["best_rank"], row["worst_rank"]
    return f"{best}" if best == worst else f"{best}–{worst}"


def matrix_table(
    found: dict[str, Any], order: Sequence[str], policy: TiePolicy, links: Links, most: int
) -> dict[str, Any]:
    """The heat map over the first `most` models of `order`: cells with rate, interval and n."""
    at = {name: place for place, name in enumerate(found["models"])}
    models = [name for name in order if name in at][:most]
    rows = []
    for one in models:
        cells = [_cell(found, at[one], at[other], one, other, policy, links) for other in models]
        met = [cell["rate"] for cell in cells if cell.get("rate") is not None]
        rows.append({"model": one, "cells": cells, "average": sum(met) / len(met) if met else None})
    return {"models": models, "rows": rows, "hidden": len(at) - len(models)}


def _cell(
    found: dict[str, Any], i: int, j: int, one: str, other: str, policy: TiePolicy, links: Links
) -> dict[str, Any]:
    if i == j:
        return {"self": True}
    wins, lost, ties = found["wins"][i][j], found["wins"][j][i], found["ties"][i][j]
    n = wins + lost + ties
    rate, counted = rate_of(wins, lost, ties, policy)
    if rate is None:
        return {"rate": None, "n": n, "ties": ties}
    low, high = wilson_interval(rate * counted, counted)
    return {
        "rate": rate,
        "low": low,
        "high": high,
        "n": n,
        "ties": ties,
        "heat": heat(rate),
        "url": links.to(model=one, against=other),
    }


def rate_of(wins: int, lost: int, ties: int, policy: TiePolicy) -> tuple[float | None, int]:
    """(win rate, how many it is of); None for an empty cell, as domain.win_rates counts."""
    counted = wins + lost if policy is TiePolicy.EXCLUDE else wins + lost + ties
    if not counted:
        return None, 0
    points = wins + 0.5 * ties if policy is TiePolicy.HALF else float(wins)
    return points / counted, counted


def heat(rate: float) -> str:
    """A class of boards.css: "up-1" to "up-5" above one half, "down-1" to "down-5" below."""
    level = min(LEVELS, int(abs(rate - 0.5) * 2 * LEVELS + 0.999))
    return "" if not level else f"{'up' if rate > 0.5 else 'down'}-{level}"


def elo_chart(found: dict[str, Any]) -> dict[str, Any]:
    """What elements/chart.html takes."""
    return {
        "x": {"label": _("Votes"), "values": found["votes"]},
        "series": [
            {"label": line["model"], "values": [round(value, 1) for value in line["ratings"]]}
            for line in found["lines"]
        ],
    }


def side_by_side(sources: dict[str, Any]) -> list[dict[str, Any]]:
    """Each model with its row in every source that rated it, in the order of the first source."""
    by_source = {
        source: {row["model"]: row for row in figures["ratings"].get("rows", [])}
        for source, figures in sources.items()
    }
    names: dict[str, None] = {}
    for rows in by_source.values():
        names |= dict.fromkeys(rows)
    return [
        {
            "model": name,
            "rows": [
                {**row, "rank": rank_words(row)} if (row := rows.get(name)) else None
                for rows in by_source.values()
            ],
        }
        for name in names
    ]


def judge_tables(found: dict[str, Any] | None, links: Links) -> dict[str, Any] | None:
    """The report on judges with the votes of each."""
    if not found:
        return None
    sources = []
    for kind in found["sources"]:
        own = Links(links.votes, kind["source"], links.people)
        judges = [
            {**one, "url": own.to(**({"who": one["key"]} if one["key"] else {}))}
            for one in kind["judges"]
        ]
        sources.append({**kind, "judges": judges})
    return {**found, "sources": sources}


def slice_tables(
    found: list[dict[str, Any]], order: Sequence[str], links: Links
) -> list[dict[str, Any]]:
    """One table per dimension: models in the board's order, a column per value."""
    tables = []
    for dimension in found or []:
        rows = []
        for model in order[:MATRIX_MOST]:
            cells = [
                {**cell, "url": links.to(**value["filter"], model=model)} if cell else {}
                for value in dimension["values"]
                for cell in [value["ratings"].get(model)]
            ]
            if any(cells):
                rows.append({"model": model, "cells": cells})
        tables.append(
            {
                "title": DIMENSIONS[dimension["dimension"]],
                "key": dimension["dimension"],
                "values": dimension["values"],
                "rows": rows,
                "hidden": dimension["of"] - len(dimension["values"]),
            }
        )
    return tables


def order_of(figures: dict[str, Any]) -> list[str]:
    """Models best first; where there are no ratings, by the components or by name."""
    rating = figures["ratings"]
    ranked = [row["model"] for row in rating.get("rows", [])]
    for part in rating.get("components", []):
        inside = part["ratings"] or [{"model": name} for name in part["models"]]
        ranked += [row["model"] for row in inside]
    matrix = figures.get("matrix") or {"models": []}
    return [*ranked, *(name for name in matrix["models"] if name not in ranked)]


def without_people(content: dict[str, Any]) -> dict[str, Any]:
    """The report for strangers: nobody's name, and no list of single votes."""
    hidden = {"own", "robustness", "agreement"}
    sources = {}
    for source, figures in content.get("sources", {}).items():
        kept = {name: part for name, part in figures.items() if name not in hidden}
        kept["ratings"] = {k: v for k, v in figures["ratings"].items() if k != "own"}
        if kept.get("bias") and kept["bias"].get("fast"):
            fast = {k: v for k, v in kept["bias"]["fast"].items() if k != "people"}
            kept["bias"] = {**kept["bias"], "fast": fast}
        sources[source] = kept
    return {**content, "sources": sources}
