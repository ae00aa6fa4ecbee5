"""Win rates against one reference, a model or human texts, as AlpacaEval counts them."""

from dataclasses import asdict
from typing import Any

import numpy as np

from annotation.boards.figures.ratings import Rated
from annotation.boards.votes import Votes
from annotation.domain.battles import LEFT_SCORE
from annotation.domain.logistic import NoFiniteEstimate
from annotation.domain.reference_win_rates import (
    ReferenceWinRate,
    length_controlled_win_rate,
    reference_win_rate,
)

LENGTH = 0  # the first column of a text's style: words
RESAMPLES = 200
MOST_FOR_RESAMPLING = 20_000


def against_reference(rated: Rated) -> dict[str, Any] | None:
    """None without a reference; its absence from the votes is said."""
    name = rated.definition.reference
    if not name:
        return None
    votes = rated.counted.votes
    found: dict[str, Any] = {"reference": name, "rows": [], "present": name in votes.names.models}
    if not found["present"]:
        return found
    base = votes.names.models.index(name)
    for model, at in sorted((model, at) for at, model in enumerate(votes.names.models)):
        if at == base:
            continue
        meets = votes.keep(
            ((votes["left"] == base) & (votes["right"] == at))
            | ((votes["left"] == at) & (votes["right"] == base))
        )
        preferences = preferences_for(meets, at)
        rate = reference_win_rate(preferences.tolist())
        if isinstance(rate, ReferenceWinRate):
            row = {"model": model, **asdict(rate)}
            found["rows"].append(row | {"length": _length_controlled(rated, meets, at)})
    found["rows"].sort(key=lambda row: -row["win_rate"])
    return found


def preferences_for(votes: Votes, model: int) -> np.ndarray:
    """(n,) 1 for the reference to 2 for the model; a judge's probability where one was stored."""
    share = votes["share"].astype(np.float64)
    right = np.where(np.isfinite(share), share, 1.0 - LEFT_SCORE[votes["outcome"]])
    # A stored probability is a float of 32 bits; what lies beyond an end is rounding.
    own = np.clip(np.where(votes["right"] == model, right, 1.0 - right), 0.0, 1.0)
    preferences: np.ndarray = 1.0 + own
    return preferences


def _length_controlled(rated: Rated, votes: Votes, model: int) -> dict[str, Any] | None:
    """The win rate at equal lengths, with the share of items whose lengths are nearly equal."""
    left, left_row = votes.texts.of(votes["left_answer"])
    right, right_row = votes.texts.of(votes["right_answer"])
    known = left & right
    if int(known.sum()) < 2:
        return None
    part = votes.keep(known)
    one = votes.texts.style[left_row[known], LENGTH]
    other = votes.texts.style[right_row[known], LENGTH]
    mine = np.where(part["left"] == model, one, other)
    theirs = np.where(part["left"] == model, other, one)
    try:
        found = length_controlled_win_rate(
            preferences_for(part, model) - 1.0,
            mine,
            theirs,
            resamples=RESAMPLES if len(part) <= MOST_FOR_RESAMPLING else 0,
            seed=rated.definition.seed,
        )
    except NoFiniteEstimate as none:
        return {"controlled": None, "reason": str(none), "n": len(part)}
    return {
        "controlled": found.controlled,
        "low": found.low,
        "high": found.high,
        "overlap": found.overlap,
        "trusted": found.trusted,
        "n": len(part),
    }
