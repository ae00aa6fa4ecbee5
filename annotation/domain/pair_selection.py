"""Which two models to show next, and with what probability each pair was chosen.

Choosing pairs cleverly buys little precision of ratings; it pays when the question is which models
differ (`MISORDER`) or in what order they stand (`UNCERTAINTY`). Part of the choice stays uniform,
and every pair keeps a known probability, so that votes can be weighted back.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr

from annotation.domain.arrays import Floats, Ints

# At least this share of choices is uniform unless a manager says otherwise.
EXPLORATION = 0.10
# A look-ahead over pairs of pairs: beyond this many candidates only the likeliest to matter are
# tried.
MOST_CANDIDATES = 400


class Strategy(StrEnum):
    """What the next vote is for."""

    # every pair equally often
    UNIFORM = "uniform"
    # the largest expected drop in the number of misordered pairs: which models differ
    MISORDER = "misorder"
    # the pair whose order is least certain: the order itself
    UNCERTAINTY = "uncertainty"
    # the largest drop in the summed variance of strengths: the ratings themselves
    A_OPTIMAL = "a_optimal"
    # the new model against those nearest to its present estimate
    NEAR = "near"


@dataclass(frozen=True)
class Posterior:
    """What is known of strengths: (M,) means and (M, M) covariance, in logits."""

    means: Floats
    covariance: Floats

    def after(self, pair: tuple[int, int]) -> "Posterior":
        """The same with one more vote on `pair`, whichever way it goes (Sherman and Morrison)."""
        direction = _contrast(pair, len(self.means))
        spread = self.covariance @ direction
        chance = expit(self.means[pair[0]] - self.means[pair[1]])
        weight = chance * (1.0 - chance)
        shrink = weight / (1.0 + weight * float(direction @ spread))
        return Posterior(self.means, self.covariance - shrink * np.outer(spread, spread))


class ChosenPair(NamedTuple):
    """Positions of the two models, and the probability with which this pair was drawn."""

    first: int
    second: int
    probability: float


def all_pairs(size: int) -> tuple[Ints, Ints]:
    """(P,) first < second of every two models."""
    first, second = np.triu_indices(size, 1)
    return first.astype(np.int64), second.astype(np.int64)


def arena_probabilities(votes: Floats, chances: Floats, uniform_share: float) -> Floats:
    """(P,) arXiv:2403.04132 eq. 9: sqrt(S / n) - sqrt(S / (n + 1)), S = p (1 - p), mixed.

    votes: (P,) so far per pair. chances: (P,) estimated win rates. Pairs without a vote come first,
    equally likely. Every pair keeps at least uniform_share / P.
    """
    unseen = votes <= 0
    if bool(unseen.any()):
        return mix_with_uniform(unseen.astype(np.float64), uniform_share)
    spread = chances * (1.0 - chances)
    gain = np.sqrt(spread / votes) - np.sqrt(spread / (votes + 1.0))
    return mix_with_uniform(gain, uniform_share)


def mix_with_uniform(weights: Floats, uniform_share: float) -> Floats:
    """(P,) (1 - share) * weights / sum + share / P; all uniform where every weight is 0.

    Raises ValueError for a share outside [0, 1], a negative weight, or no pair.
    """
    if not 0.0 <= uniform_share <= 1.0:
        raise ValueError(f"The uniform share is {uniform_share!r}; give a number in [0, 1].")
    if not len(weights) or not bool((weights >= 0.0).all()):
        raise ValueError("Pairs need weights of at least 0, and there must be a pair to choose.")
    total = float(weights.sum())
    flat = np.full(len(weights), 1.0 / len(weights))
    return flat if total == 0.0 else (1.0 - uniform_share) * weights / total + uniform_share * flat


def fisher_information(strengths: Floats, first: Ints, second: Ints, votes: Floats) -> Floats:
    """(M, M) information of `votes` per pair at these strengths."""
    size = len(strengths)
    chance = expit(strengths[first] - strengths[second])
    mass = votes * chance * (1.0 - chance)
    information = np.zeros((size, size))
    np.add.at(information, (first, second), -mass)
    information += information.T
    information[np.arange(size), np.arange(size)] = -information.sum(axis=1)
    return information


class Gain(NamedTuple):
    """What one more vote on each pair is worth: (P,) in log det, and in the trace of variances."""

    log_det: Floats
    trace: Floats


def information_gains(strengths: Floats, first: Ints, second: Ints, covariance: Floats) -> Gain:
    """ln(1 + w d) and w |C x|^2 / (1 + w d), with w = p (1 - p), d = x^T C x, x = e_i - e_j.

    covariance: (M, M), the pseudo-inverse of the information on the mean-zero subspace.
    """
    chance = expit(strengths[first] - strengths[second])
    weight = chance * (1.0 - chance)
    columns = covariance[:, first] - covariance[:, second]
    pairs = np.arange(len(first))
    distance = columns[first, pairs] - columns[second, pairs]
    squared = (columns**2).sum(axis=0)
    return Gain(np.log1p(weight * distance), weight * squared / (1.0 + weight * distance))


def misorder_probabilities(posterior: Posterior, first: Ints, second: Ints) -> Floats:
    """(P,) P(the pair stands the other way round than the estimate says)."""
    gap = posterior.means[first] - posterior.means[second]
    return ndtr(-np.abs(gap) / _spread(posterior.covariance, first, second))


def misorder_gains(posterior: Posterior, first: Ints, second: Ints) -> Floats:
    """(P,) expected drop in the summed misorder probability from one more vote on each pair.

    Both answers to the next vote are tried, each with its probability; a vote moves the means by
    one Newton step. Costs P candidates times P pairs.
    """
    now = misorder_probabilities(posterior, first, second)
    gains = np.zeros(len(first))
    candidates = np.argsort(-now, kind="stable")[:MOST_CANDIDATES]
    for at in candidates.tolist():
        pair = (int(first[at]), int(second[at]))
        after = posterior.after(pair)
        spread = _spread(after.covariance, first, second)
        move = after.covariance @ _contrast(pair, len(posterior.means))
        chance = float(expit(posterior.means[pair[0]] - posterior.means[pair[1]]))
        expected = 0.0
        for answer, probability in ((1.0, chance), (0.0, 1.0 - chance)):
            means = posterior.means + (answer - chance) * move
            wrong = ndtr(-np.abs(means[first] - means[second]) / spread)
            expected += probability * float(wrong.sum())
        gains[at] = max(0.0, float(now.sum()) - expected)
    return gains


def pair_probabilities(
    strategy: Strategy,
    posterior: Posterior,
    *,
    uniform_share: float = EXPLORATION,
    newcomer: int | None = None,
) -> tuple[Ints, Ints, Floats]:
    """(first, second, probability) of every pair under a strategy; the best pair gets the rest.

    newcomer: position of the model that `Strategy.NEAR` places. Raises ValueError where NEAR has
    none, for fewer than two models and for a share outside [0, 1].
    """
    size = len(posterior.means)
    if size < 2:
        raise ValueError("There are fewer than two models, so there is no pair to choose.")
    first, second = all_pairs(size)
    score = _scores(strategy, posterior, first, second, newcomer)
    best = np.isclose(score, score.max(), rtol=1e-9, atol=0.0).astype(np.float64)
    if strategy is Strategy.UNIFORM:
        best = np.ones(len(score))
    return first, second, mix_with_uniform(best, uniform_share)


def choose_pairs(
    strategy: Strategy,
    posterior: Posterior,
    count: int,
    *,
    seed: int,
    uniform_share: float = EXPLORATION,
    newcomer: int | None = None,
) -> list[ChosenPair]:
    """Draw `count` pairs for a batch; each counts as answered before the next is drawn.

    Without that, a batch would ask for the same pair over and over.
    """
    random = np.random.default_rng(seed)
    chosen = []
    for _ in range(count):
        first, second, probability = pair_probabilities(
            strategy, posterior, uniform_share=uniform_share, newcomer=newcomer
        )
        at = int(random.choice(len(probability), p=probability))
        pair = (int(first[at]), int(second[at]))
        chosen.append(ChosenPair(*pair, float(probability[at])))
        posterior = posterior.after(pair)
    return chosen


def _scores(
    strategy: Strategy, posterior: Posterior, first: Ints, second: Ints, newcomer: int | None
) -> Floats:
    if strategy is Strategy.UNIFORM:
        return np.ones(len(first))
    if strategy is Strategy.MISORDER:
        return misorder_gains(posterior, first, second)
    if strategy is Strategy.UNCERTAINTY:
        return misorder_probabilities(posterior, first, second)
    gains = information_gains(posterior.means, first, second, posterior.covariance)
    if strategy is Strategy.A_OPTIMAL:
        return gains.trace
    if newcomer is None or not 0 <= newcomer < len(posterior.means):
        raise ValueError("Say which model is new: the position of one that is on the board.")
    involved = (first == newcomer) | (second == newcomer)
    gap = np.abs(posterior.means[first] - posterior.means[second])
    # Among equally near opponents, the one that was met least often tells most.
    nearness = 1.0 / (1.0 + gap) * (1.0 + 1e-3 * np.tanh(gains.log_det))
    return np.where(involved, nearness, 0.0)


def _contrast(pair: tuple[int, int], size: int) -> Floats:
    direction = np.zeros(size)
    direction[pair[0]], direction[pair[1]] = 1.0, -1.0
    return direction


def _spread(covariance: Floats, first: Ints, second: Ints) -> Floats:
    variance = covariance[first, first] + covariance[second, second]
    variance = variance - 2.0 * covariance[first, second]
    return np.sqrt(np.maximum(variance, 1e-12))
