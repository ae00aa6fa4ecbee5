"""Online Elo: a history to look at, never a basis for a decision.

    E_a = 1 / (1 + 10^((R_b - R_a) / 400)),   R_a += K (S - E_a),   R_b -= K (S - E_a)

The result depends on the order of the votes: the same 1,000 votes in 200 orders gave 88 different
rankings at K = 32 and 13 at K = 4. Wherever it is shown, it says so; `bradley_terry` rates.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import compress

import numpy as np

from annotation.domain.battles import LEFT_SCORE, Battles
from annotation.domain.elo_loops import fastest_loop
from annotation.domain.outcomes import OUTCOME_CODES, UnknownOutcome

ORDER_DEPENDENT = "Elo depends on the order of the votes; another order gives other figures."


@dataclass
class EloRatings:
    """Ratings that move with every vote, at the same small cost however many came before.

    k: how far one vote can move a rating, in points. scale: points for odds of `base` to 1.
    The sum of all ratings changes only when a model is seen for the first time.
    """

    k: float = 4.0
    scale: float = 400.0
    base: float = 10.0
    start: float = 1000.0
    ratings: dict[str, float] = field(default_factory=dict)
    votes: int = 0

    def __post_init__(self) -> None:
        if not (self.k > 0 and self.scale > 0 and self.base > 1 and math.isfinite(self.start)):
            raise ValueError(
                f"Elo needs k > 0, scale > 0 and base > 1; given were k={self.k}, "
                f"scale={self.scale}, base={self.base}."
            )

    def record(self, left: str, right: str, outcome: str) -> float:
        """Take one vote into account and return how many points the left model gained.

        Raises UnknownOutcome for a word that names no outcome, and ValueError for a model against
        itself; neither changes anything.
        """
        code = OUTCOME_CODES.get(outcome)
        if code is None:
            raise UnknownOutcome(outcome)
        if left == right:
            raise ValueError(f"{left!r} is set against itself; a battle needs two models.")
        before = self.ratings.get(left, self.start)
        other = self.ratings.get(right, self.start)
        gain = self.k * (LEFT_SCORE[code] - self.expected(before, other))
        self.ratings[left] = before + gain
        self.ratings[right] = other - gain
        self.votes += 1
        return float(gain)

    def expected(self, rating: float, other: float) -> float:
        """The score that a rating promises against another, between 0 and 1."""
        return 1.0 / (1.0 + self.base ** ((other - rating) / self.scale))

    def replay(self, battles: Battles, *, points: int = 200) -> "EloHistory":
        """Take all battles in their order, keeping at most `points` evenly spaced moments.

        The ratings end up in this object, so that later votes continue from there.
        """
        every = max(1, -(-len(battles) // max(1, points)))
        moments, courses = [self.votes], [dict(self.ratings)]
        names, left, right = battles.models, battles.left, battles.right
        ratings = np.array([self.ratings.get(name, self.start) for name in names], dtype=np.float64)
        score, steepness = LEFT_SCORE[battles.outcome], math.log(self.base) / self.scale
        take = fastest_loop()(left, right, score, self.k, steepness, ratings)
        seen = np.zeros(len(names), dtype=bool)
        for begin in range(0, len(battles), every):
            end = min(begin + every, len(battles))
            take(begin, end)
            if not seen.all():
                seen[left[begin:end]] = seen[right[begin:end]] = True
            met = compress(zip(names, ratings.tolist(), strict=True), seen.tolist())
            self.ratings.update(met)
            self.votes += end - begin
            moments.append(self.votes)
            courses.append(dict(self.ratings))
        return EloHistory(tuple(moments), tuple(courses))


@dataclass(frozen=True)
class EloHistory:
    """votes: how many votes had been taken at each moment. ratings: by model, at that moment."""

    votes: tuple[int, ...]
    ratings: tuple[dict[str, float], ...]
    caution: str = ORDER_DEPENDENT

    def course(self, model: str, start: float = 1000.0) -> list[float]:
        """The rating of one model at each moment; `start` until its first vote."""
        return [moment.get(model, start) for moment in self.ratings]


def elo_ratings(
    votes: Iterable[tuple[str, str, str]],
    *,
    k: float = 4.0,
    scale: float = 400.0,
    base: float = 10.0,
    start: float = 1000.0,
) -> dict[str, float]:
    """Ratings after (left, right, outcome) votes in this order."""
    elo = EloRatings(k=k, scale=scale, base=base, start=start)
    for left, right, outcome in votes:
        elo.record(left, right, outcome)
    return elo.ratings
