"""How far two mixtures of use cases are from each other, with intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.domain.distributions import chi2_tail
from annotation.domain.proportions import wilson_interval

# InstructGPT, arXiv:2203.02155, Table 1: shares of its API prompts in percent (99.9 by rounding).
INSTRUCTGPT_SHARES = {
    "generation": 45.6,
    "open_qa": 12.4,
    "brainstorming": 11.2,
    "chat": 8.4,
    "rewrite": 6.6,
    "summarization": 4.2,
    "classification": 3.5,
    "other": 3.5,
    "closed_qa": 2.6,
    "extract": 1.9,
}
USE_CASES = tuple(INSTRUCTGPT_SHARES)

Interval = tuple[float, float]


@dataclass(frozen=True)
class DistributionComparison:
    """js: Jensen-Shannon divergence in nats, 0 to ln 2. tv: total variation, 0 to 1.

    chi2, dof, p_value: test of homogeneity without continuity correction; categories that both
    sides lack are left out. intervals: Wilson's 95 % interval of each share, for both sides.
    """

    js: float
    tv: float
    chi2: float
    dof: int
    p_value: float
    intervals_a: tuple[Interval, ...]
    intervals_b: tuple[Interval, ...]


def compare_distributions(a: Sequence[float], b: Sequence[float]) -> DistributionComparison:
    """Compare two lists of counts over the same categories.

    Raises ValueError when they differ in length, hold a negative or infinite count, or are empty.
    """
    first, second = _counts(a, "first"), _counts(b, "second")
    if len(first) != len(second):
        raise ValueError(
            f"The first distribution has {len(first)} categories and the second {len(second)}; "
            "both need the same."
        )
    p, q = first / first.sum(), second / second.sum()
    chi2, dof = _homogeneity(first, second)
    return DistributionComparison(
        js=_jensen_shannon(p, q),
        tv=float(np.abs(p - q).sum() / 2),
        chi2=chi2,
        dof=dof,
        p_value=chi2_tail(chi2, dof) if dof else 1.0,
        intervals_a=_wilson(first),
        intervals_b=_wilson(second),
    )


def jensen_shannon_interval(
    a: Sequence[float], b: Sequence[float], *, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """A bootstrap interval of the divergence: both samples drawn again from their own shares.

    The plain percentile interval would sit too high, since resampling adds divergence of its own;
    the basic interval (2 * estimate - quantile) takes that back. Never below 0 or above ln 2.
    """
    first, second = _counts(a, "first"), _counts(b, "second")
    random = np.random.default_rng(seed)
    p, q = first / first.sum(), second / second.sum()
    estimate = _jensen_shannon(p, q)
    ours = random.multinomial(round(first.sum()), p, size=draws)
    theirs = random.multinomial(round(second.sum()), q, size=draws)
    drawn = [_jensen_shannon(x / x.sum(), y / y.sum()) for x, y in zip(ours, theirs, strict=True)]
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return (
        float(min(max(2 * estimate - high, 0.0), estimate)),
        float(max(min(2 * estimate - low, math.log(2)), estimate)),
    )


def _counts(values: Sequence[float], which: str) -> NDArray[np.float64]:
    counts = np.asarray(values, dtype=np.float64)
    if counts.ndim != 1 or not counts.size:
        raise ValueError(f"The {which} distribution has no categories.")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError(f"The {which} distribution holds a count that is negative or no number.")
    if not counts.sum():
        raise ValueError(f"The {which} distribution is empty: all its counts are 0.")
    return counts


def _jensen_shannon(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    # JS = H((p + q) / 2) - (H(p) + H(q)) / 2
    middle = (p + q) / 2
    divergence = sum(_kl(side, middle) for side in (p, q)) / 2
    return float(min(max(divergence, 0.0), math.log(2)))


def _kl(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    there = p > 0
    return float((p[there] * np.log(p[there] / q[there])).sum())


def _homogeneity(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, int]:
    there = (first + second) > 0
    table = np.vstack([first[there], second[there]])
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    return float(((table - expected) ** 2 / expected).sum()), int(there.sum()) - 1


def _wilson(counts: NDArray[np.float64]) -> tuple[Interval, ...]:
    total = float(counts.sum())
    return tuple(wilson_interval(float(count), total) for count in counts)
