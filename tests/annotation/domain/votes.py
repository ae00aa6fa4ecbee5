"""Votes for tests: small ones by hand, and simulated ones with a known truth."""

from collections.abc import Sequence

import numpy as np

from annotation.domain.arrays import Floats
from annotation.domain.battles import Battles, Cells
from annotation.domain.outcomes import LEFT, RIGHT


def cells_of(*rows: tuple[str, str, float, float]) -> Cells:
    """(left, right, score of the left, how many votes) rows."""
    return Cells.from_rows(rows)


def battles_of(*rows: tuple[str, str, str]) -> Battles:
    """(left, right, outcome) rows."""
    left, right, outcome = zip(*rows, strict=True)
    return Battles.from_columns(left, right, outcome)


def simulated_battles(
    strengths: Sequence[float],
    votes: int,
    random: np.random.Generator,
    *,
    people: int = 12,
    prompts: int = 40,
    taste: float = 0.0,
    topic: float = 0.0,
    left_advantage: float = 0.0,
) -> Battles:
    """Votes whose win probabilities follow strengths + the voter's taste + the prompt's leaning.

    taste, topic: standard deviations, in logits, of effects per (person, model), (prompt, model).
    """
    size = len(strengths)
    tastes = random.normal(0.0, taste, (people, size)) if taste else np.zeros((people, size))
    topics = random.normal(0.0, topic, (prompts, size)) if topic else np.zeros((prompts, size))
    left = random.integers(0, size, votes)
    right = (left + random.integers(1, size, votes)) % size
    person, prompt = random.integers(0, people, votes), random.integers(0, prompts, votes)
    base: Floats = np.asarray(strengths, dtype=np.float64)
    gap = base[left] - base[right] + left_advantage
    gap = gap + tastes[person, left] - tastes[person, right]
    gap = gap + topics[prompt, left] - topics[prompt, right]
    won = random.random(votes) < 1.0 / (1.0 + np.exp(-gap))
    return Battles(
        tuple(f"m{at}" for at in range(size)),
        left,
        right,
        np.where(won, LEFT, RIGHT),
        annotator=person,
        prompt=prompt,
    )
