"""How far people agree beyond chance: percent, Cohen, Fleiss, Krippendorff.

A coefficient is undefined where chance alone would already agree on everything; it is then None
with the reason, never 1 and never NaN.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from annotation.domain.arrays import Floats, Ints

CONSTANT = "Everyone gave the same answer everywhere, so chance agreement is complete."
NOTHING_SHARED = "No item was judged by two people, so there is nothing to compare."


class Weights(StrEnum):
    """How a disagreement counts in Cohen's kappa, by the distance between categories."""

    NONE = "none"
    LINEAR = "linear"
    QUADRATIC = "quadratic"


class Level(StrEnum):
    """What the numbers mean to Krippendorff's alpha."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"


@dataclass(frozen=True)
class Coefficient:
    """value: None where undefined, with the reason. n: items that two people or more judged.

    agreement: share of equal answers, where the coefficient has one. low, high: bootstrap interval
    over items, None where it was not asked for or cannot be had.
    """

    value: float | None
    n: int
    agreement: float | None = None
    reason: str | None = None
    low: float | None = None
    high: float | None = None


def percent_agreement(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Share of items on which two people say the same."""
    _require_pairs(first, second)
    return sum(a == b for a, b in zip(first, second, strict=True)) / len(first)


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    weights: Weights = Weights.NONE,
    categories: Sequence[Hashable] | None = None,
    resamples: int = 0,
    seed: int = 0,
) -> Coefficient:
    """Cohen (1960, 1968) for two people: 1 - observed / expected disagreement.

    categories: in their order, which weighted kappa needs; sorted values by default. With
    `resamples`, items are drawn again for a 95 % interval.
    Raises ValueError for lists of different length, empty lists, and answers outside `categories`.
    """
    agreement = percent_agreement(first, second)
    order = list(dict.fromkeys(categories)) if categories else _sorted({*first, *second})
    at = {category: position for position, category in enumerate(order)}
    strange = [answer for answer in [*first, *second] if answer not in at]
    if strange:
        raise ValueError(f"The answer {strange[0]!r} is not among the categories {order}.")
    size = len(order)
    table = np.zeros((size, size))
    np.add.at(table, ([at[answer] for answer in first], [at[answer] for answer in second]), 1.0)
    distance = _kappa_distance(size, weights)
    (kappa,) = _cohen(table[None], distance)
    if np.isnan(kappa):
        return Coefficient(None, len(first), agreement, CONSTANT)
    drawn = _drawn_again(table.ravel(), resamples, seed).reshape(-1, size, size)
    low, high = _interval(_cohen(drawn, distance))
    return Coefficient(float(kappa), len(first), agreement, None, low, high)


