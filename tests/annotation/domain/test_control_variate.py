"""People's votes made sharper by a judge."""

import numpy as np
import pytest

from annotation.domain.control_variate import controlled_mean


def test_a_judge_who_knows_nothing_changes_next_to_nothing() -> None:
    human = np.array([1.0, 0.0, 1.0, 0.0])
    found = controlled_mean(human, np.full(4, 0.7), np.full(100, 0.7))
    assert (found.estimate, found.judge_weight, found.correlation) == (0.5, 0.0, None)
    assert found.se == pytest.approx(found.human_se)
    # variance 1/3 over four items
    assert found.human_se == pytest.approx((1 / 3 / 4) ** 0.5)


def test_a_perfect_judge_carries_the_shared_mean_to_all_items() -> None:
    human = np.array([1.0, 0.0, 1.0, 0.0])
    found = controlled_mean(human, human, np.array([1.0, 1.0, 1.0, 1.0]))
    assert found.judge_weight == pytest.approx(1.0)
    # 0.5 - (0.5 - 6/8): the judge's mean over all eight items
    assert found.estimate == pytest.approx(0.75)
    assert found.votes_saved == pytest.approx(0.5)


def test_a_biased_judge_does_not_bias_the_estimate_and_saves_the_square_of_the_correlation() -> (
    None
):
    random = np.random.default_rng(1)
    estimates, plain, inside, saved = [], [], 0, []
    for _ in range(600):
        truth = random.random(1500) < 0.6
        agrees = random.random(1500) < 0.85
        judge = np.where(agrees, truth, ~truth).astype(float) * 0.8 + 0.2
        human = truth[:150].astype(float)
        found = controlled_mean(human, judge[:150], judge[150:])
        estimates.append(found.estimate)
        plain.append(human.mean())
        inside += found.low <= 0.6 <= found.high
        saved.append(found.votes_saved)
    assert np.mean(estimates) == pytest.approx(0.6, abs=0.005)
    assert inside / 600 == pytest.approx(0.95, abs=0.025)
    # The variance really falls by the share that is promised.
    assert 1 - np.var(estimates) / np.var(plain) == pytest.approx(np.mean(saved), abs=0.08)


def test_it_refuses_too_few_items() -> None:
    with pytest.raises(ValueError, match="at least two items"):
        controlled_mean(np.ones(1), np.ones(1), np.ones(5))
    with pytest.raises(ValueError, match="one of each per item"):
        controlled_mean(np.ones(3), np.ones(2), np.ones(5))
