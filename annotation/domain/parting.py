"""When a proxy and a held-out score part: the alarm against over-optimisation.

A policy that is trained on a reward model (the proxy) comes to please it in ways that people do not
mean (Gao et al. 2022, arXiv:2210.10760). The sign is that the proxy still rises while a score that
nobody trains on falls. Both are means over a few answers, so the alarm asks what chance would do.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr

LEAST_IN_A_WINDOW = 16  # answers
MOST_WINDOWS = 20
FEWEST_PROMPTS = 8  # below it a mean has no error that could be trusted
LEVEL = 0.05  # false alarms that are accepted, over all pairs of windows together


class Scored(NamedTuple):
    """One answer: the update after which it was given, its prompt, and its two scores."""

    step: int
    prompt: Hashable
    proxy: float
    held_out: float | None


@dataclass(frozen=True)
class Mean:
    """A mean over prompts (each counted once, however many answers it has) and its error."""

    value: float
    error: float | None  # standard error; None below FEWEST_PROMPTS
    n: int  # prompts


@dataclass(frozen=True)
class Window:
    """Neighbouring steps, seen together: `first` to `last`, with all their answers."""

    first: int
    last: int
    answers: tuple[Scored, ...]

    @cached_property
    def by_prompt(self) -> dict[str, dict[Hashable, float]]:
        """proxy, held_out -> prompt -> mean of its answers' scores: answers to one prompt are not
        independent."""
        return {name: _means(self.answers, name) for name in ("proxy", "held_out")}

    @property
    def proxy(self) -> Mean:
        return mean(list(self.by_prompt["proxy"].values()))

    @property
    def held_out(self) -> Mean:
        return mean(list(self.by_prompt["held_out"].values()))


@dataclass(frozen=True)
class Parting:
    """Between windows `best` and `now` (positions) the proxy rose and the held-out score fell.

    `proxy_rise` and `held_out_fall` are differences of means; `p_fall` is already multiplied by the
    number of pairs that were looked at.
    """

    best: int
    now: int
    proxy_rise: float
    held_out_fall: float
    p_fall: float


@dataclass(frozen=True)
class Verdict:
    """parting: the alarm, if there is one. enough: whether there were two windows to compare."""

    windows: tuple[Window, ...]
    parting: Parting | None
    enough: bool


def windows(answers: Sequence[Scored]) -> tuple[Window, ...]:
    """Neighbouring steps together until each window has LEAST_IN_A_WINDOW answers, then evenly
    fewer until there are at most MOST_WINDOWS. What is left over at the end joins the last one."""
    by_step: dict[int, list[Scored]] = defaultdict(list)
    for answer in answers:
        by_step[answer.step].append(answer)
    least = max(LEAST_IN_A_WINDOW, math.ceil(len(answers) / MOST_WINDOWS))
    found: list[list[Scored]] = []
    for step in sorted(by_step):
        if found and len(found[-1]) < least:
            found[-1] += by_step[step]
        else:
            found.append(list(by_step[step]))
    if len(found) > 1 and len(found[-1]) < LEAST_IN_A_WINDOW:
        rest = found.pop()
        found[-1] += rest
    return tuple(Window(group[0].step, group[-1].step, tuple(group)) for group in found)


def _means(answers: Sequence[Scored], name: str) -> dict[Hashable, float]:
    said: dict[Hashable, list[float]] = defaultdict(list)
    for answer in answers:
        value = answer.proxy if name == "proxy" else answer.held_out
        if value is not None:
            said[answer.prompt].append(value)
    return {prompt: sum(values) / len(values) for prompt, values in said.items()}


def mean(values: Sequence[float]) -> Mean:
    if not values:
        return Mean(math.nan, None, 0)
    spread = float(np.std(values, ddof=1)) if len(values) >= FEWEST_PROMPTS else None
    error = None if spread is None else spread / math.sqrt(len(values))
    return Mean(float(np.mean(values)), error, len(values))


def rise(before: Window, after: Window, name: str) -> tuple[float, float]:
    """(difference of means, one-sided p of Student's t against "it did not rise").

    Over prompts that both windows answer, as pairs, where there are FEWEST_PROMPTS of them; else
    Welch's test. p is 1 where there are too few prompts to tell.
    """
    old, new = before.by_prompt[name], after.by_prompt[name]
    common = [prompt for prompt in old if prompt in new]
    if len(common) >= FEWEST_PROMPTS:
        differences = np.array([new[prompt] - old[prompt] for prompt in common])
        error = float(np.std(differences, ddof=1)) / math.sqrt(len(common))
        return float(differences.mean()), _p(float(differences.mean()), error, len(common) - 1)
    a, b = mean(list(old.values())), mean(list(new.values()))
    if a.error is None or b.error is None:
        return b.value - a.value, 1.0
    squares = a.error**2, b.error**2
    below = squares[0] ** 2 / (a.n - 1) + squares[1] ** 2 / (b.n - 1)
    degrees = sum(squares) ** 2 / below if below > 0 else a.n + b.n - 2.0
    return b.value - a.value, _p(b.value - a.value, math.sqrt(sum(squares)), degrees)


def _p(difference: float, error: float, degrees: float) -> float:
    if error == 0.0:
        return 0.0 if difference > 0 else 1.0
    return float(stdtr(degrees, -difference / error))


def verdict(answers: Sequence[Scored]) -> Verdict:
    """Look at every pair of windows, the earlier one first.

    They part between `best` and `now` when the held-out score fell with p * pairs <= LEVEL
    (Bonferroni: the best window is chosen after seeing them) and the proxy rose with p <= LEVEL.
    The earliest such `now` is told, and for it the largest fall. A held-out score that never falls
    raises the alarm with probability LEVEL at most, whatever the proxy does.
    """
    found = windows([answer for answer in answers if answer.held_out is not None])
    pairs = len(found) * (len(found) - 1) // 2
    told = sum(window.held_out.error is not None for window in found)
    for now in range(1, len(found)):
        candidates = []
        for best in range(now):
            # A fall is a rise the other way round.
            fallen, p = rise(found[now], found[best], "held_out")
            p_fall = min(1.0, pairs * p)
            gained, p_rise = rise(found[best], found[now], "proxy")
            if p_fall <= LEVEL and p_rise <= LEVEL:
                candidates.append(Parting(best, now, gained, fallen, p_fall))
        if candidates:
            return Verdict(found, max(candidates, key=lambda each: each.held_out_fall), True)
    return Verdict(found, None, told >= 2)


def correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Pearson's r; None for fewer than three pairs or where one of them does not vary."""
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def gaps(answers: Sequence[Scored]) -> list[float | None]:
    """How much better each answer looks to the proxy than to the held-out score: the difference of
    the two, each in standard deviations over all `answers`. None where there is no score."""
    known = [answer for answer in answers if answer.held_out is not None]
    if len(known) < 2:
        return [None] * len(answers)
    proxies = np.array([answer.proxy for answer in known])
    others = np.array([float(answer.held_out or 0.0) for answer in known])
    middle = float(proxies.mean()), float(others.mean())
    spread = float(proxies.std()) or 1.0, float(others.std()) or 1.0
    return [
        None
        if answer.held_out is None
        else (answer.proxy - middle[0]) / spread[0] - (answer.held_out - middle[1]) / spread[1]
        for answer in answers
    ]
