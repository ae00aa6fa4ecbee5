"""How alike two texts are: ROUGE-L as the field computes it, and character n-grams beyond Latin.

Source: rouge_score 0.1.2 with use_stemmer=False. Its tokenizer knows a-z and 0-9 only, so that an
instruction in another script has no tokens at all and is never alike anything.
"""

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

_NO_TOKEN = re.compile(r"[^a-z0-9]+")


class Rouge(NamedTuple):
    """Precision, recall and F of the longest common subsequence, each 0 to 1."""

    precision: float
    recall: float
    f: float


def tokens(text: str) -> list[str]:
    """Lower case, everything outside a-z and 0-9 a space, split."""
    return _NO_TOKEN.sub(" ", text.lower()).split()


def lcs_length(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """The length of the longest common subsequence."""
    return LCSseq.similarity(first, second)


def f_measure(common: int, target: int, prediction: int) -> float:
    """2PR / (P + R) with the float operations of rouge_score, so that ties fall the same way."""
    precision = common / max(prediction, 1)
    recall = common / max(target, 1)
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def rouge_l(target: str, prediction: str) -> Rouge:
    """ROUGE-L of a prediction against a target; all 0 when either has no tokens."""
    first, second = tokens(target), tokens(prediction)
    common = lcs_length(first, second)
    return Rouge(
        common / max(len(second), 1),
        common / max(len(first), 1),
        f_measure(common, len(first), len(second)),
    )


def is_beyond_latin(text: str) -> bool:
    """Whether most letters are outside a-z: ROUGE-L then sees little or nothing of the text."""
    letters = sum(letter.isalpha() for letter in text)
    seen = sum("a" <= letter <= "z" for letter in text.lower())
    return letters > 2 * seen


def character_ngrams(text: str, n: int = 3) -> frozenset[str]:
    """The n-grams of the letters and digits of the text in lower case, without white space."""
    plain = "".join(letter for letter in text.lower() if letter.isalnum())
    if len(plain) <= n:
        return frozenset([plain] if plain else [])
    return frozenset(plain[at : at + n] for at in range(len(plain) - n + 1))


def ngram_similarity(first: str, second: str, n: int = 3) -> float:
    """Dice's coefficient of the character n-grams, 0 to 1: the F of sets, for any script."""
    left, right = character_ngrams(first, n), character_ngrams(second, n)
    if not left or not right:
        return 0.0
    return 2 * len(left & right) / (len(left) + len(right))
