"""Intervals of strengths where ties have a probability of their own."""

import numpy as np
import pytest

from annotation.domain.bradley_terry import BradleyTerryFit, fit_bradley_terry
from annotation.domain.outcomes import TIE
from annotation.domain.tie_models import Tallies, TieFit, TieModel, fit_with_ties
from annotation.domain.tie_uncertainty import tie_covariance
from annotation.domain.uncertainty import clustered, sandwich, two_way_clustered
from tests.annotation.domain.votes import simulated_battles

STRENGTHS = (-0.6, 0.0, 0.2, 0.4)


@pytest.mark.parametrize("model", list(TieModel))
def test_without_a_tie_it_is_the_sandwich_of_bradley_terry(model: TieModel) -> None:
    battles = simulated_battles(STRENGTHS, 500, np.random.default_rng(1))
    fit = fit_with_ties(Tallies.from_battles(battles), model)
    plain = fit_bradley_terry(battles.cells())
    assert isinstance(fit, TieFit)
    assert isinstance(plain, BradleyTerryFit)
    assert battles.annotator is not None
    assert battles.prompt is not None
    for found, expected in (
        (tie_covariance(fit, battles), sandwich(plain, battles.cells())),
        (
            tie_covariance(fit, battles, (battles.annotator,)),
            clustered(plain, battles, battles.annotator),
        ),
        (
            tie_covariance(fit, battles, (battles.annotator, battles.prompt)),
            two_way_clustered(plain, battles, battles.annotator, battles.prompt),
        ),
    ):
        assert found.matrix == pytest.approx(expected.matrix, abs=1e-8)
        assert found.degrees == expected.degrees


@pytest.mark.parametrize("model", list(TieModel))
def test_the_interval_is_as_wide_as_estimates_scatter(model: TieModel) -> None:
    """60 boards of 400 votes with 20 % ties: the mean standard error beside the scatter."""
    estimates, errors = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        battles = simulated_battles(STRENGTHS, 400, random)
        outcome = np.where(random.random(400) < 0.2, TIE, battles.outcome)
        object.__setattr__(battles, "outcome", outcome)
        fit = fit_with_ties(Tallies.from_battles(battles), model)
        assert isinstance(fit, TieFit)
        estimates.append(fit.strengths)
        errors.append(tie_covariance(fit, battles).standard_errors())
    scatter = np.std(estimates, axis=0, ddof=1)
    # A standard deviation of 60 draws is known to 9 %.
    assert np.mean(errors, axis=0) == pytest.approx(scatter, rel=0.3)
