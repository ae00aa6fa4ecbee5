"""How far people agree, with each other and with themselves; ratings of answers beside choices."""

from collections import defaultdict
from collections.abc import Hashable
from itertools import combinations
from typing import Any

import numpy as np

from annotation.boards.figures.bias import as_share
from annotation.boards.figures.ratings import Rated
from annotation.boards.votes import Votes
from annotation.domain.agreement import Coefficient, Level, cohen_kappa, krippendorff_alpha
from annotation.domain.annotator_quality import severity
from annotation.domain.arrays import Ints
from annotation.domain.outcomes import LEFT, RIGHT
from annotation.domain.proportions import share

RESAMPLES = 200
MOST_UNITS = 20_000  # items judged by two or more; of more, the first
MOST_PEOPLE = 8  # whose agreement is shown pair by pair
MOST_VOTES = 200_000


def agreement(rated: Rated) -> dict[str, Any] | None:
    """None where no two people judged the same two answers and nobody rated any."""
    votes = rated.counted.votes
    if len(votes) > MOST_VOTES:
        votes = votes.keep(np.arange(MOST_VOTES))
    units = _units(votes)
    alpha = krippendorff_alpha(
        [[outcome for _person, outcome in unit] for unit in units[:MOST_UNITS]],
        Level.NOMINAL,
        resamples=RESAMPLES,
        seed=rated.definition.seed,
    )
    found: dict[str, Any] = {
        "alpha": _coefficient(alpha),
        "people": _pairs_of_people(votes, units[:MOST_UNITS]),
        "cycles": _cycles(votes),
        "consistency": consistency(votes),
    }
    empty = not units and found["consistency"] is None and not found["cycles"]["complete"]
    return None if empty else found


def _coefficient(found: Coefficient) -> dict[str, Any]:
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "agreement": found.agreement,
        "reason": found.reason,
    }


def _canonical(votes: Votes) -> tuple[Ints, Ints, Ints]:
    """Lower answer id, higher answer id, and the outcome seen from the lower one: 0, 1 or a tie."""
    one, other = votes["left_answer"], votes["right_answer"]
    turned = one > other
    outcome = votes["outcome"].astype(np.int64)
    swapped = np.where(outcome == LEFT, RIGHT, np.where(outcome == RIGHT, LEFT, outcome))
    return np.minimum(one, other), np.maximum(one, other), np.where(turned, swapped, outcome)


def _units(votes: Votes) -> list[list[tuple[int, int]]]:
    """(person, outcome) of each two answers that two or more known people compared."""
    low, high, outcome = _canonical(votes)
    by_pair: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
    people = votes["annotator"].tolist()
    for one, other, person, said in zip(
        low.tolist(), high.tolist(), people, outcome.tolist(), strict=True
    ):
        if person >= 0:
            by_pair[one, other].setdefault(person, said)
    return [list(said.items()) for said in by_pair.values() if len(said) > 1]


def _pairs_of_people(votes: Votes, units: list[list[tuple[int, int]]]) -> list[dict[str, Any]]:
    """Percent agreement and Cohen's kappa of each two of the busiest people."""
    busy: dict[int, int] = defaultdict(int)
    for unit in units:
        for person, _said in unit:
            busy[person] += 1
    chosen = sorted(busy, key=lambda person: (-busy[person], person))[:MOST_PEOPLE]
    shared: dict[tuple[int, int], tuple[list[Hashable], list[Hashable]]] = {
        pair: ([], []) for pair in combinations(sorted(chosen), 2)
    }
    for unit in units:
        inside = sorted((person, said) for person, said in unit if person in chosen)
        for (first, one), (second, other) in combinations(inside, 2):
            shared[first, second][0].append(one)
            shared[first, second][1].append(other)
    found = []
    for (first, second), (mine, theirs) in shared.items():
        if not mine:
            continue
        kappa = cohen_kappa(mine, theirs)
        same = sum(a == b for a, b in zip(mine, theirs, strict=True))
        found.append(
            {
                "first": votes.names.annotators[first].name,
                "second": votes.names.annotators[second].name,
                "kappa": kappa.value,
                "reason": kappa.reason,
                "same": as_share(share(same, len(mine))),
            }
        )
    return found


