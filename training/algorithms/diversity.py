"""How different a policy's answers are from one another (Kirk et al. 2023, arXiv:2310.06452)."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

NGRAM_ORDERS = (1, 2, 3, 4, 5)
GPT2_VOCABULARY = 50257  # what the paper's code divides by, whatever the tokens are

# The reference code's weights. Contradiction counts as similarity, so under these signs
# contradicting answers LOWER the printed diversity; a screen that shows the figure must say so.
NLI_WEIGHTS = {"CONTRADICTION": 1.0, "NEUTRAL": 0.0, "ENTAILMENT": -1.0}


@dataclass(frozen=True)
class PerInputDiversity:
    """`per_input` (N,), one figure per prompt; their `mean`; and `sd` ACROSS prompts, with n - 1
    (None for one prompt): the paper's error bar is this spread, not a confidence interval."""

    per_input: list[float]
    mean: float
    sd: float | None


def words(text: str) -> list[str]:
    """The reference code's tokens: full stops and line breaks removed, split at spaces."""
    return [word for word in text.replace(".", "").replace("\n", "").split(" ") if word]


def ngram_counts(texts: Sequence[str], order: int) -> tuple[int, int]:
    """(unique, total) n-grams of this order, pooled over the texts; none spans two texts."""
    grams = [
        tuple(tokens[start : start + order])
        for tokens in map(words, texts)
        for start in range(len(tokens) - order + 1)
    ]
    return len(set(grams)), len(grams)


def distinct(texts: Sequence[str]) -> float:
    """Mean over n = 1..5 of unique / total n-grams (Li et al. 2016); an order without any gives
    0."""
    # U / C
    return statistics.fmean(_ratio(*ngram_counts(texts, n)) for n in NGRAM_ORDERS)


def expectation_adjusted_distinct(texts: Sequence[str], vocabulary: int = GPT2_VOCABULARY) -> float:
    """Mean over n = 1..5 of EAD_n, which divides the unique n-grams by the number expected of as
    many random draws, so that long answers are not punished (Liu et al. 2022, arXiv:2202.13587,
    eq. 2). Raises ValueError for a vocabulary below 1."""
    if vocabulary < 1:
        raise ValueError(f"The vocabulary must hold at least one token; {vocabulary} was given.")

    def ead(unique: int, total: int) -> float:
        # U / (V (1 - ((V - 1) / V)^C))
        expected = vocabulary * (1.0 - ((vocabulary - 1) / vocabulary) ** total)
        return unique / expected if total else 0.0

    return statistics.fmean(ead(*ngram_counts(texts, n)) for n in NGRAM_ORDERS)


def per_input(
    samples: Sequence[Sequence[str]], metric: Callable[[Sequence[str]], float]
) -> PerInputDiversity:
    """`metric` of each prompt's K answers, then their mean and spread over prompts."""
    if not samples:
        raise ValueError("Diversity needs the answers to at least one prompt.")
    figures = [metric(answers) for answers in samples]
    spread = statistics.stdev(figures) if len(figures) > 1 else None
    return PerInputDiversity(figures, statistics.fmean(figures), spread)


def across_input(
    samples: Sequence[Sequence[str]], metric: Callable[[Sequence[str]], float]
) -> float:
    """`metric` of the pool of one answer, the first, to each prompt."""
    if not samples or any(not answers for answers in samples):
        raise ValueError("Across-input diversity needs one answer to every prompt.")
    return metric([answers[0] for answers in samples])


def embedding_diversity(vectors: Tensor) -> float | None:
    """1 - mean cosine over unordered pairs of sentence vectors (K, D); None for fewer than two."""
    if len(vectors) < 2:
        return None
    unit = torch.nn.functional.normalize(vectors.double(), dim=-1)
    first, second = torch.triu_indices(len(unit), len(unit), 1)
    # 1 - mean_{i<j} cos(v_i, v_j)
    return 1.0 - float((unit[first] * unit[second]).sum(-1).mean())


def nli_diversity(
    judgements: Sequence[tuple[tuple[str, float], tuple[str, float]]],
) -> float | None:
    """1 - mean over pairs of the summed weighted scores of both directions.

    Each judgement holds (label, score) forward and backward of one unordered pair of answers,
    labels as in `NLI_WEIGHTS` in any case. None without a pair. Raises ValueError for another
    label: sets number their labels differently, so they are named, never guessed from an index.
    """
    if not judgements:
        return None
    total = 0.0
    for pair in judgements:
        for label, score in pair:
            if label.upper() not in NLI_WEIGHTS:
                raise ValueError(f"Unknown label {label!r}; allowed: {', '.join(NLI_WEIGHTS)}.")
            total += NLI_WEIGHTS[label.upper()] * score
    # 1 - mean (w s)_forward + (w s)_backward
    return 1.0 - total / len(judgements)


def unordered_pairs(count: int) -> list[tuple[int, int]]:
    """All (i, j) with i < j: the pairs that the similarity metrics compare."""
    return list(combinations(range(count), 2))


def _ratio(unique: int, total: int) -> float:
    return unique / total if total else 0.0
