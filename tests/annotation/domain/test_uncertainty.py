"""Intervals: closed forms, laws, and whether the promised 95 % are 95 %."""

import math

import numpy as np
import pytest

from annotation.domain.battles import Battles
from annotation.domain.bradley_terry import BradleyTerryFit, fit_bradley_terry
from annotation.domain.uncertainty import (
    Covariance,
    NoInterval,
    clustered,
    critical_value,
    default_covariance,
    fisher,
    intervals,
    judge_covariance,
    rank_bounds,
    sandwich,
    two_way_clustered,
)
from tests.annotation.domain.votes import battles_of, cells_of, simulated_battles


def fitted(battles: Battles, **options: bool) -> BradleyTerryFit:
    found = fit_bradley_terry(battles.cells(), **options)
    assert isinstance(found, BradleyTerryFit)
    return found


def test_sixty_to_forty_has_the_textbook_error() -> None:
    cells = cells_of(("A", "B", 1.0, 60), ("A", "B", 0.0, 40))
    fit = fit_bradley_terry(cells)
    assert isinstance(fit, BradleyTerryFit)
    # 1 / sqrt(n p q) = 1 / sqrt(100 * 0.6 * 0.4)
    assert fisher(fit).contrast_se("A", "B") == pytest.approx(1 / math.sqrt(24))
    assert sandwich(fit, cells).contrast_se("A", "B") == pytest.approx(1 / math.sqrt(24))


def test_a_tie_is_no_coin_flip_to_the_sandwich() -> None:
    cells = cells_of(("A", "B", 1.0, 10), ("A", "B", 0.0, 10), ("A", "B", 0.5, 80))
    fit = fit_bradley_terry(cells)
    assert isinstance(fit, BradleyTerryFit)
    # residuals: 20 of 1/2 and 80 of 0, so the meat is 5 where coin flips would give 25
    ratio = sandwich(fit, cells).contrast_se("A", "B") / fisher(fit).contrast_se("A", "B")
    assert ratio == pytest.approx(math.sqrt(5 / 25))


@pytest.mark.parametrize("position_effect", [False, True])
def test_clusters_of_one_vote_are_the_sandwich(position_effect: bool) -> None:
    battles = simulated_battles([0.4, 0.0, -0.4], 300, np.random.default_rng(1))
    fit = fitted(battles, position_effect=position_effect)
    alone = clustered(fit, battles, np.arange(300), small_sample=False)
    plain = sandwich(fit, battles.cells())
    assert alone.matrix == pytest.approx(plain.matrix, abs=1e-12)
    assert alone.position_se == pytest.approx(plain.position_se)


def test_votes_repeated_by_one_person_are_no_news() -> None:
    battles = simulated_battles([0.4, 0.0, -0.4], 300, np.random.default_rng(2), people=10)
    doubled = battles.keep(np.repeat(np.arange(300), 4))
    one, four = fitted(battles), fitted(doubled)
    assert battles.annotator is not None
    assert doubled.annotator is not None
    once = clustered(one, battles, battles.annotator)
    often = clustered(four, doubled, doubled.annotator)
    assert often.matrix == pytest.approx(once.matrix, rel=1e-6)
    # The control: the sandwich believes the repeated votes.
    ratio = sandwich(four, doubled.cells()).matrix / sandwich(one, battles.cells()).matrix
    assert ratio == pytest.approx(np.full((3, 3), 0.25), rel=1e-6)


def test_a_ranking_counts_as_one_ballot_not_as_its_pairs() -> None:
    """K = 4 answers ranked by noisy utility: six pairs, worth about 3.5 independent votes."""
    random = np.random.default_rng(3)
    estimates, naive, by_ballot = [], [], []
    first, second = np.triu_indices(4, 1)
    for _ in range(150):
        utility = random.gumbel(size=(60, 4))
        won = (utility[:, first] > utility[:, second]).ravel()
        battles = Battles(
            ("a", "b", "c", "d"),
            np.tile(first, 60),
            np.tile(second, 60),
            np.where(won, 0, 1),
            ballot=np.repeat(np.arange(60), 6),
        )
        fit = fitted(battles)
        assert battles.ballot is not None
        estimates.append(fit.strengths[0])
        naive.append(fisher(fit).standard_errors()[0])
        by_ballot.append(clustered(fit, battles, battles.ballot).standard_errors()[0])
    truth = float(np.std(estimates))
    # method.md measured 77 % for independent pairs and 99 to 100 % for ballots.
    assert np.mean(naive) / truth == pytest.approx(0.77, abs=0.08)
    assert np.mean(by_ballot) / truth == pytest.approx(1.0, abs=0.1)


def test_few_clusters_widen_the_interval_by_g_over_g_minus_one_and_t() -> None:
    battles = simulated_battles([0.4, 0.0, -0.4], 400, np.random.default_rng(4), people=8)
    fit = fitted(battles)
    assert battles.annotator is not None
    plain = clustered(fit, battles, battles.annotator, small_sample=False)
    found = clustered(fit, battles, battles.annotator)
    assert found.matrix == pytest.approx(plain.matrix * 8 / 7)
    assert (plain.degrees, found.degrees) == (math.inf, 7.0)