def _cohen(tables: Floats, distance: Floats) -> Floats:
    """(R,) kappa of each of (R, V, V) tables of counts; NaN where chance agreement is complete."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    chance = shares.sum(axis=2)[:, :, None] * shares.sum(axis=1)[:, None, :]
    observed, expected = ((distance * each).sum(axis=(1, 2)) for each in (shares, chance))
    return _beyond_chance(observed, expected)


def _beyond_chance(observed: Floats, expected: Floats) -> Floats:
    """1 - observed / expected disagreement; NaN where none is expected."""
    ratio = np.full_like(expected, np.nan)
    np.divide(observed, expected, out=ratio, where=expected > 1e-15)
    return 1.0 - ratio


def _drawn_again(counts: Floats, resamples: int, seed: int) -> Floats:
    """(resamples, kinds): how often each kind of item comes when all items are drawn again."""
    n = int(counts.sum())
    if n < 2:
        resamples = 0
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=resamples)
    return drawn.astype(np.float64)


def _interval(redone: Floats) -> tuple[float | None, float | None]:
    """The middle 95 %; nothing where more than a tenth of the values cannot be had."""
    kept = redone[~np.isnan(redone)]
    if not len(redone) or len(kept) < 0.9 * len(redone):
        return None, None
    low, high = np.quantile(kept, [0.025, 0.975])
    return float(low), float(high)


def fleiss_kappa(
    counts: Sequence[Sequence[int]], *, resamples: int = 0, seed: int = 0
) -> Coefficient:
    """Fleiss (1971): counts[item][category] of equally many people per item, two at least.

    With `resamples`, items are drawn again for a 95 % interval.
    Raises ValueError for a ragged or negative table and for items judged by different numbers.
    """
    if len({len(row) for row in counts}) > 1:
        raise ValueError("Every item needs a count for every category; the rows differ in length.")
    table = np.array(counts, dtype=np.float64)
    if table.size == 0:
        return Coefficient(None, 0, None, NOTHING_SHARED)
    people = table.sum(axis=1)
    if bool((table < 0).any()) or bool((people != people[0]).any()) or people[0] < 2:
        raise ValueError(
            "Fleiss' kappa needs the same number of judgements, at least 2, for every item. "
            "Use Krippendorff's alpha where the numbers differ."
        )
    n = people[0]
    kinds, repeats = np.unique(table, axis=0, return_counts=True)
    agreement = float(((table**2).sum(axis=1) - n).mean() / (n * (n - 1)))
    (kappa,) = _fleiss(kinds, repeats[None].astype(np.float64))
    if np.isnan(kappa):
        return Coefficient(None, len(table), agreement, CONSTANT)
    drawn = _drawn_again(repeats.astype(np.float64), resamples, seed)
    low, high = _interval(_fleiss(kinds, drawn))
    return Coefficient(float(kappa), len(table), agreement, None, low, high)


def _fleiss(kinds: Floats, repeats: Floats) -> Floats:
    """(R,) kappa of (U, V) kinds of items that occur (R, U) times; NaN as in _cohen."""
    n = kinds[0].sum()
    agreement = (((kinds**2).sum(axis=1) - n) / (n * (n - 1))) @ repeats.T
    shares = repeats @ kinds
    shares /= shares.sum(axis=1, keepdims=True)
    return _beyond_chance(1.0 - agreement / repeats.sum(axis=1), 1.0 - (shares**2).sum(axis=1))


def krippendorff_alpha(
    units: Sequence[Sequence[Hashable | None]],
    level: Level,
    *,
    categories: Sequence[Hashable] | None = None,
    resamples: int = 0,
    seed: int = 0,
) -> Coefficient:
    """alpha = 1 - observed / expected disagreement over pairable values (Krippendorff 2011).

    units: the answers that each item got, from any number of people; None is a missing one.
    categories: the order of ordinal values that do not sort by themselves. With `resamples`, items
    are drawn again for a 95 % interval. Interval and ratio levels need numbers.
    Raises ValueError for values that the level cannot order or subtract.
    """
    answers = [[answer for answer in unit if not _is_missing(answer)] for unit in units]
    pairable = [unit for unit in answers if len(unit) > 1]
    if not pairable:
        return Coefficient(None, 0, None, NOTHING_SHARED)
    found = {answer for unit in pairable for answer in unit}
    order = [one for one in categories if one in found] if categories else _sorted(found)
    if len(order) != len(found):
        raise ValueError(
            f"The answers {_sorted(found)} are not all among {list(categories or [])}."
        )
    at = {answer: position for position, answer in enumerate(order)}
    counts = np.zeros((len(pairable), len(order)))
    for row, unit in enumerate(pairable):
        np.add.at(counts[row], [at[answer] for answer in unit], 1.0)
    values = _numbers(order, level)
    kinds, repeats = np.unique(counts, axis=0, return_counts=True)
    alpha, agreement = _alpha(kinds, repeats.astype(np.float64), values, level)
    n = len(pairable)
    if alpha is None:
        return Coefficient(None, n, agreement, CONSTANT)
    drawn = _drawn_again(repeats.astype(np.float64), resamples, seed)
    redone = [_alpha(kinds, weight, values, level)[0] for weight in drawn]
    low, high = _interval(np.array([np.nan if one is None else one for one in redone]))
    return Coefficient(alpha, n, agreement, None, low, high)


def _alpha(
    counts: Floats, repeats: Floats, values: Floats, level: Level
) -> tuple[float | None, float]:
    """(alpha, share of equal pairs) from (U, V) counts per kind of unit and how often it occurs."""
    people = counts.sum(axis=1)
    share = repeats / (people - 1.0)
    coincidences = (counts * share[:, None]).T @ counts - np.diag(share @ counts)
    marginals = coincidences.sum(axis=0)
    n = float(marginals.sum())
    distance = _alpha_distance(values, marginals, level)
    observed = float((coincidences * distance).sum()) / n
    expected = float((np.outer(marginals, marginals) * distance).sum()) / (n * (n - 1.0))
    agreement = float(np.trace(coincidences)) / n
    if expected <= 1e-15:
        return None, agreement
    return 1.0 - observed / expected, agreement


def _alpha_distance(values: Floats, marginals: Floats, level: Level) -> Floats:
    """(V, V) squared difference of two values at this level of measurement."""
    if level is Level.NOMINAL:
        return 1.0 - np.eye(len(values))
    if level is Level.ORDINAL:
        # Ranks by marginals: the middle of each value's block in the sorted list of all answers.
        values = np.cumsum(marginals) - marginals / 2.0
    gap = values[:, None] - values[None, :]
    if level is Level.RATIO:
        total = values[:, None] + values[None, :]
        gap = np.divide(gap, total, out=np.zeros_like(gap), where=total != 0.0)
    squared: Floats = gap**2
    return squared


def _numbers(order: Sequence[Hashable], level: Level) -> Floats:
    if level in (Level.NOMINAL, Level.ORDINAL):
        return np.arange(len(order), dtype=np.float64)
    try:
        return np.array([float(answer) for answer in order])  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(
            f"The {level} level needs numbers, and {order[0]!r} may not be one. "
            "Use the nominal or ordinal level for words."
        ) from None


def _kappa_distance(size: int, weights: Weights) -> Floats:
    places = np.arange(size, dtype=np.float64)
    gap = np.abs(places[:, None] - places[None, :])
    if weights is Weights.NONE:
        return (gap > 0).astype(np.float64)
    return gap if weights is Weights.LINEAR else gap**2


def _sorted(values: set[Hashable]) -> list[Hashable]:
    try:
        return sorted(values)  # type: ignore[type-var]
    except TypeError:
        raise ValueError(
            "The answers mix words and numbers, which have no order. Give the categories in order."
        ) from None


def _is_missing(answer: Hashable | None) -> bool:
    return answer is None or (isinstance(answer, float) and math.isnan(answer))


def _require_pairs(first: Sequence[Hashable], second: Sequence[Hashable]) -> None:
    if len(first) != len(second) or not first:
        raise ValueError(
            f"Two people's answers to the same items are needed; given were {len(first)} and "
            f"{len(second)}."
        )


def agreement_matrix(answers: Ints) -> tuple[Floats, Ints]:
    """Share of equal answers of each two people: (P, P) with NaN where none is shared, and counts.

    answers: (P, N) category codes, -1 where a person did not judge an item.
    """
    given = answers >= 0
    shared = given.astype(np.int64) @ given.T.astype(np.int64)
    equal = np.zeros(shared.shape)
    for category in np.unique(answers[given]):
        chose = (answers == category).astype(np.float64)
        equal += chose @ chose.T
    share = np.divide(equal, shared, out=np.full(shared.shape, np.nan), where=shared > 0)
    return share, shared
