"""Does one number per model describe the votes, and what else moved them?"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats
from scipy.special import expit, xlogy

from annotation.domain.arrays import Floats, Ints
from annotation.domain.battles import LEFT, RIGHT, Battles, Cells
from annotation.domain.bradley_terry import (
    BradleyTerryFit,
    fit_bradley_terry,
    leader,
    pair_totals,
)
from annotation.domain.logistic import NoFiniteEstimate, fit_logistic
from annotation.domain.proportions import Share, share, two_sided_z
from annotation.domain.uncertainty import clustered, fisher
from annotation.domain.win_rates import win_rate_matrix

# Triads are counted one by one up to this many models.
MOST_TRIAD_MODELS = 200


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
    p_value = float(stats.chi2.sf(deviance, degrees)) if degrees > 0 else None
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
    reach = float(stats.t.ppf(1.0 - alpha / 2.0, min(covariance.degrees, 1e9)))
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
    return float(stats.chi2.sf(statistic, int(met.sum())))


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
    """(coefficient, standard error) beside one strength per model; the last model is the zero."""
    rows = np.arange(len(battles))
    design = np.zeros((len(battles), len(battles.models) + 1))
    design[rows, battles.left] += 1.0
    design[rows, battles.right] -= 1.0
    design[:, -1] = feature
    used = np.delete(design, len(battles.models) - 1, axis=1)
    try:
        fit = fit_logistic(used, battles.score())
    except NoFiniteEstimate:
        return None
    residual = battles.score() - expit(used @ fit.coefficients)
    bread = np.linalg.inv(fit.information)
    meat = (used * (residual**2)[:, None]).T @ used
    return float(fit.coefficients[-1]), float(np.sqrt((bread @ meat @ bread)[-1, -1]))


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

    groups: (n,) codes into `labels`.
    """
    whole = fit_bradley_terry(battles.cells())
    before = whole.ratings() if isinstance(whole, BradleyTerryFit) else {}
    found = []
    for code, label in enumerate(labels):
        inside = groups == code
        rating = fit_bradley_terry(battles.keep(~inside).cells())
        moves = []
        if isinstance(rating, BradleyTerryFit):
            moves = [
                abs(before[name] - points)
                for name, points in rating.ratings().items()
                if name in before
            ]
        largest = max(moves) if moves and before else None
        found.append(LeftOut(label, int(inside.sum()), leader(rating), largest))
    return found


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
