"""The win-rate matrix and the win rate against one reference."""

import numpy as np
import pytest

from annotation.domain.logistic import NoFiniteEstimate
from annotation.domain.proportions import share, wilson_interval
from annotation.domain.reference_win_rates import (
    NoPreferences,
    ReferenceWinRate,
    length_controlled_win_rate,
    reference_win_rate,
)
from annotation.domain.win_rates import TiePolicy, outcome_shares, win_rate_matrix
from tests.annotation.domain.votes import battles_of

BATTLES = battles_of(
    ("A", "B", "left"),
    ("B", "A", "right"),
    ("B", "A", "left"),
    ("A", "B", "tie"),
    ("C", "A", "both_bad"),
)


@pytest.mark.parametrize(
    ("policy", "rate", "mirror"),
    [
        (TiePolicy.HALF, (2 + 0.5) / 4, (1 + 0.5) / 4),
        (TiePolicy.EXCLUDE, 2 / 3, 1 / 3),
        (TiePolicy.IGNORE_IN_NUMERATOR, 2 / 4, 1 / 4),
    ],
)
def test_a_tie_counts_as_the_policy_says(policy: TiePolicy, rate: float, mirror: float) -> None:
    matrix = win_rate_matrix(BATTLES, policy)
    assert matrix.cell("A", "B").rate == pytest.approx(rate)
    assert matrix.cell("B", "A").rate == pytest.approx(mirror)
    assert matrix.cell("A", "B").n == 4


def test_an_empty_cell_is_no_data_and_never_zero() -> None:
    cell = win_rate_matrix(BATTLES).cell("B", "C")
    assert (cell.rate, cell.low, cell.high, cell.n) == (None, None, None, 0)
    diagonal = win_rate_matrix(BATTLES).cell("A", "A")
    assert diagonal.rate is None


def test_a_cell_of_ties_alone_is_empty_when_ties_are_left_out() -> None:
    matrix = win_rate_matrix(BATTLES, TiePolicy.EXCLUDE)
    assert (matrix.cell("A", "C").rate, matrix.cell("A", "C").n) == (None, 1)
    assert matrix.average() == {"A": pytest.approx(2 / 3), "B": pytest.approx(1 / 3), "C": None}


def test_the_average_is_over_opponents_met_and_not_over_battles() -> None:
    # A: 2.5 of 4 against B and half of 1 against C
    assert win_rate_matrix(BATTLES).average()["A"] == pytest.approx((0.625 + 0.5) / 2)


def test_each_cell_has_wilsons_interval() -> None:
    cell = win_rate_matrix(BATTLES).cell("A", "B")
    assert (cell.low, cell.high) == pytest.approx(wilson_interval(2.5, 4))
    decisive = win_rate_matrix(BATTLES, TiePolicy.EXCLUDE).cell("A", "B")
    assert (decisive.low, decisive.high) == pytest.approx(wilson_interval(2, 3))


def test_ties_and_both_bad_are_counted_apart() -> None:
    shares = outcome_shares(BATTLES)
    assert shares["A"] == (5, 1 / 5, 1 / 5)
    assert shares["C"] == (1, 0.0, 1.0)


def test_wilsons_interval_is_known() -> None:
    # 7 of 10 at 95 %: (0.7 + z^2/20 -+ z sqrt(0.021 + z^2/400)) / (1 + z^2/10)
    assert wilson_interval(7, 10) == pytest.approx((0.396778, 0.892209), abs=1e-6)
    assert wilson_interval(10, 10)[1] == 1.0
    assert share(0, 0) == (None, None, None, 0)
    for wins, n in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="is not a share"):
            wilson_interval(wins, n)


def test_a_reference_win_rate_averages_preferences() -> None:
    found = reference_win_rate([2, 1, 1.5, 0, None])
    assert isinstance(found, ReferenceWinRate)
    # shares 1, 0, .5, .5: mean .5, variance (.25 + .25) / 3
    assert (found.win_rate, found.n_total, found.n_draws) == (50.0, 4, 2)
    assert found.standard_error == pytest.approx(100 * (0.5 / 3 / 4) ** 0.5)


def test_a_judges_doubt_counts_in_the_mean_and_not_in_the_discrete_rate() -> None:
    found = reference_win_rate([1.9, 1.6, 1.2])
    assert isinstance(found, ReferenceWinRate)
    assert found.win_rate == pytest.approx(100 * (0.9 + 0.6 + 0.2) / 3)
    assert found.discrete_win_rate == pytest.approx(200 / 3)


def test_one_item_has_no_standard_error_and_none_has_an_empty_state() -> None:
    one = reference_win_rate([2.0])
    assert isinstance(one, ReferenceWinRate)
    assert one.standard_error is None
    assert isinstance(reference_win_rate([None]), NoPreferences)


@pytest.mark.parametrize("preference", [3.0, 0.5, -1.0, 2.5])
def test_it_refuses_a_preference_outside_its_range(preference: float) -> None:
    with pytest.raises(ValueError, match=r"outside \[1, 2\]"):
        reference_win_rate([1.0, preference])


def test_length_control_takes_the_taste_for_length_out() -> None:
    random = np.random.default_rng(1)
    own, base = random.normal(900, 200, 4000), random.normal(600, 200, 4000)
    gap = np.tanh((base - own) / (base - own).std(ddof=1))
    won = (random.random(4000) < 1 / (1 + np.exp(1.5 * gap))).astype(float)
    found = length_controlled_win_rate(won, own, base, resamples=40)
    assert found.raw > 65
    assert found.controlled == pytest.approx(50.0, abs=4)
    assert found.coefficients["length"] == pytest.approx(-1.5, abs=0.2)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.controlled < found.high
    assert found.trusted


def test_equal_lengths_leave_the_raw_rate() -> None:
    won, lengths = np.array([1.0, 1.0, 0.0, 1.0]), np.full(4, 100.0)
    found = length_controlled_win_rate(won, lengths, lengths)
    assert (found.raw, found.controlled) == (75.0, pytest.approx(75.0))
    assert found.coefficients["length"] == 0.0


def test_lengths_that_never_overlap_are_not_trusted() -> None:
    random = np.random.default_rng(2)
    won = (random.random(200) < 0.2).astype(float)
    found = length_controlled_win_rate(
        won, random.normal(400, 30, 200), random.normal(2000, 300, 200)
    )
    assert found.overlap == 0.0
    assert not found.trusted


def test_length_that_explains_everything_has_no_finite_figure() -> None:
    won, own = np.array([1.0, 1.0, 0.0, 0.0]), np.array([9.0, 8.0, 2.0, 1.0])
    with pytest.raises(NoFiniteEstimate, match="without exception"):
        length_controlled_win_rate(won, own, np.full(4, 5.0))
    with pytest.raises(ValueError, match="one value of each per item"):
        length_controlled_win_rate(won, own[:3], np.full(4, 5.0))
