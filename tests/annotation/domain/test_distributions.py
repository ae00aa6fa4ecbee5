"""The same numbers as scipy.stats, which is what these stand in for."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from annotation.domain import distributions as ours

PROBABILITIES = (0.025, 0.5, 0.9, 0.975, 0.9995)
DEGREES = (1.0, 2.0, 7.5, 40.0, 1e9)


@pytest.mark.parametrize("p", PROBABILITIES)
def test_quantiles_are_those_of_scipy_stats(p: float) -> None:
    assert ours.normal_quantile(p) == stats.norm.ppf(p)
    for degrees in DEGREES:
        assert ours.t_quantile(p, degrees) == stats.t.ppf(p, degrees)
    for degrees in (1, 2, 9, 200):
        assert ours.chi2_quantile(p, degrees) == stats.chi2.ppf(p, degrees)
        assert ours.f_quantile(p, degrees, 12.0) == stats.f.ppf(p, degrees, 12.0)


@pytest.mark.parametrize("x", [0.0, 0.3, 2.0, 11.0])
def test_tails_and_densities_are_those_of_scipy_stats(x: float) -> None:
    assert ours.normal_pdf(x) == stats.norm.pdf(x)
    assert ours.chi2_tail(x, 5) == stats.chi2.sf(x, 5)
    for degrees in DEGREES:
        assert ours.t_tail(x, degrees) == stats.t.sf(x, degrees)


@pytest.mark.parametrize(("heads", "tosses"), [(0, 1), (3, 10), (5, 10), (61, 100), (0, 40)])
def test_a_fair_coin_is_tested_exactly(heads: int, tosses: int) -> None:
    expected = stats.binomtest(heads, tosses).pvalue
    assert ours.fair_coin_p_value(heads, tosses) == pytest.approx(expected, rel=1e-12)


def test_fisher_by_hand() -> None:
    """The lady and her tea: 3 of 4 right is 34 of 70 tables at least as rare."""
    assert ours.fisher_p_value(((3, 1), (1, 3))) == pytest.approx(34 / 70, rel=1e-12)


def test_fisher_is_that_of_scipy_stats() -> None:
    draws = np.random.default_rng(3).integers(0, 40, size=(60, 2, 2))
    for table in [*draws.tolist(), [[0, 0], [3, 4]], [[2, 0], [5, 0]]]:
        expected = stats.fisher_exact(table).pvalue
        given = ours.fisher_p_value(tuple(map(tuple, table)))
        assert given == pytest.approx(expected, rel=1e-9), table


def test_loading_the_mathematics_does_not_load_scipy_stats() -> None:
    """It would hold 50 MB in each process of the web server."""
    code = """
import importlib, pathlib, sys
for path in pathlib.Path("annotation/domain").glob("*.py"):
    importlib.import_module(f"annotation.domain.{path.stem}")
print([name for name in ("scipy.stats", "scipy.optimize") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
