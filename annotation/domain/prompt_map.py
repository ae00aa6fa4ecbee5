"""Checks of a two-dimensional map of prompts: what must hold whatever the random layout.

Source: van der Maaten & Hinton 2008 (t-SNE, section 2: perplexity); Venna & Kaski 2001
(trustworthiness of a projection).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Neighbourhood:
    """beta: the precision 1 / (2 sigma**2). p: each neighbour's probability, in their order."""

    beta: float
    p: tuple[float, ...]


def calibrate(sq_distances: Sequence[float], perplexity: float) -> Neighbourhood:
    """The beta for which p proportional to exp(-beta d**2) has 2**H(p) = perplexity.

    sq_distances: squared distances to the other points. Raises ValueError when there are fewer
    than two, one is negative or no number, or the perplexity is not within 1 to their number
    (neither end can be reached in general).
    """
    distances = np.asarray(sq_distances, dtype=np.float64)
    if distances.ndim != 1 or len(distances) < 2:
        raise ValueError("A neighbourhood needs at least two other points.")
    if not np.isfinite(distances).all() or (distances < 0).any():
        raise ValueError("A squared distance is negative or no number.")
    if not 1.0 < perplexity < len(distances):
        raise ValueError(
            f"The perplexity is {perplexity}; it lies between 1 and {len(distances)}, the number "
            "of other points."
        )
    nearest = int((distances == distances.min()).sum())
    if perplexity < nearest or distances.max() == distances.min():
        raise ValueError(
            f"{nearest} points are equally near: no precision gives a perplexity of {perplexity}."
        )
    target = math.log(perplexity)
    low, high = 0.0, 1.0
    while _entropy(distances, high) > target and high < 1e300:
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        if _entropy(distances, middle) > target:
            low = middle
        else:
            high = middle
    beta = (low + high) / 2
    return Neighbourhood(beta, tuple(_probabilities(distances, beta).tolist()))


def _probabilities(distances: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    # Relative to the nearest: the ratio is the same and no exponential underflows to 0 / 0.
    weights = np.exp(-beta * (distances - distances.min()))
    found: NDArray[np.float64] = weights / weights.sum()
    return found


def _entropy(distances: NDArray[np.float64], beta: float) -> float:
    p = _probabilities(distances, beta)
    there = p > 0
    return float(-(p[there] * np.log(p[there])).sum())


def trustworthiness(
    points: Sequence[Sequence[float]], layout: Sequence[Sequence[float]], k: int
) -> float:
    """1 when every point's k neighbours on the map are among its k nearest in truth; lower if not.

    T = 1 - 2 / (n k (2n - 3k - 1)) * sum over false neighbours of (true rank - k).
    points: (n, d); layout: (n, 2). Raises ValueError unless 1 <= k < n / 2 and the shapes agree.
    """
    high, low = (np.asarray(values, dtype=np.float64) for values in (points, layout))
    if high.ndim != 2 or low.ndim != 2 or len(high) != len(low):
        raise ValueError("Points and layout must be two lists of equally many rows.")
    n = len(high)
    if not 1 <= k < n / 2:
        raise ValueError(f"k is {k}; it must be at least 1 and below half of the {n} points.")
    true_order = _order_of_neighbours(high)
    ranks = np.empty((n, n), dtype=np.int64)
    np.put_along_axis(ranks, true_order, np.arange(1, n + 1)[None, :].repeat(n, axis=0), axis=1)
    shown = _order_of_neighbours(low)[:, :k]
    excess = np.take_along_axis(ranks, shown, axis=1) - k
    penalty = float(excess[excess > 0].sum())
    return 1.0 - penalty * 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0))


def _order_of_neighbours(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each point all points by distance, itself last."""
    squares = (points**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2.0 * points @ points.T
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")
