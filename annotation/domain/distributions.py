"""Quantiles and tails of the distributions that intervals and tests need.

The formulas are those of scipy.stats, from the special functions that it stands on: bit for bit the
same numbers, without the 50 MB that scipy.stats holds in every process that loads it. The functions
hold 17 MB themselves and come with the first question.
"""

import math
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike


def _special() -> ModuleType:
    from scipy import special

    return special


def normal_pdf(x: ArrayLike) -> np.ndarray:
    """Density of the standard normal, elementwise."""
    values = np.asarray(x, dtype=float)
    return np.asarray(np.exp(-(values**2) / 2.0) / math.sqrt(2.0 * math.pi))


def normal_quantile(probability: float) -> float:
    """z with P(Z <= z) = probability."""
    return float(_special().ndtri(probability))


def t_quantile(probability: float, degrees: float) -> float:
    """t with P(T <= t) = probability at `degrees` of freedom."""
    return float(_special().stdtrit(degrees, probability))


def t_tail(statistic: float, degrees: float) -> float:
    """P(T > statistic)."""
    return float(_special().stdtr(degrees, -statistic))


def chi2_quantile(probability: float, degrees: float) -> float:
    """x with P(X <= x) = probability."""
    return float(2.0 * _special().gammaincinv(degrees / 2.0, probability))


def chi2_tail(statistic: float, degrees: float) -> float:
    """P(X > statistic)."""
    return float(_special().chdtrc(degrees, statistic))


def f_quantile(probability: float, numerator: float, denominator: float) -> float:
    """x with P(F <= x) = probability at these degrees of freedom."""
    return float(_special().fdtri(numerator, denominator, probability))


def fair_coin_p_value(heads: int, tosses: int) -> float:
    """Two-sided exact p-value of `heads` in `tosses` of a fair coin; symmetric, so twice a tail."""
    return min(1.0, float(2.0 * _special().bdtr(min(heads, tosses - heads), tosses, 0.5)))


def fisher_p_value(table: tuple[tuple[int, int], tuple[int, int]]) -> float:
    """Fisher's exact two-sided p-value of a 2 x 2 table: the tables as rare as this one or rarer.

    With both margins fixed the first cell is hypergeometric. Tables whose probability differs from
    this one's by rounding alone count as equally rare, as they do in R.
    """
    (a, b), (c, d) = table
    row, column, total = a + b, a + c, a + b + c + d
    cells = np.arange(max(0, column - (total - row)), min(row, column) + 1)
    logs = (
        _log_choose(row, cells)
        + _log_choose(total - row, column - cells)
        - _log_choose(total, np.asarray(column))
    )
    chances = np.exp(logs)
    here = chances[a - cells[0]]
    return min(1.0, float(chances[chances <= here * (1.0 + 1e-7)].sum()))


def _log_choose(n: int, k: np.ndarray) -> np.ndarray:
    counted = _special().gammaln(n + 1) - _special().gammaln(k + 1) - _special().gammaln(n - k + 1)
    return np.asarray(counted)
