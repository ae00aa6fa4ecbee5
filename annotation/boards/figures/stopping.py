"""May one stop asking? By the looks or the e-process that were fixed before the first vote."""

import itertools
from typing import Any

import numpy as np

from annotation.boards.figures.ratings import Rated
from annotation.domain.outcomes import LEFT, RIGHT
from annotation.domain.planning import e_value, look_boundaries
from annotation.domain.uncertainty import Covariance

ALPHA = 0.05


def stopping(rated: Rated) -> dict[str, Any]:
    """The rule, where the votes stand in it, and which neighbours it calls different."""
    rule = rated.definition.stopping
    found: dict[str, Any] = {"rule": rule, "alpha": ALPHA, "pairs": []}
    order = _order(rated)
    if rule == "looks":
        found |= _looks(rated, order)
    elif rule == "e_value":
        for first, second in itertools.pairwise(order):
            wins, losses = _met(rated, first, second)
            value = e_value(wins, losses)
            found["pairs"].append(
                {
                    "first": first,
                    "second": second,
                    "wins": wins,
                    "losses": losses,
                    "e_value": value,
                    "decided": value >= 1.0 / ALPHA,
                }
            )
    return found | _verdict(found, rated.definition.goal)


def _verdict(found: dict[str, Any], goal: str) -> dict[str, Any]:
    """decided: the goal is reached. over: the last of the planned looks is, whatever it said."""
    asked = found["pairs"][:1] if goal == "leader" else found["pairs"]
    decided = bool(asked) and all(pair["decided"] for pair in asked)
    looks, look = found.get("looks"), found.get("look")
    return {"goal": goal, "decided": decided, "over": bool(look) and look == looks}


def _order(rated: Rated) -> list[str]:
    if rated.fit is None:
        return []
    strengths = rated.strengths()
    return sorted(strengths, key=lambda name: (-strengths[name], name))


def _looks(rated: Rated, order: list[str]) -> dict[str, Any]:
    """At vote k/K of the plan the k-th boundary holds, and before the first look none does."""
    planned, looks = rated.definition.planned_votes, rated.definition.looks
    bounds = look_boundaries(looks, ALPHA).tolist()
    if not planned:
        return {"looks": looks, "boundaries": bounds, "planned": None, "look": None}
    votes = len(rated.battles)
    look = min(looks, int(votes * looks // planned))
    pairs = []
    if look and isinstance(rated.covariance, Covariance):
        strengths = rated.strengths()
        for first, second in itertools.pairwise(order):
            se = rated.covariance.contrast_se(first, second)
            z = (strengths[first] - strengths[second]) / se if se > 0 else None
            decided = z is not None and abs(z) >= bounds[look - 1]
            pairs.append({"first": first, "second": second, "z": z, "decided": decided})
    return {
        "looks": looks,
        "boundaries": bounds,
        "planned": planned,
        "look": look,
        "next_look_at": None if look >= looks else int(np.ceil((look + 1) * planned / looks)),
        "pairs": pairs,
    }


def _met(rated: Rated, first: str, second: str) -> tuple[int, int]:
    """Decisive votes for the one and for the other where these two met."""
    battles = rated.battles
    one, other = battles.models.index(first), battles.models.index(second)
    forth = (battles.left == one) & (battles.right == other)
    back = (battles.left == other) & (battles.right == one)
    won = (battles.outcome == LEFT) & forth | (battles.outcome == RIGHT) & back
    lost = (battles.outcome == RIGHT) & forth | (battles.outcome == LEFT) & back
    return int(won.sum()), int(lost.sum())
