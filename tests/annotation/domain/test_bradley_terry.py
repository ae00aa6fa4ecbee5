"""Bradley-Terry: figures by hand, laws, and what happens where no rating exists."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.domain.battles import Battles, Cells
from annotation.domain.bradley_terry import (
    Anchor,
    BradleyTerryFit,
    NotRankable,
    NoVotes,
    fit_bradley_terry,
    inverse_pairing_weights,
    inverse_probability_weights,
    pair_loss,
    win_probability,
)
from tests.annotation.domain.votes import battles_of, cells_of, simulated_battles


def fitted(cells: Cells, **options: object) -> BradleyTerryFit:
    found = fit_bradley_terry(cells, **options)  # type: ignore[arg-type]
    assert isinstance(found, BradleyTerryFit)
    return found


def test_three_wins_of_four_are_the_logarithm_of_three() -> None:
    fit = fitted(cells_of(("A", "B", 1.0, 3), ("B", "A", 1.0, 1)))
    # odds 3 : 1, so the gap is ln 3 logits, and 400 log10(3) = 190.85 points
    assert fit.strengths[0] - fit.strengths[1] == pytest.approx(math.log(3), abs=1e-12)
    assert fit.ratings()["A"] == pytest.approx(1000 + 190.8485 / 2, abs=1e-4)
    # log-likelihood: 3 ln(3/4) + ln(1/4)
    assert fit.log_likelihood == pytest.approx(3 * math.log(0.75) + math.log(0.25))
    assert fit.probability("A", "B") == pytest.approx(0.75)


def test_a_tie_is_half_a_win_for_each() -> None:
    fit = fitted(battles_of(*[("A", "B", "left")] * 4, ("A", "B", "tie")).cells())
    assert fit.strengths[0] - fit.strengths[1] == pytest.approx(math.log(4.5 / 0.5))


def test_an_anchor_moves_the_scale_and_no_gap() -> None:
    cells = cells_of(("A", "B", 1.0, 3), ("B", "A", 1.0, 1))
    plain, anchored = fitted(cells).ratings(), fitted(cells).ratings(Anchor("B", 1114.0))
    assert anchored["B"] == pytest.approx(1114.0)
    assert anchored["A"] - anchored["B"] == pytest.approx(plain["A"] - plain["B"])
    with pytest.raises(ValueError, match="'Z' is not on this board"):
        fitted(cells).ratings(Anchor("Z", 1000.0))


votes = st.lists(
    st.tuples(
        st.sampled_from("ABC"), st.sampled_from("ABC"), st.sampled_from(["left", "right", "tie"])
    ).filter(lambda row: row[0] != row[1]),
    min_size=1,
    max_size=30,
)
LINK = [("A", "B", "tie"), ("B", "C", "tie")]


@settings(max_examples=60, deadline=None)
@given(votes, st.randoms(use_true_random=False))
def test_the_order_of_the_votes_changes_no_digit(
    rows: list[tuple[str, str, str]], random: object
) -> None:
    rows = rows + LINK
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = fitted(battles_of(*rows).cells()), fitted(battles_of(*shuffled).cells())
    assert one.strengths.tolist() == other.strengths.tolist()


@settings(max_examples=60, deadline=None)
@given(votes, st.integers(2, 5))
def test_repeating_all_votes_moves_no_rating_and_narrows_the_information(
    rows: list[tuple[str, str, str]], times: int
) -> None:
    once, often = (
        fitted(battles_of(*rows, *LINK).cells()),
        fitted(battles_of(*(rows + LINK) * times).cells()),
    )
    assert often.strengths == pytest.approx(once.strengths, abs=1e-8)
    assert often.information == pytest.approx(times * once.information, rel=1e-6, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(votes)
def test_at_the_maximum_expected_points_equal_points(rows: list[tuple[str, str, str]]) -> None:
    battles = battles_of(*rows, *LINK)
    fit = fitted(battles.cells())
    chance = 1 / (1 + np.exp(fit.strengths[battles.right] - fit.strengths[battles.left]))
    size = len(battles.models)
    surplus = np.bincount(battles.left, battles.score() - chance, size)
    surplus -= np.bincount(battles.right, battles.score() - chance, size)
    assert surplus == pytest.approx(np.zeros(size), abs=1e-7)


def test_no_votes_are_an_empty_state_that_says_what_to_do() -> None:
    found = fit_bradley_terry(Battles.from_columns([], [], []).cells())
    assert isinstance(found, NoVotes)
    assert "import votes" in found.reason


def test_a_model_that_only_wins_has_no_finite_rating_and_it_says_so() -> None:
    found = fit_bradley_terry(
        cells_of(("A", "B", 1.0, 3), ("A", "C", 1.0, 2), ("B", "C", 1.0, 3), ("C", "B", 1.0, 1))
    )
    assert isinstance(found, NotRankable)
    assert "A never lost to the rest" in found.reason
    first, second = found.components
    assert (first.models, first.fit) == (("A",), None)
    assert second.models == ("B", "C")
    assert second.fit is not None
    # Among themselves B and C can be rated: ln 3 apart.
    assert second.fit.strengths[0] - second.fit.strengths[1] == pytest.approx(math.log(3))


def test_components_stand_in_the_order_of_who_scored_against_whom() -> None:
    found = fit_bradley_terry(
        cells_of(("Z", "M", 1.0, 1), ("M", "A", 1.0, 1), ("Z", "A", 1.0, 2)),
    )
    assert isinstance(found, NotRankable)
    assert [component.models for component in found.components] == [("Z",), ("M",), ("A",)]


def test_a_model_nobody_met_keeps_the_others_rankable_among_themselves() -> None:
    found = fit_bradley_terry(
        Cells.from_rows([("A", "B", 1.0, 1), ("B", "A", 1.0, 1)], models=["N"])
    )
    assert isinstance(found, NotRankable)
    standings = {component.models: component.standing for component in found.components}
    assert standings["N",] == "never met the rest"


def test_a_prior_makes_every_model_rankable_and_is_carried_along() -> None:
    cells = cells_of(("A", "B", 1.0, 3))
    fit = fitted(cells, prior_sd=2.0)
    gap = fit.strengths[0] - fit.strengths[1]
    # 3 ln sigma(g) - 2 (g/2)^2 / (2 * 2^2) is stationary where 3 sigma(-g) = g / 8
    assert 3 * win_probability(0.0, gap) == pytest.approx(gap / 8)
    assert fit.prior_sd == 2.0
    # Votes know nothing of the sum of strengths, the prior 1 / 2^2 of each.
    assert fit.information.sum(axis=1) == pytest.approx([0.25, 0.25])
    with pytest.raises(ValueError, match="logits above 0"):
        fit_bradley_terry(cells, prior_sd=0.0)


def test_the_position_effect_is_taken_out_of_the_ratings() -> None:
    random = np.random.default_rng(7)
    battles = simulated_battles([0.0, 0.0, 0.0], 6000, random, left_advantage=0.3)
    # m0 is mostly shown first, so that without the effect it seems better than it is.
    kept = (battles.left == 0) | (battles.right != 0) | (random.random(6000) < 0.2)
    uneven = battles.keep(kept).cells()
    biased, corrected = fitted(uneven), fitted(uneven, position_effect=True)
    assert corrected.position_effect == pytest.approx(0.3, abs=0.08)
    assert abs(corrected.strengths[0]) < 0.05 < biased.strengths[0]


def test_a_position_effect_that_cannot_be_told_from_the_models_is_refused() -> None:
    found = fit_bradley_terry(
        cells_of(("A", "B", 1.0, 3), ("A", "B", 0.0, 2)), position_effect=True
    )
    assert isinstance(found, NotRankable)
    assert "Show each pair in both orders" in found.reason


def test_a_side_that_always_wins_leaves_the_position_effect_unbounded() -> None:
    found = fit_bradley_terry(
        cells_of(("A", "B", 1.0, 3), ("B", "A", 1.0, 2)), position_effect=True
    )
    assert isinstance(found, NotRankable)


def test_inverse_pairing_weights_undo_uneven_pairing() -> None:
    # A beats B 3:1, B beats C 3:1, and A only draws with C: pairs that contradict one another.
    cells = cells_of(
        *[(a, b, 1.0, 3.0 * n) for a, b, n in (("A", "B", 100), ("B", "C", 1))],
        *[(a, b, 0.0, 1.0 * n) for a, b, n in (("A", "B", 100), ("B", "C", 1))],
        ("A", "C", 0.5, 400.0),
    )
    even = cells_of(
        ("A", "B", 1.0, 3), ("A", "B", 0.0, 1), ("B", "C", 1.0, 3), ("B", "C", 0.0, 1),
        ("A", "C", 0.5, 4),
    )  # fmt: skip
    weighted = inverse_pairing_weights(cells, floor=1.0)
    assert fitted(weighted).strengths == pytest.approx(fitted(even).strengths, abs=1e-9)
    # The control: without the weights the crowded pairs decide.
    assert np.abs(fitted(cells).strengths - fitted(even).strengths).max() > 0.1


def test_votes_drawn_with_known_probabilities_are_weighted_back() -> None:
    # A beats B as often as not, but pairs that A wins were shown four times as often.
    outcome = ["left"] * 40 + ["right"] * 10
    weight = inverse_probability_weights(np.array([0.8] * 40 + [0.2] * 10))
    battles = Battles.from_columns(["A"] * 50, ["B"] * 50, outcome, weight=weight)
    assert fitted(battles.cells()).strengths == pytest.approx([0.0, 0.0], abs=1e-9)
    assert weight.mean() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="store it when the pair is drawn"):
        inverse_probability_weights(np.array([0.0]))


def test_the_pair_loss_is_finite_however_far_apart_rewards_are() -> None:
    assert pair_loss(0.0, 1e4) == pytest.approx(1e4)
    assert pair_loss(1e4, 0.0) == 0.0
    assert pair_loss(2.5, 2.5) == pytest.approx(math.log(2))


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_the_two_sides_share_one(first: float, second: float) -> None:
    assert win_probability(first, second) + win_probability(second, first) == pytest.approx(1.0)
