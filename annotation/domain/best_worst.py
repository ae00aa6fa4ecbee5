"""Best-worst scaling: the counting score of each thing that was shown in sets. Pure.

(B - W) / N, with B times named best, W times named worst, N times shown (Louviere, Flynn and
Marley 2015, chapter 1; Kiritchenko and Mohammad 2017, arXiv:1712.01765, section 3).
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from annotation.domain.uncertainty import FEWEST_ANNOTATORS, critical_value


class Counted(NamedTuple):
    """How often one person named `name` best and worst, of the times that it was shown to them."""

    name: str
    person: str
    best: int
    worst: int
    shown: int


@dataclass(frozen=True)
class Score:
    """score: (best - worst) / shown, in [-1, 1]. low, high: its interval; None with few people."""

    name: str
    best: int
    worst: int
    shown: int
    score: float
    low: float | None = None
    high: float | None = None


def scores(rows: Iterable[Counted], level: float = 0.95) -> list[Score]:
    """Highest first. The interval is that of a ratio of sums over people (CR1, Student's t with
    G - 1 degrees), where at least FEWEST_ANNOTATORS people saw the thing.

    With e_g = (B_g - W_g) - score * N_g of person g: variance = G / (G - 1) * sum e_g^2 / N^2.
    """
    by_name: dict[str, list[Counted]] = defaultdict(list)
    for row in rows:
        by_name[row.name].append(row)
    found = [_score(name, of_name, level) for name, of_name in by_name.items()]
    return sorted(found, key=lambda one: (-one.score, one.name))


def _score(name: str, rows: list[Counted], level: float) -> Score:
    best, worst = sum(row.best for row in rows), sum(row.worst for row in rows)
    shown = sum(row.shown for row in rows)
    score = (best - worst) / shown
    people = len({row.person for row in rows})
    if people < FEWEST_ANNOTATORS:
        return Score(name, best, worst, shown, score)
    squares = sum((row.best - row.worst - score * row.shown) ** 2 for row in rows)
    error = math.sqrt(people / (people - 1) * squares) / shown
    half = critical_value(level, people - 1) * error
    return Score(name, best, worst, shown, score, max(-1.0, score - half), min(1.0, score + half))
