"""Whether a shown suggestion pulls answers towards itself. Pure.

Items are drawn into the control share, whatever a person does, so the difference between how often
answers agree with a suggestion that was shown and with one that was kept back is its effect.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, median

from annotation.domain.proportions import Share, share, wilson_interval


def is_control(campaign: int, item: int, control: float) -> bool:
    """Whether an item is one of those whose suggestion is kept back: the same for everybody, and
    the same however often it is asked. control: a share between 0 and 1."""
    digest = hashlib.sha256(f"suggestion:{campaign}:{item}".encode()).digest()
    return int.from_bytes(digest[:8]) < control * 2**64


@dataclass(frozen=True)
class Answered:
    """One answer to an item with a suggestion. changed: it was another one before the suggestion
    was shown; None where it was never shown after an answer."""

    item: int
    person: int
    shown: bool
    agrees: bool
    seconds: float | None = None
    taken: bool = False
    changed: bool | None = None


@dataclass(frozen=True)
class Arm:
    """agrees: share of the answers, each item counting once; n: its items. seconds: the median."""

    answers: int
    agrees: Share
    seconds: float | None
    taken: int = 0


@dataclass(frozen=True)
class Anchoring:
    """difference: shown minus control, with a 95 % interval; None where an arm is empty."""

    shown: Arm
    control: Arm
    difference: float | None
    low: float | None
    high: float | None
    looked_again: int  # answers that differed when the suggestion was shown after them
    gave_in: int  # of these: changed into the suggestion


def anchoring(answers: Iterable[Answered]) -> Anchoring:
    """The two arms and their difference.

    Newcombe's hybrid score interval (1998, method 10) over items: people who answer the same item
    are no independent proof, so each item gives one mean and n counts items.
    """
    rows = list(answers)
    shown, control = (_arm([row for row in rows if row.shown is arm]) for arm in (True, False))
    again = [row for row in rows if row.shown and row.changed is not None]
    gap = newcombe(shown.agrees, control.agrees)
    gave_in = sum(bool(row.changed) and row.agrees for row in again)
    return Anchoring(shown, control, *gap, len(again), gave_in)


def newcombe(one: Share, other: Share) -> tuple[float | None, float | None, float | None]:
    """one - other and its interval from the two Wilson intervals."""
    if one.value is None or one.low is None or one.high is None:
        return None, None, None
    if other.value is None or other.low is None or other.high is None:
        return None, None, None
    difference = one.value - other.value
    low = difference - math.hypot(one.value - one.low, other.high - other.value)
    high = difference + math.hypot(one.high - one.value, other.value - other.low)
    return difference, max(-1.0, low), min(1.0, high)


def _arm(rows: list[Answered]) -> Arm:
    by_item: dict[int, list[bool]] = defaultdict(list)
    for row in rows:
        by_item[row.item].append(row.agrees)
    times = [row.seconds for row in rows if row.seconds is not None]
    return Arm(
        answers=len(rows),
        agrees=_mean_share([fmean(said) for said in by_item.values()]),
        seconds=median(times) if times else None,
        taken=sum(row.taken for row in rows),
    )


def _mean_share(means: list[float]) -> Share:
    if not means:
        return share(0, 0)
    hits = min(math.fsum(means), float(len(means)))
    return Share(hits / len(means), *wilson_interval(hits, len(means)), len(means))
