"""Does one number per model describe the votes, and what else moved them?"""

import math

import numpy as np
import pytest

from annotation.domain.battles import Battles
from annotation.domain.bradley_terry import BradleyTerryFit, fit_bradley_terry
from annotation.domain.diagnostics import (
    cyclic_triads,
    feature_bias,
    goodness_of_fit,
    leader_fragility,
    leave_one_out,
    position_bias,
)
from tests.annotation.domain.votes import battles_of, cells_of, simulated_battles


def fitted(battles: Battles) -> BradleyTerryFit:
    found = fit_bradley_terry(battles.cells())
    assert isinstance(found, BradleyTerryFit)
    return found


def cycle(times: int) -> Battles:
    """A beats B beats C beats A, three times of four."""
    rows = []
    for one, other in (("A", "B"), ("B", "C"), ("C", "A")):
        rows += [(one, other, "left")] * 3 * times + [(one, other, "right")] * times
    return battles_of(*rows)


def test_two_models_are_fitted_without_remainder() -> None:
    cells = cells_of(("A", "B", 1.0, 7), ("A", "B", 0.0, 3))
    fit = fit_bradley_terry(cells)
    assert isinstance(fit, BradleyTerryFit)
    found = goodness_of_fit(fit, cells)
    assert (found.deviance, found.degrees, found.p_value) == (pytest.approx(0.0), 0, None)


def test_a_cycle_cannot_be_described_by_strengths() -> None:
    battles = cycle(10)
    found = goodness_of_fit(fitted(battles), battles.cells())
    # All strengths are equal, so each pair of 30 : 10 is measured against 20 : 20.
    assert found.deviance == pytest.approx(3 * 2 * (30 * math.log(1.5) + 10 * math.log(0.5)))
    assert found.degrees == 1
    assert found.p_value is not None
    assert found.p_value < 1e-6
    triads = cyclic_triads(battles)
    assert (triads.cyclic, triads.complete) == (1, 1)
    assert triads.examples == (("A", "B", "C"),)


def test_votes_that_follow_strengths_fit() -> None:
    battles = simulated_battles([1.0, 0.5, 0.0, -0.5, -1.0], 4000, np.random.default_rng(1))
    found = goodness_of_fit(fitted(battles), battles.cells())
    assert found.degrees == 6
    assert found.p_value is not None
    assert found.p_value > 0.01
    assert cyclic_triads(battles).cyclic == 0
    assert cyclic_triads(battles).complete == 10


def test_the_advantage_of_the_left_place_is_measured() -> None:
    battles = simulated_battles(
        [0.5, 0.0, -0.5], 4000, np.random.default_rng(2), left_advantage=0.4
    )
    found = position_bias(battles)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.4 < found.high
    assert found.low > 0.2
    assert found.shuffled_p is not None
    assert found.shuffled_p > 0.01
    assert found.first.value is not None
    assert found.first.value > 0.55


def test_places_that_were_not_shuffled_are_noticed() -> None:
    battles = battles_of(*[("A", "B", "left")] * 30, *[("A", "B", "right")] * 20)
    found = position_bias(battles)
    assert found.shuffled_p is not None
    assert found.shuffled_p < 1e-6
    assert found.effect is None


def test_a_taste_for_length_is_measured_beside_the_models() -> None:
    random = np.random.default_rng(3)
    size = 4000
    left, right = random.gamma(4, 100, size), random.gamma(4, 100, size)
    contrast = (left - right) / (left + right + 1)
    model = random.integers(0, 2, size)
    gap = np.where(model == 0, 0.5, -0.5) + 2.0 * contrast
    won = random.random(size) < 1 / (1 + np.exp(-gap))
    battles = Battles(("A", "B"), model, 1 - model, np.where(won, 0, 1))
    found = feature_bias(battles, left, right)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 2.0 * contrast.std() < found.high
    assert found.low > 0
    shares = [row[1].value or 0.0 for row in found.bins]
    assert len(shares) == 5
    assert shares[0] < shares[2] < shares[4]
    assert found.higher_wins.value is not None
    assert found.higher_wins.value > 0.55


def test_a_feature_that_never_differs_has_no_coefficient() -> None:
    battles = simulated_battles([0.5, 0.0], 50, np.random.default_rng(4))
    found = feature_bias(battles, np.ones(50), np.ones(50))
    assert (found.coefficient, found.higher_wins.n) == (None, 0)


def test_leaving_one_person_out_shows_who_made_the_leader() -> None:
    rows = [("A", "B", "left")] * 5 + [("A", "B", "right")] * 5 + [("A", "B", "left")] * 5
    battles = battles_of(*rows, ("B", "A", "left"))
    people = np.array([0] * 11 + [1] * 4 + [2])
    found = {row.group: row for row in leave_one_out(battles, people, ["ann", "mia", "eve"])}
    assert (found["ann"].leader, found["ann"].votes) == ("A", 11)
    assert found["mia"].leader is not None
    assert found["eve"].largest_move is not None
    assert found["eve"].largest_move > 0


def test_it_finds_how_few_votes_carry_the_leader() -> None:
    battles = battles_of(*[("A", "B", "left")] * 12, *[("A", "B", "right")] * 10)
    found = leader_fragility(battles)
    assert found is not None
    # 12 : 10; without three of the twelve it is 9 : 10
    assert (found.votes, found.new_leader) == (3, "B")
    kept = np.ones(22, dtype=bool)
    kept[found.rows] = False
    ratings = fitted(battles.keep(kept)).ratings()
    assert ratings["B"] > ratings["A"]


def test_a_strong_leader_needs_many_votes_taken_away() -> None:
    battles = simulated_battles([1.5, 0.0, -1.5], 900, np.random.default_rng(5))
    found = leader_fragility(battles)
    assert found is not None
    assert found.votes is not None
    assert found.votes > 50


def test_votes_that_rate_nobody_have_no_fragility() -> None:
    assert leader_fragility(battles_of(("A", "B", "left"))) is None
