"""Bootstrap from counts."""

import numpy as np
import pytest

from annotation.domain.bootstrap import (
    BootstrapRatings,
    bootstrap_ratings,
    both_orders_together,
    cluster_bootstrap_ratings,
    multinomial_counts,
)
from annotation.domain.bradley_terry import (
    Anchor,
    BradleyTerryFit,
    NotRankable,
    fit_bradley_terry,
    inverse_pairing_weights,
)
from annotation.domain.uncertainty import clustered, sandwich
from tests.annotation.domain.votes import cells_of, simulated_battles


def test_its_spread_is_the_sandwichs() -> None:
    battles = simulated_battles([0.8, 0.2, -0.2, -0.8], 3000, np.random.default_rng(1))
    cells = battles.cells()
    found, fit = bootstrap_ratings(cells, rounds=600, seed=5), fit_bradley_terry(cells)
    assert isinstance(found, BootstrapRatings)
    assert isinstance(fit, BradleyTerryFit)
    assert found.standard_errors() == pytest.approx(sandwich(fit, cells).standard_errors(), rel=0.1)
    low, high = found.interval()
    assert (low < 1000 + 173.7178 * fit.strengths).all()
    assert (high > 1000 + 173.7178 * fit.strengths).all()


def test_each_round_is_an_exact_fit_of_its_resample() -> None:
    """The common metric is only a road: where it leads is the maximum of each resample."""
    battles = simulated_battles([1.2, 0.0, -1.2], 60, np.random.default_rng(2))
    found = bootstrap_ratings(battles.cells(), rounds=50, seed=9)
    assert isinstance(found, BootstrapRatings)
    # Every pair is shown in both orders, which the bootstrap counts together.
    cells = battles.cells()
    merged = both_orders_together(cells)
    drawn = multinomial_counts(merged.count, 50, np.random.default_rng(9))
    kept = []
    for row in drawn:
        redone = merged.__class__(
            merged.models,
            merged.left,
            merged.right,
            merged.score,
            row.astype(float),
            merged.weight,
        )
        fit = fit_bradley_terry(redone.keep(row > 0))
        if isinstance(fit, BradleyTerryFit):
            kept.append(fit.strengths)
    assert found.strengths == pytest.approx(np.array(kept), abs=1e-7)
    assert found.not_rankable == 50 - len(kept)


def test_it_counts_the_resamples_in_which_a_model_never_lost() -> None:
    cells = cells_of(("A", "B", 1.0, 20), ("A", "B", 0.0, 1))
    found = bootstrap_ratings(cells, rounds=400, seed=1)
    assert isinstance(found, BootstrapRatings)
    # (20/21)^21 = 0.359 of all resamples lack the one loss
    assert found.not_rankable / 400 == pytest.approx(0.359, abs=0.06)


def test_the_same_seed_gives_the_same_digits() -> None:
    cells = simulated_battles([0.5, 0.0], 200, np.random.default_rng(3)).cells()
    one, same = bootstrap_ratings(cells, seed=4), bootstrap_ratings(cells, seed=4)
    assert isinstance(one, BootstrapRatings)
    assert isinstance(same, BootstrapRatings)
    assert (one.strengths == same.strengths).all()


def test_whole_people_are_drawn_for_votes_that_depend_on_them() -> None:
    battles = simulated_battles([0.0] * 4, 2000, np.random.default_rng(4), people=40, taste=0.8)
    assert battles.annotator is not None
    found = cluster_bootstrap_ratings(battles, battles.annotator, rounds=600, seed=6)
    fit = fit_bradley_terry(battles.cells())
    assert isinstance(found, BootstrapRatings)
    assert isinstance(fit, BradleyTerryFit)
    people = clustered(fit, battles, battles.annotator).standard_errors()
    assert found.standard_errors() == pytest.approx(people, rel=0.15)
    # The control: drawing single votes sees much less.
    alone = bootstrap_ratings(battles.cells(), rounds=600, seed=6)
    assert isinstance(alone, BootstrapRatings)
    assert alone.standard_errors().mean() < 0.75 * people.mean()


def test_an_anchor_shifts_the_interval() -> None:
    cells = cells_of(("A", "B", 1.0, 30), ("A", "B", 0.0, 10))
    fit, found = fit_bradley_terry(cells), bootstrap_ratings(cells, seed=1)
    assert isinstance(found, BootstrapRatings)
    assert isinstance(fit, BradleyTerryFit)
    low, _ = found.interval()
    moved, _ = found.anchored_interval(fit, Anchor("B", 1000.0))
    assert moved - low == pytest.approx(np.full(2, 1000.0 - fit.ratings()["B"]))


def test_votes_that_rate_nobody_cannot_be_resampled() -> None:
    assert isinstance(bootstrap_ratings(cells_of(("A", "B", 1.0, 3))), NotRankable)


def test_it_refuses_weighted_votes_and_a_single_cluster() -> None:
    cells = cells_of(("A", "B", 1.0, 300), ("A", "B", 0.0, 200), ("B", "C", 0.5, 2))
    with pytest.raises(ValueError, match="Use the clustered interval"):
        bootstrap_ratings(inverse_pairing_weights(cells, floor=1.0))
    battles = simulated_battles([0.5, 0.0], 50, np.random.default_rng(5))
    with pytest.raises(ValueError, match="at least 2 clusters"):
        cluster_bootstrap_ratings(battles, np.zeros(50, dtype=np.int64))


@pytest.mark.parametrize("counts", [[3.0, 1.0, 1.0], [400.0, 250.0, 50.0, 1.0]])
def test_counts_are_drawn_from_the_multinomial(counts: list[float]) -> None:
    expected = np.array(counts)
    total = expected.sum()
    drawn = multinomial_counts(expected, 20_000, np.random.default_rng(1))
    assert (drawn.sum(axis=1) == total).all()
    assert drawn.mean(axis=0) == pytest.approx(expected, rel=0.02)
    share = expected / total
    # variance n p (1 - p), covariance -n p q
    exact = total * (np.diag(share) - np.outer(share, share))
    assert np.cov(drawn.T) == pytest.approx(exact, rel=0.1, abs=0.04 * exact.max())
