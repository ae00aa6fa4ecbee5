"""Agreement beyond chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.domain.agreement import (
    Level,
    Weights,
    agreement_matrix,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    percent_agreement,
)

units = st.lists(
    st.lists(st.one_of(st.none(), st.integers(1, 4)), min_size=3, max_size=3),
    min_size=2,
    max_size=12,
)


def test_cohens_kappa_by_hand() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed .7, expected .5 * .6 + .5 * .4 = .5
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = cohen_kappa(first, second)
    assert found.value == pytest.approx((0.7 - 0.5) / 0.5)
    assert found.agreement == percent_agreement(first, second) == 0.7


def test_weighted_kappa_minds_how_far_apart_answers_are() -> None:
    near, far = [1, 2, 3, 4, 1, 2], [1, 2, 3, 4, 2, 3]
    plain = cohen_kappa(near, far).value
    squared = cohen_kappa(near, far, weights=Weights.QUADRATIC).value
    assert plain is not None
    assert squared is not None
    assert squared > plain


@pytest.mark.parametrize("weights", Weights)
def test_a_constant_answer_has_no_kappa_and_a_reason(weights: Weights) -> None:
    found = cohen_kappa([1, 1, 1], [1, 1, 1], weights=weights)
    assert (found.value, found.agreement) == (None, 1.0)
    assert found.reason is not None
    assert "chance agreement is complete" in found.reason


def test_it_refuses_lists_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match="given were 1 and 2"):
        cohen_kappa([1], [1, 2])
    with pytest.raises(ValueError, match="given were 0 and 0"):
        percent_agreement([], [])
    with pytest.raises(ValueError, match="not among the categories"):
        cohen_kappa([1], [5], categories=[1, 2])
    with pytest.raises(ValueError, match="Give the categories in order"):
        cohen_kappa([1, "a"], [1, 1])


def test_fleiss_by_hand() -> None:
    # two items, three people: (3, 0) and (1, 2). P = (1 + 1/3) / 2, P_e = (4/6)^2 + (2/6)^2
    found = fleiss_kappa([[3, 0], [1, 2]])
    observed, expected = 2 / 3, 20 / 36
    assert found.value == pytest.approx((observed - expected) / (1 - expected))


@pytest.mark.parametrize("counts", [[[2, 0], [1, 0]], [[1, 0]], [[-1, 3]], [[1, 1], [2]]])
def test_fleiss_refuses_uneven_tables(counts: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"same number of judgements|differ in length"):
        fleiss_kappa(counts)


def test_alpha_of_krippendorffs_own_example() -> None:
    a = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    b = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    found = krippendorff_alpha(list(zip(a, b, strict=True)), Level.NOMINAL)
    # 20 values, 14 zeros and 6 ones, 8 unequal coincidences: 1 - 19 * 8 / (2 * 14 * 6)
    assert found.value == pytest.approx(1 - 19 * 8 / (2 * 14 * 6))
    assert found.agreement == pytest.approx(0.6)


def test_ordinal_alpha_measures_in_ranks_and_not_in_numbers() -> None:
    # Stretching the scale moves interval alpha and leaves ordinal alpha alone.
    table = [[1, 1], [1, 2], [2, 2], [2, 3], [3, 3]]
    stretched = [[{1: 1, 2: 2, 3: 100}[one] for one in unit] for unit in table]
    for level, same in ((Level.ORDINAL, True), (Level.INTERVAL, False)):
        one, other = krippendorff_alpha(table, level), krippendorff_alpha(stretched, level)
        assert (one.value == pytest.approx(other.value)) is same
    # Ten answers: 3 ones, 4 twos, 3 threes, so ranks 1.5, 5 and 8.5: each step is 3.5 wide.
    # Observed: 4 of 10 coincidences one step apart. Expected: 48 one step and 18 two steps, of 90.
    found = krippendorff_alpha(table, Level.ORDINAL).value
    assert found == pytest.approx(1 - (4 / 10) / ((48 * 1 + 18 * 4) / 90))
    # Uneven use of the scale: 1 1 1 1 2 3 has ranks 2, 4.5, 5.5 where numbers step by one.
    uneven = [[1, 1], [1, 2], [1, 3]]
    # observed 2 (2.5^2 + 3.5^2) / 6; expected 2 (4 * 2.5^2 + 4 * 3.5^2 + 1) / 30
    observed = 2 * (2.5**2 + 3.5**2) / 6
    expected = 2 * (4 * 2.5**2 + 4 * 3.5**2 + 1) / 30
    assert krippendorff_alpha(uneven, Level.ORDINAL).value == pytest.approx(1 - observed / expected)


@pytest.mark.parametrize("level", Level)
@given(table=units)
def test_alpha_does_not_mind_who_said_what_first(
    level: Level, table: list[list[int | None]]
) -> None:
    one = krippendorff_alpha(table, level)
    other = krippendorff_alpha([unit[::-1] for unit in table[::-1]], level)
    assert one.value == pytest.approx(other.value)


@pytest.mark.parametrize("level", Level)
@given(table=units)
def test_alpha_is_one_exactly_where_nobody_disagrees(
    level: Level, table: list[list[int | None]]
) -> None:
    agreed = [[unit[0] or 1] * 3 for unit in table]
    found = krippendorff_alpha(agreed, level)
    if len({unit[0] for unit in agreed}) == 1:
        assert found.value is None
        assert found.reason is not None
    else:
        assert found.value == pytest.approx(1.0)


def test_alpha_without_a_shared_item_says_why() -> None:
    found = krippendorff_alpha([[1, None], [None, 2]], Level.NOMINAL)
    assert (found.value, found.n) == (None, 0)
    assert found.reason is not None
    assert "judged by two people" in found.reason


def test_words_can_be_ordinal_in_a_given_order_and_never_interval() -> None:
    table = [["bad", "bad"], ["good", "best"], ["best", "best"]]
    order = ["bad", "good", "best"]
    found = krippendorff_alpha(table, Level.ORDINAL, categories=order)
    numbers = krippendorff_alpha(
        [[order.index(one) for one in unit] for unit in table], Level.ORDINAL
    )
    assert found.value == pytest.approx(numbers.value)
    with pytest.raises(ValueError, match="needs numbers"):
        krippendorff_alpha(table, Level.INTERVAL)
    with pytest.raises(ValueError, match="not all among"):
        krippendorff_alpha(table, Level.ORDINAL, categories=["bad", "good"])


def test_the_bootstrap_interval_of_alpha_holds_alpha_and_narrows_with_items() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, 400)
    noisy = np.where(random.random((400, 3)) < 0.7, truth[:, None], random.integers(0, 3, (400, 3)))
    few = krippendorff_alpha(noisy[:40].tolist(), Level.NOMINAL, resamples=400)
    many = krippendorff_alpha(noisy.tolist(), Level.NOMINAL, resamples=400)
    for found in (few, many):
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high
    width = (many.high or 0) - (many.low or 0)
    # ten times as many items: about a third of the width
    assert width / ((few.high or 0) - (few.low or 0)) == pytest.approx(10**-0.5, abs=0.12)


def test_pairs_of_people_are_compared_on_what_both_judged() -> None:
    share, shared = agreement_matrix(np.array([[0, 1, -1], [0, 0, 2], [-1, -1, 2]]))
    assert shared.tolist() == [[2, 2, 0], [2, 3, 1], [0, 1, 1]]
    assert share[0, 1] == 0.5
    assert np.isnan(share[0, 2])


def two_people(n: int) -> tuple[list[str], list[str]]:
    """They agree on seven of ten items, where chance would give a half."""
    first = ["left", "right"] * (n // 2)
    other = {"left": "right", "right": "left"}
    second = [other[one] if at % 10 in (3, 6, 8) else one for at, one in enumerate(first)]
    return first, second


def fleiss_table(first: list[str], second: list[str]) -> list[list[int]]:
    return [[pair.count("left"), pair.count("right")] for pair in zip(first, second, strict=True)]


def test_the_intervals_of_the_kappas_are_those_of_drawing_the_items_again() -> None:
    first, second = two_people(200)
    random = np.random.default_rng(3)
    drawn: dict[str, list[float]] = {"cohen": [], "fleiss": []}
    for _ in range(2000):
        at = random.integers(0, 200, size=200)
        ours, theirs = [first[one] for one in at], [second[one] for one in at]
        drawn["cohen"].append(cohen_kappa(ours, theirs).value or 0.0)
        drawn["fleiss"].append(fleiss_kappa(fleiss_table(ours, theirs)).value or 0.0)
    found = {
        "cohen": cohen_kappa(first, second, resamples=2000, seed=1),
        "fleiss": fleiss_kappa(fleiss_table(first, second), resamples=2000, seed=1),
    }
    for name, kappa in found.items():
        assert kappa.value == pytest.approx(0.4, abs=0.01)
        assert kappa.low == pytest.approx(np.quantile(drawn[name], 0.025), abs=0.03)
        assert kappa.high == pytest.approx(np.quantile(drawn[name], 0.975), abs=0.03)


def test_the_intervals_narrow_with_items_and_are_not_made_up() -> None:
    few, many = (cohen_kappa(*two_people(n), resamples=500) for n in (20, 2000))
    assert few.low is not None
    assert few.high is not None
    assert many.low is not None
    assert many.high is not None
    assert many.high - many.low < (few.high - few.low) / 5
    assert cohen_kappa(*two_people(20)).low is None, "nobody asked for it"
    assert cohen_kappa(["left"], ["left"], resamples=500).low is None
    assert fleiss_kappa([[2, 0], [2, 0]], resamples=500).low is None
