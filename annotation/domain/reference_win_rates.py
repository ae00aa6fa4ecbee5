"""Win rate against one fixed reference, as AlpacaEval counts it: raw, discrete, length-controlled.

The reference may be a model or human texts. A preference is 1 for the reference, 2 for the model,
1.5 (or 0, in older files) for a draw, or any number between for a judge's probability.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from annotation.domain.arrays import Floats
from annotation.domain.logistic import NoFiniteEstimate, fit_logistic

LEGACY_DRAW = 0.0
# Below this share of items with nearly equal lengths, a length-controlled figure is extrapolation.
FEWEST_OVERLAPPING = 0.10


@dataclass(frozen=True)
class ReferenceWinRate:
    """Percentages. standard_error: of the mean, None for a single item. Draws count half in both.

    win_rate averages the preferences as they are; discrete_win_rate first rounds each to a win, a
    draw or a loss.
    """

    win_rate: float
    standard_error: float | None
    n_wins: int
    n_wins_base: int
    n_draws: int
    n_total: int
    discrete_win_rate: float


@dataclass(frozen=True)
class NoPreferences:
    """Nothing was judged."""

    reason: str = "No item has been compared with the reference yet. Judge some items first."


def reference_win_rate(preferences: Sequence[float | None]) -> ReferenceWinRate | NoPreferences:
    """Describe preferences; None (a judgement that could not be read) is left out.

    Raises ValueError for a number that is neither 0 nor within [1, 2].
    """
    shares = preference_shares(preferences)
    if not len(shares):
        return NoPreferences()
    wins, losses = int((shares > 0.5).sum()), int((shares < 0.5).sum())
    total = len(shares)
    draws = total - wins - losses
    error = None
    if total > 1:
        error = 100.0 * float(shares.std(ddof=1)) / math.sqrt(total)
    return ReferenceWinRate(
        win_rate=100.0 * float(shares.mean()),
        standard_error=error,
        n_wins=wins,
        n_wins_base=losses,
        n_draws=draws,
        n_total=total,
        discrete_win_rate=100.0 * (wins + 0.5 * draws) / total,
    )


def preference_shares(preferences: Sequence[float | None]) -> Floats:
    """(n,) the model's share of each point, 0 to 1, without the unread judgements."""
    read = [one for one in preferences if one is not None and not math.isnan(one)]
    values = np.array(read, dtype=np.float64)
    values[values == LEGACY_DRAW] = 1.5
    wrong = (values < 1.0) | (values > 2.0)
    if bool(wrong.any()):
        raise ValueError(
            f"The preference {float(values[wrong][0])!r} is outside [1, 2]. "
            "Use 1 for the reference, 2 for the model and 1.5 or 0 for a draw."
        )
    shares: Floats = values - 1.0
    return shares


@dataclass(frozen=True)
class LengthControlledWinRate:
    """raw and controlled: percentages. overlap: share of items with nearly equal lengths, that is
    with a difference below half a standard deviation of the differences.

    trusted: the overlap is large enough to rank by. coefficients: logits, by name.
    low, high: 95 % bootstrap interval over items, None where it was not asked for.
    """

    raw: float
    controlled: float
    overlap: float
    coefficients: dict[str, float]
    low: float | None = None
    high: float | None = None

    @property
    def trusted(self) -> bool:
        return self.overlap >= FEWEST_OVERLAPPING


def length_controlled_win_rate(
    shares: Floats,
    model_lengths: Floats,
    reference_lengths: Floats,
    *,
    difficulty: Floats | None = None,
    resamples: int = 0,
    seed: int = 0,
) -> LengthControlledWinRate:
    """What the win rate would be at equal lengths (arXiv:2404.04475, `minimal`, no penalty).

    Logistic regression of `shares` (n,) in [0, 1] on an intercept, tanh(d / sd(d)) with
    d = reference length - model length, and `difficulty` (n,) where given; predicted at d = 0 and
    averaged over items. With `resamples`, items are drawn again for the interval: the published
    error ignores that the coefficients are estimated.
    Raises ValueError for columns of different length or fewer than two items, and NoFiniteEstimate
    where lengths tell wins from losses without exception.
    """
    columns = [model_lengths, reference_lengths, *([] if difficulty is None else [difficulty])]
    if len(shares) < 2 or any(len(column) != len(shares) for column in columns):
        raise ValueError(
            f"{len(shares)} preferences and columns of {[len(column) for column in columns]} were "
            "given; give one value of each per item, and at least two items."
        )
    gap = np.asarray(reference_lengths, dtype=np.float64) - model_lengths
    fit, controlled, overlap = _controlled(shares, gap, difficulty)
    low = high = None
    if resamples:
        low, high = _bootstrap(shares, gap, difficulty, resamples, seed)
    names = ["intercept", "length"] + ([] if difficulty is None else ["difficulty"])
    return LengthControlledWinRate(
        raw=100.0 * float(shares.mean()),
        controlled=controlled,
        overlap=overlap,
        coefficients=dict(zip(names, fit, strict=True)),
        low=low,
        high=high,
    )


def _controlled(
    shares: Floats, gap: Floats, difficulty: Floats | None, *, proven: bool = True
) -> tuple[list[float], float, float]:
    """(coefficients, controlled percentage, overlap); a constant gap leaves length out."""
    spread = float(gap.std(ddof=1))
    ones = np.ones(len(shares))
    varies = spread > 0.0
    design = [ones]
    if varies:
        design.append(np.tanh(gap / spread))
    if difficulty is not None:
        design.append(np.asarray(difficulty, dtype=np.float64))
    fit = fit_logistic(np.column_stack(design), shares, proven=proven)
    coefficients = fit.coefficients.tolist()
    if not varies:
        coefficients.insert(1, 0.0)
    level = coefficients[0] + (
        coefficients[2] * design[-1] if difficulty is not None else 0.0 * ones
    )
    overlap = float((np.abs(gap) < 0.5 * spread).mean()) if varies else 1.0
    return coefficients, 100.0 * float(expit(level).mean()), overlap


def _bootstrap(
    shares: Floats, gap: Floats, difficulty: Floats | None, resamples: int, seed: int
) -> tuple[float | None, float | None]:
    random = np.random.default_rng(seed)
    found = []
    for _ in range(resamples):
        rows = random.integers(0, len(shares), len(shares))
        try:
            drawn = None if difficulty is None else difficulty[rows]
            found.append(_controlled(shares[rows], gap[rows], drawn, proven=False)[1])
        except NoFiniteEstimate:
            continue
    if len(found) < 0.9 * resamples:
        return None, None
    low, high = np.quantile(found, [0.025, 0.975]).tolist()
    return low, high
