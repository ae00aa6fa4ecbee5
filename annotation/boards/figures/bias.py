"""What else moved the votes: place, length, markdown, leaks, duplicates, haste, own family."""

import re
from typing import Any

import numpy as np

from annotation.boards.figures.counted import leaked, prompt_twins
from annotation.boards.figures.ratings import Rated
from annotation.boards.votes import STYLE, Votes
from annotation.domain.annotator_quality import fast_votes, self_consistency
from annotation.domain.diagnostics import FeatureBias, feature_bias, position_bias
from annotation.domain.outcomes import OUTCOMES
from annotation.domain.proportions import Share, share
from annotation.domain.style_control import fit_style_controlled

# Answers that say nothing, or the same in more words: a judge that likes them is no judge. Where a
# board names no controls, models with such names are shown.
CONTROL = re.compile(r"\b(null|constant|empty|verbose|control)", re.IGNORECASE)
MOST_LISTED = 100


def as_share(found: Share) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


def bias(rated: Rated, everything: Votes) -> dict[str, Any]:
    """`everything`: the source's rows before repeats, leaks and duplicates were left out."""
    return {
        "position": _position(rated),
        "texts": _texts(rated),
        "leaked": as_share(share(int(leaked(everything).sum()), _read(everything))),
        "leaked_filter": _some(everything, leaked(everything)),
        "leaked_dropped": rated.definition.drop_leaked,
        "duplicates": _duplicates(rated),
        "fast": _fast(rated),
        "repeats": _repeats(everything),
        "controls": _controls(rated),
    }


def _some(votes: Votes, chosen: np.ndarray) -> dict[str, str] | None:
    """What finds the first of these comparisons (VoteFilter); None where there is none."""
    own = votes["vote"][chosen]
    own = own[own > 0][:MOST_LISTED]
    return {"ids": ",".join(map(str, own.tolist()))} if len(own) else None


def _position(rated: Rated) -> dict[str, Any] | None:
    """None where no vote says what was shown first."""
    known = rated.counted.votes["ordered"]
    if not known.any():
        return None
    found = position_bias(rated.battles.keep(known))
    return {
        "first": as_share(found.first),
        "effect": found.effect,
        "low": found.low,
        "high": found.high,
        "shuffled_p": found.shuffled_p,
        "votes": int(known.sum()),
    }


def _read(votes: Votes) -> int:
    """Votes of which both texts were read."""
    left, _rows = votes.texts.of(votes["left_answer"])
    right, _rows = votes.texts.of(votes["right_answer"])
    return int((left & right).sum())


def _texts(rated: Rated) -> dict[str, Any] | None:
    """Length and markdown: how they moved votes, and ratings at equal style."""
    votes = rated.counted.votes
    left, left_row = votes.texts.of(votes["left_answer"])
    right, right_row = votes.texts.of(votes["right_answer"])
    both = left & right
    if int(both.sum()) < 2:
        return None
    battles = rated.battles.keep(both)
    one, other = votes.texts.style[left_row[both]], votes.texts.style[right_row[both]]
    features = {
        name: _feature(feature_bias(battles, one[:, at], other[:, at]))
        for at, name in enumerate(STYLE)
    }
    controlled = {}
    for name, columns in (("length", [0]), ("style", [0, 1, 2, 3])):
        fit = fit_style_controlled(
            battles.models,
            battles.left,
            battles.right,
            battles.score(),
            one[:, columns],
            other[:, columns],
            features=[STYLE[at] for at in columns],
        )
        order = sorted(fit.ratings, key=lambda model: (-fit.ratings[model], model))
        controlled[name] = {
            "ratings": [{"model": model, "rating": fit.ratings[model]} for model in order],
            "coefficients": fit.coefficients,
            "standard_errors": fit.standard_errors,
            "ridge": fit.ridge,
        }
    return {"votes": int(both.sum()), "of": len(votes), "features": features, **controlled}


def _feature(found: FeatureBias) -> dict[str, Any]:
    return {
        "higher_wins": as_share(found.higher_wins),
        "coefficient": found.coefficient,
        "low": found.low,
        "high": found.high,
        "bins": [{"upper": edge, **as_share(won)} for edge, won in found.bins],
    }


def _duplicates(rated: Rated) -> dict[str, Any]:
    votes = rated.counted.votes
    codes = prompt_twins(votes)
    if not len(codes):
        return {"prompts": 0, "most": 0, "most_share": None, "cut": 0, "filter": None}
    often = np.bincount(codes)
    most = int(often.max())
    busiest = votes.names.prompts[int(votes["prompt"][np.argmax(codes == np.argmax(often))])]
    return {
        "prompts": int(np.count_nonzero(often)),
        "most": most,
        "most_share": most / len(codes),
        "cut": rated.counted.left_out.get("duplicates", 0),
        "filter": {"prompt": str(busiest.key)},
    }


def _fast(rated: Rated) -> dict[str, Any] | None:
    """Votes that came sooner than anybody reads; None where no time or no text is known."""
    votes = rated.counted.votes
    left, left_row = votes.texts.of(votes["left_answer"])
    right, right_row = votes.texts.of(votes["right_answer"])
    known = left & right & np.isfinite(votes["seconds"])
    if not known.any():
        return None
    words = votes.texts.style[left_row[known], 0] + votes.texts.style[right_row[known], 0]
    fast = fast_votes(votes["seconds"][known].astype(np.float64), words)
    people = votes["annotator"][known]
    worst = []
    for person in np.unique(people[fast & (people >= 0)]).tolist():
        own = people == person
        found = share(int(fast[own].sum()), int(own.sum()))
        label = votes.names.annotators[person]
        worst.append({"annotator": label.name, "key": label.key, **as_share(found)})
    worst.sort(key=lambda row: -(row["value"] or 0.0))
    return {**as_share(share(int(fast.sum()), int(known.sum()))), "people": worst[:10]}


def _repeats(everything: Votes) -> dict[str, Any] | None:
    """Own items asked again with the answers in each other's place."""
    again = np.flatnonzero(everything["repeat"])
    if not len(again):
        return None
    first: dict[tuple[int, int, int], int] = {}
    for row in np.flatnonzero(~everything["repeat"]).tolist():
        first.setdefault(_asked(everything, row), row)
    pairs = []
    for row in again.tolist():
        before = first.get(_asked(everything, row))
        if before is None:
            continue
        turned = everything["left_answer"][row] != everything["left_answer"][before]
        outcome = OUTCOMES[int(everything["outcome"][row])]
        if turned:
            pairs.append((OUTCOMES[int(everything["outcome"][before])], outcome))
    if not pairs:
        return None
    found = self_consistency(pairs)
    return {name: as_share(getattr(found, name)) for name in ("same", "reversed", "same_side")}


def _asked(votes: Votes, row: int) -> tuple[int, int, int]:
    one, other = int(votes["left_answer"][row]), int(votes["right_answer"][row])
    return int(votes["annotator"][row]), min(one, other), max(one, other)


def _controls(rated: Rated) -> list[dict[str, Any]]:
    """The board's controls, else models whose names say so, with their share of points."""
    battles = rated.battles
    chosen = rated.definition.controls
    found = []
    for at, name in enumerate(battles.models):
        if name not in chosen if chosen else not CONTROL.search(name):
            continue
        left, right = battles.left == at, battles.right == at
        score = battles.score()
        points = float(score[left].sum() + (1.0 - score[right]).sum())
        n = int(left.sum() + right.sum())
        found.append({"model": name, "win_rate": points / n if n else None, "n": n})
    return found
