"""Bradley-Terry with a probability for ties: Davidson (1970) and Rao and Kupper (1967).

Davidson: a tie has weight nu * sqrt(pi_i pi_j) beside pi_i and pi_j; nu = 0 means no ties.
Rao-Kupper: P(i beats j) = pi_i / (pi_i + theta pi_j); theta = 1 means no ties.
Both log-likelihoods are concave in (log pi, log nu) and (log pi, log theta).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit

from annotation.domain.arrays import Floats, Ints, sum_by
from annotation.domain.battles import Battles, Cells
from annotation.domain.bradley_terry import (
    TOLERANCE,
    BradleyTerryFit,
    NotRankable,
    NoVotes,
    fit_bradley_terry,
    laplacian,
)
from annotation.domain.outcomes import LEFT, RIGHT
from annotation.domain.rankability import is_separated

MAX_ITERATIONS = 200


class TieModel(StrEnum):
    DAVIDSON = "davidson"
    RAO_KUPPER = "rao_kupper"


@dataclass(frozen=True)
class TieFit:
    """strengths: (M,) logits, mean 0. tie_parameter: Davidson's nu or Rao-Kupper's theta."""

    models: tuple[str, ...]
    tie_model: TieModel
    strengths: Floats
    tie_parameter: float
    log_likelihood: float

    def worths(self) -> dict[str, float]:
        """pi by model, summing to 1."""
        worth = np.exp(self.strengths - self.strengths.max())
        return dict(zip(self.models, (worth / worth.sum()).tolist(), strict=True))

    def probabilities(self, first: str, second: str) -> tuple[float, float, float]:
        """(first wins, second wins, tie)."""
        at = self.models.index
        gap = float(self.strengths[at(first)] - self.strengths[at(second)])
        if self.tie_model is TieModel.DAVIDSON:
            parts = np.array([math.exp(gap / 2), math.exp(-gap / 2), self.tie_parameter])
            win, loss, tie = (parts / parts.sum()).tolist()
            return win, loss, tie
        margin = math.log(self.tie_parameter)
        win, loss = float(expit(gap - margin)), float(expit(-gap - margin))
        return win, loss, 1.0 - win - loss


class Tallies(NamedTuple):
    """Per unordered pair: (P,) first, second; wins of the first, wins of the second, ties."""

    models: tuple[str, ...]
    first: Ints
    second: Ints
    wins: Floats
    losses: Floats
    ties: Floats

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[str, str, float, float, float]]) -> "Tallies":
        """From (first, second, wins of first, wins of second, ties); pairs may repeat.

        Raises ValueError for a negative count or a model against itself.
        """
        kept = list(rows)
        for first, second, *counts in kept:
            if first == second:
                raise ValueError(f"{first!r} is set against itself; a battle needs two models.")
            if not all(0.0 <= count < math.inf for count in counts):
                raise ValueError(
                    f"The counts {counts} of {first!r} against {second!r} are invalid."
                )
        names = tuple(sorted({name for row in kept for name in row[:2]}))
        at = {name: position for position, name in enumerate(names)}
        numbers = np.array([row[2:] for row in kept], dtype=np.float64).reshape(-1, 3)
        first_codes = np.array([at[row[0]] for row in kept], dtype=np.int64)
        second_codes = np.array([at[row[1]] for row in kept], dtype=np.int64)
        return cls(names, first_codes, second_codes, *numbers.T)

    @classmethod
    def from_battles(cls, battles: Battles) -> "Tallies":
        """Both orders of a pair merged; "both bad" is a tie."""
        size = len(battles.models)
        mass = battles.weights()
        key = battles.left * size + battles.right
        turned = battles.right * size + battles.left

        def tally(keys: Ints, chosen: np.ndarray) -> Floats:
            return sum_by(keys[chosen], mass[chosen], size * size)

        left, right = battles.outcome == LEFT, battles.outcome == RIGHT
        tied = ~(left | right)
        upper = np.flatnonzero(np.triu(np.ones((size, size)), 1))
        wins = tally(key, left) + tally(turned, right)
        losses = tally(key, right) + tally(turned, left)
        ties = tally(key, tied) + tally(turned, tied)
        kept = upper[(wins + losses + ties)[upper] > 0]
        return cls(battles.models, kept // size, kept % size, wins[kept], losses[kept], ties[kept])


def fit_with_ties(tallies: Tallies, tie_model: TieModel) -> TieFit | NotRankable | NoVotes:
    """Maximum likelihood. Without any tie this is Bradley-Terry with nu = 0 or theta = 1.

    Returns NotRankable where no finite maximum exists: a tie rescues half-win ratings, but not
    these models when one side of a pair never won.
    """
    size = len(tallies.models)
    if not float(tallies.wins.sum() + tallies.losses.sum() + tallies.ties.sum()):
        return NoVotes(tallies.models)
    halves = fit_bradley_terry(_half_win_cells(tallies))
    if not isinstance(halves, BradleyTerryFit):
        return halves
    if not float(tallies.ties.sum()):
        return TieFit(
            tallies.models,
            tie_model,
            halves.strengths,
            0.0 if tie_model is TieModel.DAVIDSON else 1.0,
            halves.log_likelihood,
        )
    if is_separated(_recession_rows(tallies)):
        return NotRankable(
            tallies.models,
            (),
            "A model that gives ties a probability has no finite estimate here: along some pairs "
            "one side never won. Collect more votes, or count a tie as half a win for each.",
        )
    theta = np.append(halves.strengths, 0.0 if tie_model is TieModel.DAVIDSON else math.log(1.5))
    theta, value = _climb(theta, tallies, tie_model)
    strengths = theta[:size] - theta[:size].mean()
    return TieFit(tallies.models, tie_model, strengths, math.exp(theta[size]), value)


def _half_win_cells(tallies: Tallies) -> Cells:
    scores = np.repeat([1.0, 0.0, 0.5], len(tallies.first))
    counts = np.concatenate([tallies.wins, tallies.losses, tallies.ties])
    cells = Cells(
        tallies.models,
        np.tile(tallies.first, 3),
        np.tile(tallies.second, 3),
        scores,
        counts,
        np.ones(len(counts)),
    )
    return cells.keep(counts > 0)


def _recession_rows(tallies: Tallies) -> Floats:
    """Changes in favour of what was observed, in (strengths, log nu): Davidson's three weights."""
    size = len(tallies.models)
    pairs = len(tallies.first)
    first, second, tie = (np.zeros((pairs, size + 1)) for _ in range(3))
    rows = np.arange(pairs)
    first[rows, tallies.first] = second[rows, tallies.second] = 1.0
    tie[rows, tallies.first] = tie[rows, tallies.second] = 0.5
    tie[:, size] = 1.0
    won, lost, tied = tallies.wins > 0, tallies.losses > 0, tallies.ties > 0
    return np.vstack(
        [
            (first - second)[won],
            (first - tie)[won],
            (second - first)[lost],
            (second - tie)[lost],
            (tie - first)[tied],
            (tie - second)[tied],
        ]
    )


