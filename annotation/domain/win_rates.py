"""Who beats whom, how often: the matrix of win rates with its counts and intervals."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from annotation.domain.arrays import Floats, Ints
from annotation.domain.battles import Battles
from annotation.domain.outcomes import LEFT, RIGHT
from annotation.domain.proportions import wilson_interval


class TiePolicy(StrEnum):
    """What a tie, or "both bad", counts for in a win rate."""

    # (wins + ties / 2) / n
    HALF = "half"
    # wins / (wins + losses): ties are left out, and a cell with ties only is empty
    EXCLUDE = "exclude"
    # wins / n, as FastChat's matrix counts when ties are left in: M[i][j] + M[j][i] < 1
    IGNORE_IN_NUMERATOR = "ignore_in_numerator"


class WinRate(NamedTuple):
    """How often the row's model beat the column's. n counts all battles, ties included.

    Everything but the counts is None where nothing can be said: no battle, or, with EXCLUDE, ties
    only. An empty cell is no data, never 0.
    """

    rate: float | None
    low: float | None
    high: float | None
    n: int
    wins: int
    ties: int


@dataclass(frozen=True)
class WinRateMatrix:
    """rates: (M, M) with NaN for empty cells and the diagonal. wins, ties, n: (M, M) counts."""

    models: tuple[str, ...]
    policy: TiePolicy
    rates: Floats
    wins: Ints
    ties: Ints
    n: Ints

    def cell(self, row: str, column: str, alpha: float = 0.05) -> WinRate:
        """One cell with Wilson's interval; a half point for a tie enters as half a win."""
        i, j = self.models.index(row), self.models.index(column)
        rate, n = float(self.rates[i, j]), int(self.n[i, j])
        wins, ties = int(self.wins[i, j]), int(self.ties[i, j])
        if np.isnan(rate):
            return WinRate(None, None, None, n, wins, ties)
        counted = n - ties if self.policy is TiePolicy.EXCLUDE else n
        low, high = wilson_interval(rate * counted, counted, alpha)
        return WinRate(rate, low, high, n, wins, ties)

    def average(self) -> dict[str, float | None]:
        """Unweighted mean over the opponents met, by model; None for one that met nobody.

        Misleading where opponents were not drawn evenly: the page shows Bradley-Terry beside it.
        """
        met = ~np.isnan(self.rates)
        totals, opponents = np.where(met, self.rates, 0.0).sum(axis=1), met.sum(axis=1)
        means = np.divide(totals, opponents, out=np.full(len(totals), np.nan), where=opponents > 0)
        return {
            name: None if np.isnan(mean) else float(mean)
            for name, mean in zip(self.models, means, strict=True)
        }


def win_rate_matrix(battles: Battles, policy: TiePolicy = TiePolicy.HALF) -> WinRateMatrix:
    """Count both presentation orders together; every battle counts once, whatever its weight."""
    size = len(battles.models)

    def count(row: Ints, column: Ints) -> Ints:
        table = np.bincount(row * size + column, minlength=size * size)
        return table.astype(np.int64, copy=False).reshape(size, size)

    left_won, right_won = battles.outcome == LEFT, battles.outcome == RIGHT
    tied = ~(left_won | right_won)
    wins = count(battles.left[left_won], battles.right[left_won])
    wins += count(battles.right[right_won], battles.left[right_won])
    ties = count(battles.left[tied], battles.right[tied])
    ties += ties.T.copy()
    n = wins + wins.T + ties
    points = wins + 0.5 * ties if policy is TiePolicy.HALF else wins.astype(np.float64)
    counted = n - ties if policy is TiePolicy.EXCLUDE else n
    rates = np.divide(points, counted, out=np.full((size, size), np.nan), where=counted > 0)
    return WinRateMatrix(battles.models, policy, rates, wins, ties, n)


class OutcomeShares(NamedTuple):
    """Of one model's battles: how many, and the share of ties and of "both bad"."""

    n: int
    tie_rate: float | None
    both_bad_rate: float | None


def outcome_shares(battles: Battles) -> dict[str, OutcomeShares]:
    """Tie and both-bad rates by model."""
    size = len(battles.models)
    sides = np.concatenate([battles.left, battles.right])
    outcome = np.tile(battles.outcome, 2)
    table = np.bincount(sides * 4 + outcome, minlength=size * 4).reshape(size, 4)
    found = {}
    for name, row in zip(battles.models, table.tolist(), strict=True):
        n = sum(row)
        found[name] = OutcomeShares(n, row[2] / n if n else None, row[3] / n if n else None)
    return found
