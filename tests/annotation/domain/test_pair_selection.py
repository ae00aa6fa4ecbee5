"""Which pair next, and with what probability."""

import numpy as np
import pytest

from annotation.domain.battles import Cells
from annotation.domain.bradley_terry import BradleyTerryFit, fit_bradley_terry
from annotation.domain.pair_selection import (
    Posterior,
    Strategy,
    arena_probabilities,
    choose_pairs,
    fisher_information,
    information_gains,
    misorder_gains,
    misorder_probabilities,
    mix_with_uniform,
    pair_probabilities,
)

MEANS = np.array([1.0, 0.1, 0.0, -1.0])
FIRST, SECOND = np.triu_indices(4, 1)
VOTES = np.array([9.0, 5.0, 4.0, 12.0, 2.0, 4.0])
INFORMATION = fisher_information(MEANS, FIRST, SECOND, VOTES)
POSTERIOR = Posterior(MEANS, np.linalg.pinv(INFORMATION))


def test_the_gains_are_what_a_vote_really_brings() -> None:
    gains = information_gains(MEANS, FIRST, SECOND, POSTERIOR.covariance)
    for at in range(6):
        extra = np.zeros(6)
        extra[at] = 1.0
        after = INFORMATION + fisher_information(MEANS, FIRST, SECOND, extra)
        values = [np.linalg.eigvalsh(one)[1:] for one in (INFORMATION, after)]
        assert gains.log_det[at] == pytest.approx(np.log(values[1]).sum() - np.log(values[0]).sum())
        traces = [np.trace(np.linalg.pinv(one)) for one in (INFORMATION, after)]
        assert gains.trace[at] == pytest.approx(traces[0] - traces[1])


def test_one_more_vote_updates_the_covariance_exactly() -> None:
    extra = np.zeros(6)
    extra[3] = 1.0
    exact = np.linalg.pinv(INFORMATION + fisher_information(MEANS, FIRST, SECOND, extra))
    assert POSTERIOR.after((1, 2)).covariance == pytest.approx(exact)


@pytest.mark.parametrize("strategy", Strategy)
def test_every_pair_keeps_its_share_of_the_uniform_choice(strategy: Strategy) -> None:
    probability = pair_probabilities(strategy, POSTERIOR, newcomer=0)[2]
    assert probability.sum() == pytest.approx(1.0)
    assert probability.min() >= 0.10 / 6 - 1e-12


def test_uniform_is_uniform() -> None:
    assert pair_probabilities(Strategy.UNIFORM, POSTERIOR)[2] == pytest.approx(np.full(6, 1 / 6))


def test_uncertainty_asks_for_the_pair_that_could_go_either_way() -> None:
    first, second, probability = pair_probabilities(Strategy.UNCERTAINTY, POSTERIOR)
    best = int(probability.argmax())
    assert (first[best], second[best]) == (1, 2)
    assert probability[best] == pytest.approx(0.9 + 0.1 / 6)


def test_misorder_prefers_votes_that_settle_an_order() -> None:
    gains = misorder_gains(POSTERIOR, FIRST, SECOND)
    assert (gains >= 0).all()
    # The top model is clear of the last; a vote between them settles nothing.
    assert gains[2] < gains.max() / 10
    wrong = misorder_probabilities(POSTERIOR, FIRST, SECOND)
    assert wrong.max() == wrong[3]
    assert (wrong <= 0.5).all()


def test_a_newcomer_meets_its_neighbours() -> None:
    first, second, probability = pair_probabilities(Strategy.NEAR, POSTERIOR, newcomer=1)
    best = int(probability.argmax())
    assert {int(first[best]), int(second[best])} == {1, 2}
    with pytest.raises(ValueError, match="Say which model is new"):
        pair_probabilities(Strategy.NEAR, POSTERIOR)


def test_a_batch_does_not_ask_for_one_pair_over_and_over() -> None:
    chosen = choose_pairs(Strategy.A_OPTIMAL, POSTERIOR, 30, seed=1)
    assert len({(pair.first, pair.second) for pair in chosen}) > 2
    assert all(0 < pair.probability <= 1 for pair in chosen)
    assert chosen == choose_pairs(Strategy.A_OPTIMAL, POSTERIOR, 30, seed=1)


def test_the_drawn_share_is_the_stored_probability() -> None:
    chosen = choose_pairs(Strategy.UNIFORM, POSTERIOR, 3000, seed=2)
    share = np.mean([(pair.first, pair.second) == (0, 1) for pair in chosen])
    assert share == pytest.approx(1 / 6, abs=0.03)


def test_pairs_nobody_voted_on_come_first() -> None:
    found = arena_probabilities(np.array([0.0, 5.0, 0.0]), np.array([0.5, 0.5, 0.9]), 0.1)
    assert found == pytest.approx([0.45 + 0.1 / 3, 0.1 / 3, 0.45 + 0.1 / 3])


def test_pairs_without_any_doubt_leave_the_choice_uniform() -> None:
    assert arena_probabilities(np.array([3.0, 3.0]), np.array([1.0, 0.0]), 0.1) == pytest.approx(
        [0.5, 0.5]
    )


def test_it_refuses_shares_and_weights_without_a_meaning() -> None:
    for weights, part in (([1.0], 1.5), ([-1.0], 0.1), ([], 0.1)):
        with pytest.raises(ValueError):
            mix_with_uniform(np.array(weights), part)
    with pytest.raises(ValueError, match="fewer than two models"):
        pair_probabilities(Strategy.UNIFORM, Posterior(np.zeros(1), np.zeros((1, 1))))


def separated(strategy: Strategy, seed: int, votes: int) -> float:
    """Pairs of a tight ladder of eight that are apart after `votes`, chosen in batches of ten."""
    truth = np.linspace(0.6, -0.6, 8)
    names = [f"m{at}" for at in range(8)]
    random = np.random.default_rng(seed)
    rows: list[tuple[str, str, float, float]] = []
    posterior = Posterior(np.zeros(8), 4.0 * np.eye(8))
    for batch in range(votes // 10):
        for pair in choose_pairs(strategy, posterior, 10, seed=seed * 1000 + batch):
            gap = truth[pair.first] - truth[pair.second]
            won = float(random.random() < 1 / (1 + np.exp(-gap)))
            rows.append((names[pair.first], names[pair.second], won, 1.0))
        fit = fit_bradley_terry(Cells.from_rows(rows, models=names), prior_sd=2.0)
        assert isinstance(fit, BradleyTerryFit)
        posterior = Posterior(fit.strengths, np.linalg.inv(fit.information))
    first, second = np.triu_indices(8, 1)
    return float((misorder_probabilities(posterior, first, second) < 0.025).sum())


def test_misorder_tells_more_models_apart_than_uniform_with_the_same_votes() -> None:
    clever = np.mean([separated(Strategy.MISORDER, seed, 150) for seed in range(5)])
    plain = np.mean([separated(Strategy.UNIFORM, seed, 150) for seed in range(5)])
    assert clever > plain + 1
