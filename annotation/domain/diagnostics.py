"""Does one number per model describe the votes, and what else moved them?"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import expit, xlogy

from annotation.domain.arrays import Floats, Ints, sum_by
from annotation.domain.battles import LEFT_SCORE, Battles, Cells
from annotation.domain.bradley_terry import (
    BradleyTerryFit,
    fit_bradley_terry,
    laplacian,
    leader,
    pair_totals,
)
from annotation.domain.distributions import chi2_tail, t_quantile
from annotation.domain.outcomes import LEFT, RIGHT
from annotation.domain.proportions import Share, share, two_sided_z
from annotation.domain.uncertainty import clustered, fisher
from annotation.domain.win_rates import win_rate_matrix

# Triads are counted one by one up to this many models.
MOST_TRIAD_MODELS = 200
SLOPE_ITERATIONS = 100
SLOPE_TOLERANCE = 1e-9
# An estimate beyond this many logits is running away: nothing finite fits best.
RUNAWAY = 30.0


@dataclass(frozen=True)
class GoodnessOfFit:
    """deviance: 2 (saturated - fitted) log-likelihood over pairs. degrees: pairs - (M - 1).

    p_value: None without a degree of freedom. A small one says that strengths alone do not explain
    the votes: ties, dependence between votes and true cycles all show up here.
    """

    deviance: float
    degrees: int
    p_value: float | None


def goodness_of_fit(fit: BradleyTerryFit, cells: Cells) -> GoodnessOfFit:
    """Compare the fit with one free win rate per pair."""
    totals = pair_totals(cells, ordered=fit.position_effect is not None)
    gap = fit.strengths[totals.first] - fit.strengths[totals.second] + (fit.position_effect or 0.0)
    expected = totals.votes * expit(gap)
    lost, expected_lost = totals.votes - totals.points, totals.votes - expected
    deviance = 2.0 * float(
        (xlogy(totals.points, totals.points / expected) + xlogy(lost, lost / expected_lost)).sum()
    )
    parameters = len(fit.models) - 1 + (fit.position_effect is not None)
    degrees = len(totals.votes) - parameters
    p_value = chi2_tail(deviance, degrees) if degrees > 0 else None
    return GoodnessOfFit(deviance, degrees, p_value)


@dataclass(frozen=True)
class Transitivity:
    """cyclic of complete triads have a majority cycle: a beats b beats c beats a.

    examples: a few of them, each as (a, b, c). chance: the share that coin flips would give, 1/4.
    """

    cyclic: int
    complete: int
    examples: tuple[tuple[str, str, str], ...]
    chance: float = 0.25


def cyclic_triads(battles: Battles, *, examples: int = 5) -> Transitivity:
    """Look at every three models of which each two have a majority winner.

    Raises ValueError for more than MOST_TRIAD_MODELS models.
    """
    if len(battles.models) > MOST_TRIAD_MODELS:
        raise ValueError(
            f"{len(battles.models)} models make too many triads; "
            f"look at {MOST_TRIAD_MODELS} or fewer."
        )
    matrix = win_rate_matrix(battles)
    beats = (matrix.wins > matrix.wins.T).astype(np.int64)
    decided = beats + beats.T
    # A closed walk of length 3 is a cycle of three, counted once from each of its members.
    cyclic = int(np.trace(beats @ beats @ beats)) // 3
    complete = int(np.trace(decided @ decided @ decided)) // 6
    found: list[tuple[str, str, str]] = []
    if cyclic:
        for a, b, c in combinations(range(len(battles.models)), 3):
            for x, y, z in ((a, b, c), (a, c, b)):
                if beats[x, y] and beats[y, z] and beats[z, x]:
                    found.append((battles.models[x], battles.models[y], battles.models[z]))
            if len(found) >= examples:
                break
    return Transitivity(cyclic, complete, tuple(found[:examples]))


@dataclass(frozen=True)
class PositionBias:
    """first: share of decisive votes for the answer shown first. effect: in logits, with interval.

    shuffled_p: whether each pair was shown in both orders evenly (chi-square over pairs); a small
    value means that the order was not shuffled, and `first` mixes place and quality.
    """

    first: Share
    effect: float | None
    low: float | None
    high: float | None
    shuffled_p: float | None


def position_bias(battles: Battles, *, alpha: float = 0.05) -> PositionBias:
    """The interval is clustered by annotator where annotators are known."""
    decisive = (battles.outcome == LEFT) | (battles.outcome == RIGHT)
    first = share(int((battles.outcome == LEFT).sum()), int(decisive.sum()), alpha)
    shuffled = _shuffled(battles)
    fit = fit_bradley_terry(battles.cells(), position_effect=True)
    if not isinstance(fit, BradleyTerryFit) or fit.position_effect is None:
        return PositionBias(first, None, None, None, shuffled)
    covariance = fisher(fit)
    if battles.annotator is not None and len(np.unique(battles.annotator)) > 1:
        covariance = clustered(fit, battles, battles.annotator)
    reach = t_quantile(1.0 - alpha / 2.0, min(covariance.degrees, 1e9))
    reach *= covariance.position_se or 0.0
    effect = fit.position_effect
    return PositionBias(first, effect, effect - reach, effect + reach, shuffled)


def _shuffled(battles: Battles) -> float | None:
    size = len(battles.models)
    shown = np.bincount(battles.left * size + battles.right, minlength=size * size)
    shown = shown.reshape(size, size)
    upper = np.triu_indices(size, 1)
    one, other = shown[upper], shown.T[upper]
    met = one + other > 0
    if not met.any():
        return None
    statistic = float(((one - other)[met] ** 2 / (one + other)[met]).sum())
    return chi2_tail(statistic, int(met.sum()))


@dataclass(frozen=True)
class FeatureBias:
    """How a feature of the texts moved votes, models held equal.

    higher_wins: share of decisive votes for the answer with more of it. coefficient: logits per
    standard deviation of (a - b) / (a + b + 1), with interval; None where it cannot be estimated.
    bins: (upper edge of the difference, win share of the left answer) from low to high.
    """

    higher_wins: Share
    coefficient: float | None
    low: float | None
    high: float | None
    bins: tuple[tuple[float, Share], ...]


def feature_bias(
    battles: Battles, left: Floats, right: Floats, *, bins: int = 5, alpha: float = 0.05
) -> FeatureBias:
    """left, right: (n,) length, headers, list items or another count of the answers shown."""
    decisive = (battles.outcome == LEFT) | (battles.outcome == RIGHT)
    unequal = decisive & (left != right)
    more = (left > right) == (battles.outcome == LEFT)
    higher = share(int(more[unequal].sum()), int(unequal.sum()), alpha)
    difference = left - right
    table, below = [], -np.inf
    for edge in _bin_edges(difference, bins):
        inside = decisive & (difference > below) & (difference <= edge)
        won = int((battles.outcome[inside] == LEFT).sum())
        table.append((float(edge), share(won, int(inside.sum()), alpha)))
        below = edge
    contrast = (left - right) / (left + right + 1.0)
    spread = float(contrast.std()) if len(contrast) else 0.0
    if spread <= 1e-12:
        return FeatureBias(higher, None, None, None, tuple(table))
    estimate = _adjusted_slope(battles, contrast / spread)
    if estimate is None:
        return FeatureBias(higher, None, None, None, tuple(table))
    slope, error = estimate
    reach = two_sided_z(alpha) * error
    return FeatureBias(higher, slope, slope - reach, slope + reach, tuple(table))


def _bin_edges(values: Floats, bins: int) -> list[float]:
    """Upper edges of bins that hold about equally many values; equal edges are one bin."""
    if not len(values):
        return []
    edges: list[float] = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:])).tolist()
    return edges


def _adjusted_slope(battles: Battles, feature: Floats) -> tuple[float, float] | None:
    """(coefficient, sandwich standard error) beside one strength per model.

    Newton's method on sums over models, pairs and the feature: no design matrix is ever built, so
    that a million votes take megabytes. None where no finite estimate exists: a model that only
    wins, a feature that the models explain, or one that tells wins from losses.
    """
    fit = fit_bradley_terry(battles.cells())
    if not isinstance(fit, BradleyTerryFit):
        return None
    size, score, weight = len(fit.models), battles.score(), battles.weights()
    left, right = battles.left, battles.right
    theta = np.append(fit.strengths, 0.0)
    for _ in range(SLOPE_ITERATIONS):
        chance = expit(theta[left] - theta[right] + theta[size] * feature)
        residual = weight * (score - chance)
        information = _squares(left, right, feature, weight * chance * (1.0 - chance), size)
        if np.linalg.eigvalsh(information)[0] < 1e-9 * np.trace(information):
            return None
        gradient = np.append(
            sum_by(left, residual, size) - sum_by(right, residual, size), feature @ residual
        )
        step = np.linalg.solve(information, gradient)
        theta = theta + step
        if float(np.abs(theta).max()) > RUNAWAY:
            return None
        if float(np.abs(step).max()) < SLOPE_TOLERANCE:
            bread = np.linalg.inv(information)
            meat = _squares(left, right, feature, residual**2, size, centre=False)
            return float(theta[size]), float(np.sqrt((bread @ meat @ bread)[size, size]))
    return None


def _squares(
    left: Ints, right: Ints, feature: Floats, mass: Floats, size: int, *, centre: bool = True
) -> Floats:
    """(M + 1, M + 1) sum of mass * x x^T, x = e_left - e_right with the feature last.

    centre: adds what fixes the mean of the strengths, which the votes do not say.
    """
    total = np.zeros((size + 1, size + 1))
    total[:size, :size] = laplacian(left, right, mass, size)
    if centre:
        total[:size, :size] += float(mass.sum()) / size**2
    moved = mass * feature
    total[size, :size] = total[:size, size] = sum_by(left, moved, size) - sum_by(right, moved, size)
    total[size, size] = moved @ feature
    return total


@dataclass(frozen=True)
class LeftOut:
    """What the board would say without one group of votes.

    leader: None where the rest places nobody first. largest_move: the largest change of a rating in
    points; None where there is no rating before or after.
    """

    group: Hashable
    votes: int
    leader: str | None
    largest_move: float | None


def leave_one_out(battles: Battles, groups: Ints, labels: Sequence[Hashable]) -> list[LeftOut]:
    """Refit without each annotator, topic or other group in turn.

    groups: (n,) codes into `labels`, below 0 for votes that stay whatever is left out. Votes are
    counted once; each group's counts are then taken off, so that a thousand groups of a million
    votes are a thousand small fits.
    """
    size, outcomes = len(battles.models), len(LEFT_SCORE)
    key = (battles.left * size + battles.right) * outcomes + battles.outcome
    kinds, kind = np.unique(key, return_inverse=True)
    mass = battles.weights()
    whole = sum_by(kind, mass, len(kinds))
    before = fit_bradley_terry(_cells_of(battles.models, kinds, whole))
    ratings = before.ratings() if isinstance(before, BradleyTerryFit) else {}
    order = np.argsort(groups, kind="stable")
    edges = np.searchsorted(groups[order], np.arange(len(labels) + 1))
    found = []
    for label, begin, end in zip(labels, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        inside = order[begin:end]
        rest = whole - sum_by(kind[inside], mass[inside], len(kinds))
        # What is left of a sum of weights that were all taken off again is rounding, not a vote.
        rest[rest < 1e-9] = 0.0
        rating = fit_bradley_terry(_cells_of(battles.models, kinds, rest))
        moves = []
        if isinstance(rating, BradleyTerryFit):
            moves = [
                abs(ratings[name] - points)
                for name, points in rating.ratings().items()
                if name in ratings
            ]
        largest = max(moves) if moves and ratings else None
        found.append(LeftOut(label, end - begin, leader(rating), largest))
    return found


def _cells_of(models: tuple[str, ...], kinds: Ints, mass: Floats) -> Cells:
    """Cells from (left * M + right) * outcomes + outcome, and how much was said so."""
    kept = np.flatnonzero(mass)
    pair, outcome = np.divmod(kinds[kept], len(LEFT_SCORE))
    left, right = np.divmod(pair, len(models))
    return Cells(models, left, right, LEFT_SCORE[outcome], mass[kept], np.ones(len(kept)))


@dataclass(frozen=True)
class LeaderFragility:
    """votes: how few votes, if removed, put another model first; None where none was found.

    new_leader: that model. rows: which votes.
    """

    votes: int | None
    new_leader: str | None
    rows: Ints


def leader_fragility(battles: Battles) -> LeaderFragility | None:
    """The smallest set of votes found whose removal changes the leader; None without ratings.

    Votes are ordered by their first-order influence on the gap (Broderick, Giordano and Meager
    2020), and every answer is checked by refitting, so that the number is an upper bound that
    holds.
    """
    fit = fit_bradley_terry(battles.cells())
    if not isinstance(fit, BradleyTerryFit) or len(fit.models) < 2:
        return None
    size = len(fit.models)
    spread = np.linalg.inv(fit.information + 1.0 / size)
    first = int(np.argmax(fit.strengths))
    chance = expit(fit.strengths[battles.left] - fit.strengths[battles.right])
    residual = (battles.score() - chance) * battles.weights()
    best = LeaderFragility(None, None, np.zeros(0, dtype=np.int64))
    # Only the nearest rivals can be the cheapest; trying all of a long board would be slow.
    for rival in np.argsort(-fit.strengths)[1:4].tolist():
        row = spread[first] - spread[rival]
        influence = (row[battles.left] - row[battles.right]) * residual
        gap = float(fit.strengths[first] - fit.strengths[rival])
        order = np.argsort(-influence, kind="stable")
        order = order[: int((influence > 0).sum())]
        guess = int(np.searchsorted(np.cumsum(influence[order]), gap)) + 1
        limit = best.votes if best.votes is not None else len(order) + 1
        needed = _fewest(battles, order, guess, limit, fit.models[first])
        if needed is not None:
            best = LeaderFragility(needed[0], needed[1], order[: needed[0]])
    return best


def _fewest(
    battles: Battles, order: Ints, guess: int, limit: int, before: str
) -> tuple[int, str] | None:
    """(votes, new leader): walk from the guess to the smallest prefix of `order` that does it."""

    def without(votes: int) -> str | None:
        kept = np.ones(len(battles), dtype=bool)
        kept[order[:votes]] = False
        now = leader(fit_bradley_terry(battles.keep(kept).cells()))
        return now if now != before else None

    low, high = 0, min(guess, len(order))
    while high < min(limit, len(order) + 1) and without(high) is None:
        low, high = high, high + max(1, high // 8)
    if high >= limit or high > len(order):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if without(middle) is not None else (middle, high)
    name = without(high)
    return (high, name) if name is not None else None
