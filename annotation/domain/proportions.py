"""Intervals for shares: how many of n, and how sure."""

import math
from functools import lru_cache
from typing import NamedTuple

from annotation.domain import distributions


class Share(NamedTuple):
    """A share with its interval; `value` is None where nothing was counted."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@lru_cache(maxsize=256)  # a page asks for one and the same quantile a thousand times
def normal_quantile(probability: float) -> float:
    """The z below which a standard normal falls with this probability."""
    return distributions.normal_quantile(probability)


def two_sided_z(alpha: float) -> float:
    """z for a two-sided error of alpha; raises ValueError unless alpha is within (0, 1)."""
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha is {alpha!r}; give an error probability such as 0.05.")
    return normal_quantile(1.0 - alpha / 2.0)


def wilson_interval(wins: float, n: float, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's score interval (1927) for `wins` of `n`; ties may have given halves.

    Raises ValueError for n = 0, for which no interval exists, and for wins outside [0, n].
    """
    z = two_sided_z(alpha)
    if not (n > 0 and 0 <= wins <= n):
        raise ValueError(f"{wins} wins of {n} is not a share; give 0 <= wins <= n with n above 0.")
    centre = wilson_centre(wins, n, alpha)
    share = wins / n
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def wilson_centre(wins: float, n: float, alpha: float = 0.05) -> float:
    """The middle of Wilson's interval: the share pulled towards one half."""
    square = two_sided_z(alpha) ** 2
    return (wins + square / 2) / (n + square)


def share(hits: float, n: int, alpha: float = 0.05) -> Share:
    """hits / n with Wilson's interval; all None for n = 0. A tie may have given half a hit."""
    if not n:
        return Share(None, None, None, 0)
    return Share(hits / n, *wilson_interval(hits, n, alpha), n)