def _climb(theta: Floats, tallies: Tallies, tie_model: TieModel) -> tuple[Floats, float]:
    """Newton with step halving; the last entry of theta is log nu or log theta."""
    size = len(tallies.models)
    value, gradient, information = derivatives(theta, tallies, tie_model)
    centre = np.zeros_like(information)
    centre[:size, :size] = 1.0
    for _ in range(MAX_ITERATIONS):
        step = np.linalg.solve(information + centre, gradient)
        scale = 1.0
        while True:
            trial = theta + scale * step
            inside = tie_model is TieModel.DAVIDSON or trial[size] > 0.0
            if inside:
                found = derivatives(trial, tallies, tie_model)
                if found[0] >= value - 1e-12 * abs(value):
                    break
            if scale < 1e-12:
                return theta, value
            scale /= 2.0
        theta, (value, gradient, information) = trial, found
        if scale * float(np.abs(step).max()) < TOLERANCE:
            break
    return theta, value


def derivatives(
    theta: Floats, tallies: Tallies, tie_model: TieModel
) -> tuple[float, Floats, Floats]:
    """Log-likelihood, gradient and information at (strengths, log of the tie parameter)."""
    derive = _davidson if tie_model is TieModel.DAVIDSON else _rao_kupper
    return derive(theta, tallies)


def _assemble(
    size: int, tallies: Tallies, slope: Floats, curvature: Floats, mixed: Floats
) -> tuple[Floats, Floats]:
    """Gradient and information in the strengths, given per-pair derivatives in the gap."""
    gradient = np.zeros(size + 1)
    gradient[:size] = sum_by(tallies.first, slope, size)
    gradient[:size] -= sum_by(tallies.second, slope, size)
    information = np.zeros((size + 1, size + 1))
    information[:size, :size] = laplacian(tallies.first, tallies.second, curvature, size)
    cross = sum_by(tallies.first, mixed, size) - sum_by(tallies.second, mixed, size)
    information[:size, size] = information[size, :size] = cross
    return gradient, information


def _davidson(theta: Floats, tallies: Tallies) -> tuple[float, Floats, Floats]:
    size = len(tallies.models)
    half = 0.5 * (theta[tallies.first] - theta[tallies.second])
    weights = np.stack([half, -half, np.broadcast_to(theta[size], half.shape)])
    top = np.logaddexp.reduce(weights, axis=0)
    win, loss, tie = np.exp(weights - top)
    votes = tallies.wins + tallies.losses + tallies.ties
    value = float(
        tallies.wins @ (weights[0] - top)
        + tallies.losses @ (weights[1] - top)
        + tallies.ties @ (weights[2] - top)
    )
    slope = 0.5 * (tallies.wins - tallies.losses - votes * (win - loss))
    curvature = 0.25 * votes * (win + loss - (win - loss) ** 2)
    gradient, information = _assemble(
        size, tallies, slope, curvature, -0.5 * votes * (win - loss) * tie
    )
    gradient[size] = float((tallies.ties - votes * tie).sum())
    information[size, size] = float((votes * tie * (1.0 - tie)).sum())
    return value, gradient, information


def _rao_kupper(theta: Floats, tallies: Tallies) -> tuple[float, Floats, Floats]:
    size = len(tallies.models)
    margin = theta[size]
    gap = theta[tallies.first] - theta[tallies.second]
    # A tie factors into both inequalities: P(tie) = (theta^2 - 1) P(i beats j) P(j beats i).
    ahead, behind = tallies.wins + tallies.ties, tallies.losses + tallies.ties
    win, loss = expit(gap - margin), expit(-gap - margin)
    ties = float(tallies.ties.sum())
    value = float(
        ahead @ log_expit(gap - margin)
        + behind @ log_expit(-gap - margin)
        + ties * math.log(math.expm1(2.0 * margin))
    )
    slope = ahead * (1.0 - win) - behind * (1.0 - loss)
    up, down = ahead * win * (1.0 - win), behind * loss * (1.0 - loss)
    gradient, information = _assemble(size, tallies, slope, up + down, down - up)
    shrink = -math.expm1(-2.0 * margin)
    gradient[size] = 2.0 * ties / shrink - float((ahead * (1 - win) + behind * (1 - loss)).sum())
    information[size, size] = float((up + down).sum()) + 4.0 * ties * (1.0 - shrink) / shrink**2
    return value, gradient, information
