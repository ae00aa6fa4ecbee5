"""Signs that somebody clicks without reading."""

import math

import numpy as np
import pytest

from annotation.domain.annotator_quality import (
    LengthVote,
    anomalous_voter,
    fast_votes,
    left_bias,
    length_bias,
    random_checkpoints,
    self_consistency,
    severity,
)
from annotation.domain.outcomes import Outcome

L, R, TIE = Outcome.LEFT, Outcome.RIGHT, Outcome.TIE
HISTORY = {"AB": [1.0, 1.0, 0.5, 0.0]}


def test_a_vote_is_as_unusual_as_few_earlier_ones_reach_it() -> None:
    found = anomalous_voter(HISTORY, [("AB", 1.0), ("AB", 0.0)], [2])
    # two of four earlier votes are >= 1, all four are >= 0
    assert found.p == (3 / 5, 5 / 5)
    assert found.statistic[2] == pytest.approx(-2 * math.log(0.6))
    lower = anomalous_voter(HISTORY, [("AB", 0.0)], [1], lower_is_unusual=True)
    assert lower.p == (2 / 5,)


def test_a_pair_without_history_is_not_unusual() -> None:
    for lower in (False, True):
        for score in (0.0, 1.0):
            found = anomalous_voter({}, [("AB", score)], [1], lower_is_unusual=lower)
            assert found.p == (1.0,)


def test_it_rarely_flags_an_honest_voter_and_soon_a_dishonest_one() -> None:
    # One side wins 19 of 20; on closer pairs the test has next to no power, as Fisher's sum tells.
    random = np.random.default_rng(1)
    honest = dishonest = 0
    for _ in range(200):
        history = {"AB": (random.random(200) < 0.95).astype(float).tolist()}
        moments = random_checkpoints(60, int(random.integers(1 << 30)))
        same = [("AB", float(flip)) for flip in random.random(60) < 0.95]
        turned = [("AB", float(flip)) for flip in random.random(60) < 0.5]
        honest += anomalous_voter(history, same, moments).flagged
        dishonest += anomalous_voter(history, turned, moments, lower_is_unusual=True).flagged
    assert honest / 200 <= 0.10
    assert dishonest / 200 > 0.7


def test_moments_are_different_and_within_the_first_hundred_votes() -> None:
    moments = random_checkpoints(1000, 3)
    assert len(set(moments)) == 5
    assert max(moments) <= 100
    assert random_checkpoints(2, 3) == [1, 2]


@pytest.mark.parametrize(("checkpoints", "alpha"), [([], 0.1), ([0], 0.1), ([1], 1.5)])
def test_the_test_refuses_settings_without_a_meaning(checkpoints: list[int], alpha: float) -> None:
    with pytest.raises(ValueError, match=r"checkpoint|alpha"):
        anomalous_voter(HISTORY, [], checkpoints, alpha=alpha)


def test_left_bias_leaves_ties_out() -> None:
    found = left_bias([L] * 9 + [R] + [TIE] * 50)
    assert (found.left.value, found.left.n) == (0.9, 10)
    # two-sided: 2 * (1 + 10) / 1024
    assert found.p_value == pytest.approx(22 / 1024)
    assert left_bias([TIE]).p_value is None


def test_length_bias_compares_with_the_others_and_not_with_one_half() -> None:
    long_left, long_right = LengthVote(L, 9, 1), LengthVote(R, 9, 1)
    same = length_bias([long_left] * 8 + [long_right] * 2, [long_left] * 80 + [long_right] * 20)
    assert same.longer.value == same.others.value == 0.8
    assert same.p_value == pytest.approx(1.0)
    keen = length_bias([long_left] * 30, [long_left] * 50 + [long_right] * 50)
    assert keen.p_value is not None
    assert keen.p_value < 1e-5
    assert length_bias([LengthVote(TIE, 9, 1), LengthVote(L, 5, 5)], []).longer.value is None


def test_a_repeat_with_changed_places_should_turn_the_vote() -> None:
    found = self_consistency([(L, R), (TIE, TIE), (L, L), (R, TIE)])
    assert found.same.value == 0.5
    assert found.reversed.value == 0.25
    # of the two that differ, one went to the same side both times
    assert found.same_side.value == 0.5


def test_severity_is_against_the_others_on_the_same_items() -> None:
    found = severity({"ann": [("x", 2.0), ("y", 1.0)], "mia": [("x", 4.0)], "eve": [("z", 1.0)]})
    assert found["ann"] == -2.0
    assert found["mia"] == 2.0
    assert math.isnan(found["eve"])


def test_nobody_reads_nine_hundred_words_in_half_a_minute() -> None:
    assert fast_votes(np.array([30.0, 90.0]), np.array([900.0, 900.0])).tolist() == [True, False]
