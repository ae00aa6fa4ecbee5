"""Proxy and held-out score part, or chance alone moved them; that must not raise the alarm."""

import numpy as np
import pytest

from annotation.domain.parting import Scored, correlation, gaps, rise, verdict, windows

STEPS, EACH = 12, 16


def made(held_out_at: list[float], *, seed: int = 0, noise: float = 1.0) -> list[Scored]:
    """EACH prompts answered after each of STEPS updates; the proxy rises by a deviation in all."""
    drawn = np.random.default_rng(seed)
    return [
        Scored(
            step,
            prompt,
            step / STEPS + noise * drawn.normal(),
            held_out_at[step] + noise * drawn.normal(),
        )
        for step in range(STEPS)
        for prompt in range(EACH)
    ]


RISES_THEN_FALLS = [0.0, 0.5, 1.0, 1.5, 1.8, 2.0, 1.6, 1.0, 0.4, -0.3, -1.0, -1.6]


def strong(held_out: list[float], seed: int) -> list[Scored]:
    """The same with a proxy that rises by three deviations."""
    return [a._replace(proxy=a.proxy + 2 * a.step / STEPS) for a in made(held_out, seed=seed)]


def test_they_part_where_the_held_out_score_falls_and_the_proxy_does_not() -> None:
    found = verdict(strong(RISES_THEN_FALLS, 1))
    assert found.parting is not None
    assert 2 <= found.parting.best <= 6
    assert 7 <= found.parting.now <= 10
    assert found.parting.proxy_rise > 0
    assert found.parting.held_out_fall > 0.5
    assert found.parting.p_fall <= 0.05


@pytest.mark.parametrize("held_out", [[0.0] * STEPS, [0.2 * step for step in range(STEPS)]])
def test_the_control_raises_no_alarm_more_often_than_promised(held_out: list[float]) -> None:
    alarms = sum(verdict(strong(held_out, seed)).parting is not None for seed in range(60))
    assert alarms <= 3  # five in a hundred
    parted = sum(verdict(strong(RISES_THEN_FALLS, seed)).parting is not None for seed in range(10))
    assert parted == 10  # and what is there is seen


def test_both_falling_is_a_bad_run_but_no_parting() -> None:
    answers = [a._replace(proxy=-a.proxy) for a in strong(RISES_THEN_FALLS, 1)]
    assert verdict(answers).parting is None


def test_few_prompts_tell_nothing() -> None:
    few = [a for a in strong(RISES_THEN_FALLS, 1) if int(str(a.prompt)) < 7]
    found = verdict(few)
    assert (found.parting, found.enough) == (None, False)
    assert verdict(strong(RISES_THEN_FALLS, 1)).enough
    assert verdict([]).windows == ()


def test_answers_without_a_held_out_score_are_left_out() -> None:
    answers = strong(RISES_THEN_FALLS, 1)
    more = [a._replace(held_out=None, proxy=1000.0) for a in answers]
    assert verdict([*answers, *more]).windows == verdict(answers).windows


def test_windows_have_sixteen_answers_and_are_twenty_at_most() -> None:
    one_each = [Scored(step, step, 0.0, 0.0) for step in range(40)]
    assert [(w.first, w.last) for w in windows(one_each)] == [(0, 15), (16, 39)]  # 8 are left over
    many = [Scored(step, step, 0.0, 0.0) for step in range(1000)]
    assert len(windows(many)) == 20


def test_a_pair_of_windows_by_hand() -> None:
    """Eight prompts, differences 1, 1, 1, 1, 3, 3, 3, 3: mean 2, deviation sqrt(8 / 7), so
    t = 2 / (sqrt(8 / 7) / sqrt(8)) = 2 sqrt(7) = 5.2915 with 7 degrees of freedom: p 0.000566."""
    before = windows([Scored(0, p, 0.0, 0.0) for p in range(8) for _ in range(2)])[0]
    after = windows([Scored(1, p, 1.0 if p < 4 else 3.0, 0.0) for p in range(8) for _ in range(2)])
    difference, p = rise(before, after[0], "proxy")
    assert difference == pytest.approx(2.0)
    assert p == pytest.approx(0.000566, abs=2e-6)
    assert rise(after[0], before, "proxy")[1] == pytest.approx(1 - p)


def test_the_gap_is_largest_where_the_proxy_praises_what_others_do_not() -> None:
    answers = [Scored(0, n, float(n), 0.0) for n in range(4)]
    answers = [a._replace(held_out=[0.0, 1.0, 2.0, -5.0][n]) for n, a in enumerate(answers)]
    found = gaps([*answers, Scored(0, 9, 1.0, None)])
    assert found[4] is None
    assert max(range(4), key=lambda n: found[n] or 0.0) == 3
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1.0)
    assert correlation([1, 1, 1], [2, 4, 6]) is None
