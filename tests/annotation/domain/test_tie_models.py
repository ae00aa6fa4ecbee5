"""Davidson and Rao-Kupper."""

import math

import pytest

from annotation.domain.bradley_terry import NotRankable, NoVotes
from annotation.domain.tie_models import Tallies, TieFit, TieModel, fit_with_ties
from tests.annotation.domain.votes import battles_of


def fitted(rows: list[tuple[str, str, float, float, float]], model: TieModel) -> TieFit:
    found = fit_with_ties(Tallies.from_rows(rows), model)
    assert isinstance(found, TieFit)
    return found


def test_davidson_with_two_models_is_read_off_the_counts() -> None:
    fit = fitted([("A", "B", 6, 2, 4)], TieModel.DAVIDSON)
    # pi_A / pi_B = 6 / 2, nu = 4 / sqrt(6 * 2)
    assert fit.worths()["A"] == pytest.approx(0.75)
    assert fit.tie_parameter == pytest.approx(4 / math.sqrt(12))
    assert fit.probabilities("A", "B") == pytest.approx((0.5, 1 / 6, 1 / 3))


def test_rao_kupper_with_two_models_is_read_off_the_counts() -> None:
    fit = fitted([("A", "B", 10, 5, 5)], TieModel.RAO_KUPPER)
    # theta = sqrt((20/10 - 1)(20/5 - 1)) = sqrt(3)
    assert fit.tie_parameter == pytest.approx(math.sqrt(3))
    assert fit.probabilities("A", "B") == pytest.approx((0.5, 0.25, 0.25))


@pytest.mark.parametrize("model", TieModel)
def test_expected_ties_equal_ties(model: TieModel) -> None:
    rows = [("a", "b", 13, 9, 3), ("a", "c", 15, 8, 3), ("b", "c", 3, 19, 7)]
    fit = fitted(rows, model)
    expected = sum(sum(row[2:]) * fit.probabilities(row[0], row[1])[2] for row in rows)
    if model is TieModel.DAVIDSON:
        assert expected == pytest.approx(13.0)
    points = sum(
        sum(row[2:]) * (fit.probabilities(row[0], row[1])[0] - fit.probabilities(*row[:2])[1])
        for row in rows
        if row[0] == "a"
    )
    # a's surplus of wins over losses: (13 - 9) + (15 - 8)
    if model is TieModel.DAVIDSON:
        assert points == pytest.approx(11.0)


@pytest.mark.parametrize("model", TieModel)
def test_without_ties_it_is_bradley_terry(model: TieModel) -> None:
    fit = fitted([("A", "B", 3, 1, 0)], model)
    assert fit.tie_parameter == (0.0 if model is TieModel.DAVIDSON else 1.0)
    assert fit.worths()["A"] == pytest.approx(0.75)


@pytest.mark.parametrize("model", TieModel)
@pytest.mark.parametrize("counts", [(4, 0, 2), (0, 4, 2)])
def test_a_side_that_never_won_has_no_finite_estimate_even_with_ties(
    counts: tuple[float, float, float], model: TieModel
) -> None:
    found = fit_with_ties(Tallies.from_rows([("A", "B", *counts)]), model)
    assert isinstance(found, NotRankable)


@pytest.mark.parametrize("model", TieModel)
def test_one_tie_each_way_bounds_the_ties_from_both_sides(model: TieModel) -> None:
    """A cycle of wins bounds the strengths; the tie bounds its own parameter from below."""
    rows = [("A", "B", 2, 0, 0), ("B", "C", 2, 0, 0), ("C", "A", 2, 0, 1)]
    assert isinstance(fit_with_ties(Tallies.from_rows(rows), model), TieFit)


@pytest.mark.parametrize("model", TieModel)
def test_only_ties_have_no_finite_tie_parameter(model: TieModel) -> None:
    assert isinstance(fit_with_ties(Tallies.from_rows([("A", "B", 0, 0, 2)]), model), NotRankable)


def test_no_votes_are_an_empty_state() -> None:
    assert isinstance(fit_with_ties(Tallies.from_rows([]), TieModel.DAVIDSON), NoVotes)


def test_both_orders_are_tallied_together() -> None:
    tallies = Tallies.from_battles(
        battles_of(("A", "B", "left"), ("B", "A", "left"), ("B", "A", "both_bad"))
    )
    assert (tallies.wins.tolist(), tallies.losses.tolist(), tallies.ties.tolist()) == (
        [1.0],
        [1.0],
        [1.0],
    )


def test_it_refuses_counts_below_zero() -> None:
    with pytest.raises(ValueError, match="are invalid"):
        Tallies.from_rows([("A", "B", -1, 0, 0)])
