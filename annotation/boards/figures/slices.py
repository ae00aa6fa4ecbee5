"""The same question asked of a part of the votes: by tag, use case, language, people, strength."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from annotation.boards.definition import Definition
from annotation.boards.figures.counted import Counted
from annotation.boards.figures.ratings import Rated
from annotation.boards.votes import STRENGTHS, Votes
from annotation.domain.uncertainty import Covariance, intervals

MOST_VALUES = 12  # per dimension, the ones with most votes
FEWEST_VOTES = 10  # a slice with fewer says nothing yet
# Each month is a slice too: whether the board moved is often the first question.
SECONDS_A_DAY = 86_400


def slices(rated: Rated) -> list[dict[str, Any]]:
    """Dimensions with their values, each with a rating of every model that it can rate."""
    votes = rated.counted.votes
    found = []
    for name, values in _dimensions(votes, rated.definition):
        sized = [(label, mask, which, int(mask.sum())) for label, mask, which in values]
        largest = sorted(sized, key=lambda one: (-one[3], one[0]))[:MOST_VALUES]
        if len([size for *_value, size in sized if size]) < 2:
            continue
        found.append(
            {
                "dimension": name,
                "values": [
                    _slice(rated, label, mask) | {"filter": which}
                    for label, mask, which, size in largest
                    if size
                ],
                "of": len(sized),
            }
        )
    return found


# A value of a dimension: its label, the rows that have it, and what finds them (VoteFilter).
Value = tuple[str, np.ndarray, dict[str, str]]


def _dimensions(votes: Votes, definition: Definition) -> Iterator[tuple[str, list[Value]]]:
    prompts = votes.names.prompts
    of_vote = votes["prompt"]
    yield "use_case", _by_label("use_case", [prompt.use_case for prompt in prompts], of_vote)
    yield "tag", _by_tag([prompt.tags for prompt in prompts], of_vote)
    yield "language", _by_label("language", [prompt.language for prompt in prompts], of_vote)
    groups: list[Value] = []
    for name, people in definition.groups.items():
        inside = np.array([label.name in people for label in votes.names.annotators], dtype=bool)
        who = votes["annotator"]
        known = who >= 0
        mask = np.zeros(len(votes), dtype=bool)
        mask[known] = inside[who[known]]
        groups.append((name, mask, {"group": name}))
    yield "annotator_group", groups
    strengths: list[Value] = [
        (name, votes["strength"] == code, {"strength": name})
        for code, name in enumerate(STRENGTHS)
        if name
    ]
    yield "strength", strengths
    campaigns: list[Value] = [
        (label.name, votes["campaign"] == at, {"campaign": label.key})
        for at, label in enumerate(votes.names.campaigns)
    ]
    outside = votes["campaign"] < 0
    yield (
        "round",
        [*campaigns, *([("imported", outside, {"outside": "1"})] if outside.any() else [])],
    )
    yield (
        "kind",
        [
            ("comparisons", votes["vote"] > 0, {"kind": "comparison"}),
            ("rankings", votes["vote"] < 0, {"kind": "ranking"}),
        ],
    )


def _by_label(name: str, labels: list[str], of_vote: np.ndarray) -> list[Value]:
    codes: dict[str, int] = {}
    of_prompt = np.array([codes.setdefault(one, len(codes)) for one in labels], dtype=np.int64)
    rows = of_prompt[of_vote] if len(of_prompt) else np.zeros(0, dtype=np.int64)
    return [(label, rows == code, {name: label}) for label, code in codes.items() if label]


def _by_tag(tags: list[tuple[str, ...]], of_vote: np.ndarray) -> list[Value]:
    having: dict[str, list[int]] = {}
    for at, own in enumerate(tags):
        for tag in own:
            having.setdefault(tag, []).append(at)
    busiest = sorted(having, key=lambda tag: -len(having[tag]))[: 4 * MOST_VALUES]
    found: list[Value] = []
    for tag in busiest:
        tagged = np.zeros(len(tags), dtype=bool)
        tagged[having[tag]] = True
        found.append((tag, tagged[of_vote], {"tag": tag}))
    return found


def _slice(rated: Rated, label: str, mask: np.ndarray) -> dict[str, Any]:
    part = rated.counted.votes.keep(mask)
    weight = rated.counted.weight
    inner = Rated(
        Counted(part, {}, None if weight is None else weight[mask]), rated.definition, rated.source
    )
    found: dict[str, Any] = {
        "value": label,
        "votes": len(part),
        "state": "rated",
        "interval": isinstance(inner.covariance, Covariance),
        "ratings": {},
    }
    met = set(np.unique(np.concatenate([part["left"], part["right"]])).tolist())
    if inner.fit is None or len(met) < len(part.names.models):
        return found | {"state": "not_rankable"} | _partly(rated, part, met)
    points = inner.fit.ratings(inner.anchor)
    found["ratings"] = {name: {"rating": value} for name, value in points.items()}
    if isinstance(inner.covariance, Covariance):
        for row in intervals(
            inner.fit, inner.covariance, level=rated.definition.level, anchor=inner.anchor
        ):
            found["ratings"][row.model] |= {"low": row.low, "high": row.high}
    if len(part) < FEWEST_VOTES:
        found["state"] = "few"
    return found


def _partly(rated: Rated, part: Votes, met: set[int]) -> dict[str, Any]:
    """Where only some models met in this slice: those, rated among themselves."""
    from annotation.boards.figures.counted import only_met

    if len(met) < 2 or len(met) == len(part.names.models):
        return {}
    weightless = Counted(only_met(part), {})
    inner = Rated(weightless, rated.definition, rated.source)
    if inner.fit is None:
        return {}
    points = inner.fit.ratings(inner.anchor)
    return {
        "state": "partly",
        "ratings": {name: {"rating": value} for name, value in points.items()},
    }
