"""How one person votes, beside the others: signs that somebody clicks without reading.

Every figure comes with its count and interval: a suspicion is a reason to look, not a verdict.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from annotation.domain.arrays import Floats
from annotation.domain.distributions import chi2_quantile, fair_coin_p_value, fisher_p_value
from annotation.domain.outcomes import Outcome
from annotation.domain.proportions import Share, share

# Arena looks at five random moments within a voter's first hundred votes (arXiv:2403.04132, 5.1).
LOOKS = 5
LAST_LOOK = 100


@dataclass(frozen=True)
class AnomalyReport:
    """Fisher's combination of how unusual each vote is, checked at a few moments.

    p: one value per vote, small where few earlier voters scored as high (or, with
    `lower_is_unusual`, as low). statistic, threshold: by moment (number of votes so far).
    """

    p: tuple[float, ...]
    statistic: dict[int, float]
    threshold: dict[int, float]
    flagged: bool


def anomalous_voter(
    history: Mapping[Hashable, Sequence[float]],
    votes: Sequence[tuple[Hashable, float]],
    checkpoints: Sequence[int],
    *,
    alpha: float = 0.1,
    lower_is_unusual: bool = False,
) -> AnomalyReport:
    """Chatbot Arena's detector (arXiv:2403.04132 section 5.1), in one direction; run both.

    history: earlier scores (1, 0.5, 0 in the pair's fixed order) by pair. votes: (pair, score) of
    one person, in order. p_i = (1 + #{h >= H_i}) / (n + 1); M_j = -2 sum_{i <= j} ln p_i; flagged
    when M_j >= chi-square_{2j, 1 - alpha / checks} at any checkpoint. Checkpoints past the last
    vote are not looked at, and still share the error. FastChat's product of 1 / (2 p) is no test:
    its mean under honest voting is infinite.
    Raises ValueError without checkpoints, for checkpoints below 1 and for alpha outside (0, 1).
    """
    if not checkpoints or min(checkpoints) < 1:
        raise ValueError("Give at least one checkpoint, each a number of votes from 1 on.")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha is {alpha!r}; give an error probability such as 0.1.")
    found = []
    tallies: dict[Hashable, Counter[float]] = {}  # there are three scores, and thousands of votes
    for pair, score in votes:
        if pair not in tallies:
            tallies[pair] = Counter(history.get(pair, ()))
        earlier = tallies[pair]
        as_far = sum(
            count
            for h, count in earlier.items()
            if ((h <= score) if lower_is_unusual else (h >= score))
        )
        found.append((1 + as_far) / (earlier.total() + 1))
    course = np.cumsum(-2.0 * np.log(found)) if found else np.zeros(0)
    reached = [moment for moment in sorted(set(checkpoints)) if moment <= len(found)]
    statistic = {moment: float(course[moment - 1]) for moment in reached}
    share_of_error = alpha / len(checkpoints)
    threshold = {moment: chi2_quantile(1.0 - share_of_error, 2 * moment) for moment in reached}
    flagged = any(statistic[moment] >= threshold[moment] for moment in reached)
    return AnomalyReport(tuple(found), statistic, threshold, flagged)


def random_checkpoints(votes: int, seed: int) -> list[int]:
    """LOOKS different moments within the first LAST_LOOK votes, so that nobody can time them."""
    last = min(votes, LAST_LOOK)
    chosen = np.random.default_rng(seed).choice(last, size=min(LOOKS, last), replace=False)
    return sorted((chosen + 1).tolist())


@dataclass(frozen=True)
class SideBias:
    """left: share of decisive votes for the left answer. p_value: exact, if nobody preferred sides.

    Fair only where the server shuffled the order of the answers.
    """

    left: Share
    p_value: float | None


def left_bias(outcomes: Iterable[Outcome]) -> SideBias:
    """Ties and both-bad say nothing about sides and are left out."""
    decisive = [one for one in outcomes if one in (Outcome.LEFT, Outcome.RIGHT)]
    lefts = sum(one is Outcome.LEFT for one in decisive)
    if not decisive:
        return SideBias(share(0, 0), None)
    return SideBias(share(lefts, len(decisive)), fair_coin_p_value(lefts, len(decisive)))


@dataclass(frozen=True)
class LengthBias:
    """longer: share of decisive votes on unequal lengths that went to the longer answer.

    others: the same share among everybody else's votes on the same items, None where there is none.
    p_value: of the difference to the others, by Fisher's exact test.
    """

    longer: Share
    others: Share
    p_value: float | None


class LengthVote(NamedTuple):
    """One vote: the outcome and the lengths of the two answers, in any one unit."""

    outcome: Outcome
    left_length: float
    right_length: float


def length_bias(own: Iterable[LengthVote], others: Iterable[LengthVote]) -> LengthBias:
    """How often the longer answer wins with one person, and with the others.

    Longer answers may be better, so the person is compared with the others and not with one half.
    """
    mine, theirs = _longer(own), _longer(others)
    p_value = None
    if mine[1] and theirs[1]:
        table = ((mine[0], mine[1] - mine[0]), (theirs[0], theirs[1] - theirs[0]))
        p_value = fisher_p_value(table)
    return LengthBias(share(*mine), share(*theirs), p_value)


def _longer(votes: Iterable[LengthVote]) -> tuple[int, int]:
    hits = n = 0
    for vote in votes:
        if vote.outcome not in (Outcome.LEFT, Outcome.RIGHT):
            continue
        if vote.left_length == vote.right_length:
            continue
        n += 1
        hits += (vote.outcome is Outcome.LEFT) == (vote.left_length > vote.right_length)
    return hits, n


@dataclass(frozen=True)
class SelfConsistency:
    """same: share of repeated items judged alike, the answers having changed places.

    reversed: share judged the opposite way, of which same_side went to the same side of the screen
    both times: the mark of somebody who does not read.
    """

    same: Share
    reversed: Share
    same_side: Share


TURNED = {
    Outcome.LEFT: Outcome.RIGHT,
    Outcome.RIGHT: Outcome.LEFT,
    Outcome.TIE: Outcome.TIE,
    Outcome.BOTH_BAD: Outcome.BOTH_BAD,
}


def self_consistency(repeats: Iterable[tuple[Outcome, Outcome]]) -> SelfConsistency:
    """(first outcome, outcome after the answers changed places) of each repeated item."""
    kept = list(repeats)
    same = sum(TURNED[second] is first for first, second in kept)
    sides = (Outcome.LEFT, Outcome.RIGHT)
    opposite = sum(first in sides and first is second for first, second in kept)
    return SelfConsistency(
        share(same, len(kept)), share(opposite, len(kept)), share(opposite, len(kept) - same)
    )


def severity(scores: Mapping[Hashable, Sequence[tuple[Hashable, float]]]) -> dict[Hashable, float]:
    """How much lower or higher one rates than the others do on the same items, by person.

    scores: (item, rating) by person. The mean over shared items of own rating - mean of the
    others'; NaN for a person who shares no item.
    """
    totals: dict[Hashable, tuple[float, int]] = {}
    for rated in scores.values():
        for item, value in rated:
            total, n = totals.get(item, (0.0, 0))
            totals[item] = (total + value, n + 1)
    found = {}
    for person, rated in scores.items():
        gaps = [
            value - (totals[item][0] - value) / (totals[item][1] - 1)
            for item, value in rated
            if totals[item][1] > 1
        ]
        found[person] = float(np.mean(gaps)) if gaps else float("nan")
    return found


def fast_votes(seconds: Floats, words: Floats, words_per_minute: float = 900.0) -> np.ndarray:
    """(n,) which votes came sooner than anybody can read the answers shown.

    seconds: active time per vote. words: length of both answers together. 900 words a minute is
    several times the reading speed of adults (Brysbaert 2019: 238).
    """
    too_fast: np.ndarray = seconds < 60.0 * words / words_per_minute
    return too_fast