def _cycles(votes: Votes) -> dict[str, Any]:
    """Within one person and prompt: of three answers compared with one another, how often a beats b
    beats c beats a. Rankings have none by their nature and are not looked at."""
    own = votes.keep(votes["vote"] > 0)
    low, high, outcome = _canonical(own)
    beaten: dict[tuple[int, int], dict[tuple[int, int], int]] = defaultdict(dict)
    rows = zip(
        own["annotator"].tolist(),
        own["prompt"].tolist(),
        low.tolist(),
        high.tolist(),
        outcome.tolist(),
        strict=True,
    )
    for person, prompt, one, other, said in rows:
        if person >= 0:
            beaten[person, prompt][one, other] = said
    cyclic = complete = 0
    examples: list[int] = []
    for (_person, prompt), said in beaten.items():
        if len(said) < 3:
            continue
        answers = sorted({answer for pair in said for answer in pair})
        for a, b, c in combinations(answers[:12], 3):
            triple = [said.get(pair) for pair in ((a, b), (b, c), (a, c))]
            if any(one not in (LEFT, RIGHT) for one in triple):
                continue
            complete += 1
            # a > b > c > a, or all the other way round
            if triple in ([LEFT, LEFT, RIGHT], [RIGHT, RIGHT, LEFT]):
                cyclic += 1
                if len(examples) < 5:
                    examples.append(own.names.prompts[prompt].key)
    return {**as_share(share(cyclic, complete)), "complete": complete, "prompts": examples}


def consistency(votes: Votes) -> dict[str, Any] | None:
    """Ratings of single answers beside choices between them; None where nobody rated.

    Each choice between two answers that the same person also rated says whether the ratings stand
    in the same order; alpha is given for both, ordinal for ratings.
    """
    scores = votes.scores
    if not len(scores):
        return None
    by_answer: dict[tuple[int, int], list[float]] = defaultdict(list)
    units: dict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    rated: dict[Hashable, list[tuple[Hashable, float]]] = defaultdict(list)
    for person, answer, aspect, score in zip(
        scores.annotator.tolist(),
        scores.answer.tolist(),
        scores.aspect.tolist(),
        scores.score.tolist(),
        strict=True,
    ):
        if person < 0:
            continue
        by_answer[person, answer].append(score)
        units[answer, aspect].setdefault(person, score)
        rated[person].append(((answer, aspect), score))
    agree = disagree = equal = 0
    for row in range(len(votes)):
        person, outcome = int(votes["annotator"][row]), int(votes["outcome"][row])
        one = by_answer.get((person, int(votes["left_answer"][row])))
        other = by_answer.get((person, int(votes["right_answer"][row])))
        if one is None or other is None or outcome not in (LEFT, RIGHT):
            continue
        gap = sum(one) / len(one) - sum(other) / len(other)
        if gap == 0:
            equal += 1
        elif (gap > 0) == (outcome == LEFT):
            agree += 1
        else:
            disagree += 1
    alpha = krippendorff_alpha(
        [list(unit.values()) for unit in list(units.values())[:MOST_UNITS]],
        Level.ORDINAL,
        resamples=RESAMPLES,
    )
    lean = severity(rated)
    people: list[dict[str, Any]] = [
        {"annotator": votes.names.annotators[int(person)].name, "lean": value}  # type: ignore[call-overload]
        for person, value in lean.items()
        if not np.isnan(value)
    ]
    return {
        "ratings": len(scores),
        "alpha": _coefficient(alpha),
        "same_order": as_share(share(agree, agree + disagree)),
        "equal_ratings": equal,
        "severity": sorted(people, key=lambda one: one["lean"])[:50],
        "order": _orders(votes),
    }


def _orders(votes: Votes) -> list[dict[str, Any]]:
    """Each model's mean rating, to stand beside its Bradley-Terry rating."""
    scores = votes.scores
    size = len(votes.names.models)
    inside = (scores.model >= 0) & (scores.model < size)
    n = np.bincount(scores.model[inside], minlength=size)
    total = np.bincount(scores.model[inside], scores.score[inside], size)
    found: list[dict[str, Any]] = [
        {"model": name, "mean": float(total[at] / n[at]), "n": int(n[at])}
        for at, name in enumerate(votes.names.models)
        if n[at]
    ]
    return sorted(found, key=lambda one: (-one["mean"], one["model"]))
