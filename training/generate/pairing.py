"""Which two models meet in the arena, and with what probability.

Half of the time a pair is drawn uniformly; half of the time with weights 1 / (1 + votes), so that
new models catch up. Every pair keeps a probability above zero, which boards weigh votes by.
"""

import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TypeVar

UNIFORM_SHARE = 0.5
Key = TypeVar("Key", int, str)


def pair_probabilities(
    models: Sequence[Key], votes: Mapping[tuple[Key, Key], int]
) -> dict[tuple[Key, Key], float]:
    """Pair (smaller key first) -> the probability that it is drawn; they sum to one.

    Raises:
        ValueError: fewer than two models.
    """
    pairs = list(combinations(sorted(models), 2))
    if not pairs:
        raise ValueError("A battle needs two models.")
    weights = [1.0 / (1.0 + votes.get(pair, 0)) for pair in pairs]
    total = sum(weights)
    return {
        pair: UNIFORM_SHARE / len(pairs) + (1.0 - UNIFORM_SHARE) * weight / total
        for pair, weight in zip(pairs, weights, strict=True)
    }


def draw_pair(
    probabilities: Mapping[tuple[Key, Key], float], source: random.Random
) -> tuple[Key, Key, float]:
    """(left, right, probability of the pair); the sides are tossed."""
    pairs = list(probabilities)
    [pair] = source.choices(pairs, weights=[probabilities[each] for each in pairs])
    first, second = pair if source.random() < 0.5 else (pair[1], pair[0])
    return first, second, probabilities[pair]