def test_two_ways_are_their_sum_less_what_both_share() -> None:
    battles = simulated_battles([0.4, 0.0, -0.4], 400, np.random.default_rng(4), taste=0.5)
    fit = fitted(battles)
    person, prompt = battles.annotator, battles.prompt
    assert person is not None
    assert prompt is not None
    both = person * 40 + prompt
    parts = [clustered(fit, battles, code).matrix for code in (person, prompt, both)]
    found = two_way_clustered(fit, battles, person, prompt)
    assert found.matrix == pytest.approx(parts[0] + parts[1] - parts[2], abs=1e-12)
    assert found.degrees == 11.0


def test_the_sparse_and_the_dense_sum_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    battles = simulated_battles([0.4, 0.0, -0.4], 400, np.random.default_rng(5), people=150)
    fit = fitted(battles, position_effect=True)
    assert battles.annotator is not None
    dense = clustered(fit, battles, battles.annotator)
    monkeypatch.setattr("annotation.domain.uncertainty.DENSE_LIMIT", 10)
    sparse = clustered(fit, battles, battles.annotator)
    assert sparse.matrix == pytest.approx(dense.matrix, abs=1e-12)
    assert sparse.position_se == pytest.approx(dense.position_se)


def test_fewer_than_five_people_get_no_interval_and_the_reason() -> None:
    battles = simulated_battles([0.4, 0.0], 100, np.random.default_rng(6), people=4)
    found = default_covariance(fitted(battles), battles)
    assert isinstance(found, NoInterval)
    assert "Only 4 annotators have voted" in found.reason


def test_one_person_gets_an_own_ranking_and_no_interval() -> None:
    battles = simulated_battles([0.4, 0.0], 100, np.random.default_rng(6), people=1)
    found = default_covariance(fitted(battles), battles)
    assert isinstance(found, NoInterval)
    assert "One annotator has voted" in found.reason
    assert set(fitted(battles).ratings()) == {"m0", "m1"}


def test_votes_by_nobody_in_particular_get_no_interval() -> None:
    battles = battles_of(("A", "B", "left"), ("A", "B", "right"))
    assert isinstance(default_covariance(fitted(battles), battles), NoInterval)


def test_a_judges_votes_are_clustered_by_prompt() -> None:
    battles = simulated_battles([0.4, 0.0], 200, np.random.default_rng(7), people=1, topic=0.5)
    fit = fitted(battles)
    assert battles.prompt is not None
    found = judge_covariance(fit, battles)
    assert isinstance(found, Covariance)
    assert found.matrix == pytest.approx(clustered(fit, battles, battles.prompt).matrix)
    unknown = battles_of(("A", "B", "left"), ("A", "B", "right"))
    assert isinstance(judge_covariance(fitted(unknown), unknown), NoInterval)


def test_ranks_need_intervals_that_are_apart_and_touching_is_not_apart() -> None:
    low, high = np.array([10.0, 9.0, 7.0, 1.0]), np.array([12.0, 11.0, 9.0, 2.0])
    best, worst = rank_bounds(low, high)
    assert best.tolist() == [1, 1, 2, 4]
    assert worst.tolist() == [2, 3, 3, 4]


def test_simultaneous_intervals_are_wider_and_narrow_to_the_known_quantiles() -> None:
    assert critical_value(0.95, math.inf) == pytest.approx(1.959964, abs=1e-6)
    # chi-square_{3, .95} = 7.8147
    assert critical_value(0.95, math.inf, 3) == pytest.approx(math.sqrt(7.8147), abs=1e-4)
    # t_{4, .975} = 2.7764
    assert critical_value(0.95, 4.0) == pytest.approx(2.7764, abs=1e-4)
    assert critical_value(0.95, 20.0, 3) > critical_value(0.95, math.inf, 3)
    with pytest.raises(ValueError, match="The level is 95"):
        critical_value(95, math.inf)


def covers(fit: BradleyTerryFit, covariance: Covariance) -> list[bool]:
    """All models are equally strong, so that every interval should hold 1000."""
    return [row.low <= 1000.0 <= row.high for row in intervals(fit, covariance)]


def test_the_default_interval_keeps_its_promise_and_the_usual_one_does_not() -> None:
    """Six models, twelve people with tastes of half a logit, 600 votes on forty prompts."""
    random = np.random.default_rng(20261121)
    default, usual = [], []
    for _ in range(700):
        battles = simulated_battles([0.0] * 6, 600, random, taste=0.5)
        fit = fitted(battles)
        covariance = default_covariance(fit, battles)
        assert isinstance(covariance, Covariance)
        default += covers(fit, covariance)
        usual += covers(fit, fisher(fit))
    assert 0.93 <= np.mean(default) <= 0.97
    assert np.mean(usual) < 0.88
