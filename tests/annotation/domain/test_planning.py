"""How many votes, and when one may stop."""

import math

import numpy as np
import pytest

from annotation.domain.bradley_terry import BradleyTerryFit, fit_bradley_terry, strengths_by_name
from annotation.domain.planning import (
    cluster_design_effect,
    design_effect,
    e_value,
    look_boundaries,
    plan_votes,
    probability_of_gap,
    separation,
    votes_for_gap,
    votes_for_half_width,
    votes_for_power,
)
from annotation.domain.uncertainty import clustered, fisher
from tests.annotation.domain.votes import cells_of, simulated_battles


def test_a_poll_of_five_percent_needs_385_answers() -> None:
    # 0.25 * (1.959964 / 0.05)^2 = 384.1
    assert votes_for_half_width(0.5, 0.05) == 385
    assert votes_for_half_width(1.0, 0.05) == 1


def test_power_for_sixty_percent() -> None:
    # ((1.959964 * .5 + .841621 * sqrt(.24)) / .1)^2 = 193.8
    assert votes_for_power(0.6) == votes_for_power(0.4) == 194


@pytest.mark.parametrize(("gap", "votes"), [(10, 9478), (50, 382), (100, 98), (200, 27)])
def test_small_gaps_need_many_votes(gap: float, votes: int) -> None:
    assert votes_for_gap(gap) == votes_for_gap(-gap) == pytest.approx(votes, abs=1)
    assert probability_of_gap(0) == 0.5


@pytest.mark.parametrize(
    "ask",
    [
        lambda: votes_for_power(0.5),
        lambda: votes_for_gap(0),
        lambda: votes_for_power(1.0),
        lambda: votes_for_power(0.6, power=1.0),
        lambda: votes_for_half_width(0.5, 0.0),
        lambda: votes_for_half_width(0.5, 0.1, alpha=0.0),
        lambda: look_boundaries(0),
        lambda: e_value(-1, 0),
        lambda: plan_votes(100, 1.0, 0),
        lambda: cluster_design_effect(10, 1.5),
    ],
)
def test_it_refuses_a_question_without_an_answer(ask: object) -> None:
    with pytest.raises(ValueError):
        ask()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("looks", "constant"), [(1, 1.960), (2, 1.977), (3, 2.004), (4, 2.024), (5, 2.040)]
)
def test_the_boundaries_are_obrien_and_flemings(looks: int, constant: float) -> None:
    found = look_boundaries(looks)
    assert found[-1] == pytest.approx(constant, abs=1e-3)
    assert found[0] == pytest.approx(constant * math.sqrt(looks), abs=3e-3)


def test_five_planned_looks_keep_the_error_and_peeking_does_not() -> None:
    random = np.random.default_rng(1)
    sums = np.cumsum(np.where(random.random((4000, 1000)) < 0.5, 1.0, -1.0), axis=1)
    looks = np.arange(200, 1001, 200)
    z = np.abs(sums[:, looks - 1]) / np.sqrt(looks)
    assert (z >= look_boundaries(5)).any(axis=1).mean() == pytest.approx(0.05, abs=0.01)
    often = np.arange(20, 1001, 20)
    peeked = (np.abs(sums[:, often - 1]) / np.sqrt(often) >= 1.96).any(axis=1).mean()
    # method.md measured 31 % for a look at every twentieth vote.
    assert peeked == pytest.approx(0.31, abs=0.03)


def test_the_e_value_of_three_wins_is_two() -> None:
    # B(4, 1) / B(1, 1) * 2^3 = 8 / 4
    assert e_value(3, 0) == pytest.approx(2.0)
    assert e_value(0, 0) == pytest.approx(1.0)


@pytest.mark.parametrize("concentration", [1.0, 10.0])
def test_the_e_value_is_one_on_average_without_a_difference(concentration: float) -> None:
    mean = sum(math.comb(12, w) * 0.5**12 * e_value(w, 12 - w, concentration) for w in range(13))
    assert mean == pytest.approx(1.0)


def test_looking_at_the_e_value_after_every_vote_keeps_the_error() -> None:
    random = np.random.default_rng(2)
    wins = np.cumsum(random.random((400, 600)) < 0.5, axis=1)
    crossed = 0
    for course in wins[:, 4::5]:
        values = [e_value(int(w), 5 * (at + 1) - int(w)) for at, w in enumerate(course)]
        crossed += max(values) >= 20
    assert crossed / 400 <= 0.05


def test_votes_from_few_people_stand_for_fewer() -> None:
    battles = simulated_battles([0.0] * 4, 2000, np.random.default_rng(3), people=20, taste=0.6)
    fit = fit_bradley_terry(battles.cells())
    assert isinstance(fit, BradleyTerryFit)
    assert battles.annotator is not None
    effect = design_effect(clustered(fit, battles, battles.annotator), fisher(fit))
    assert effect > 2.0
    plan = plan_votes(400, effect, 20)
    assert plan.votes == math.ceil(400 * effect)
    assert plan.per_annotator == math.ceil(plan.votes / 20)
    assert cluster_design_effect(50, 0.1) == pytest.approx(5.9)


def test_a_gap_that_is_not_yet_clear_says_how_many_votes_are_missing() -> None:
    cells = cells_of(("A", "B", 1.0, 54), ("A", "B", 0.0, 46))
    fit = fit_bradley_terry(cells)
    assert isinstance(fit, BradleyTerryFit)
    found = separation(strengths_by_name(fit), fisher(fit), "A", "B", 100)
    assert not found.separated
    # z = ln(54/46) * sqrt(100 * .54 * .46) = 0.7991; (2.8016 / 0.7991)^2 * 100 - 100
    assert found.more_votes == pytest.approx(1130, abs=3)
    assert found.gap == pytest.approx(400 * math.log10(54 / 46))


def test_a_clear_gap_needs_nothing_and_a_gap_of_nothing_never_ends() -> None:
    clear = cells_of(("A", "B", 1.0, 90), ("A", "B", 0.0, 10))
    even = cells_of(("A", "B", 1.0, 50), ("A", "B", 0.0, 50))
    for cells, separated in ((clear, True), (even, False)):
        fit = fit_bradley_terry(cells)
        assert isinstance(fit, BradleyTerryFit)
        found = separation(strengths_by_name(fit), fisher(fit), "A", "B", 100)
        assert (found.separated, found.more_votes) == (separated, None)
