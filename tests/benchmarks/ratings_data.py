"""A million battles among a hundred models, the same for every contestant."""

from dataclasses import dataclass

import numpy as np

SEED = 20261121
MODELS = 100
# Davidson's nu that makes about 18 of 100 battles ties at these strengths.
TIE_WEIGHT = 0.48
PEOPLE = 1000
PROMPTS = 5000


@dataclass(frozen=True)
class Votes:
    """left, right, person, prompt: (n,) numbers. outcome: (n,) 0 left, 1 right, 2 tie."""

    left: np.ndarray
    right: np.ndarray
    outcome: np.ndarray
    person: np.ndarray
    prompt: np.ndarray


def generated_votes(count: int) -> Votes:
    """Davidson ties and Zipf-like pairings: popular models meet often, some pairs hardly ever."""
    random = np.random.default_rng(SEED)
    popularity = 1.0 / np.arange(1, MODELS + 1) ** 0.7
    popularity /= popularity.sum()
    strengths = random.normal(0.0, 0.8, MODELS)
    left = random.choice(MODELS, count, p=popularity)
    right = random.choice(MODELS, count, p=popularity)
    right = np.where(left == right, (right + 1) % MODELS, right)
    half = 0.5 * (strengths[left] - strengths[right])
    win, loss = np.exp(half), np.exp(-half)
    drawn = random.random(count) * (win + loss + TIE_WEIGHT)
    outcome = np.where(drawn < win, 0, np.where(drawn < win + loss, 1, 2))
    person, prompt = random.integers(0, PEOPLE, count), random.integers(0, PROMPTS, count)
    return Votes(left, right, outcome, person, prompt)


def model_names() -> list[str]:
    return [f"model-{number:03d}" for number in range(MODELS)]
