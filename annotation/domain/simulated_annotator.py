"""A rule that stands in for a person where there is none: in a demonstration, or to try things.

What it says is kept as `simulated` and never called a human judgement. The rule is one that a
reader can check by hand, and that a model can learn: an answer is to take up the question's words,
say each thing once, say enough, come to an end, and not be longer than it has to be.

    score = 2 * taken up + 2 * said once + enough + ended - overlong

taken up: the share of the question's content words (four letters or more) that the answer holds.
said once: distinct word trigrams over all of them. enough: words up to ENOUGH, by ENOUGH. ended: 1
if the last character closes a sentence. overlong: words above MOST, by MOST. An answer without a
word scores EMPTY.

Of two answers the left is preferred with probability 1 / (1 + exp(-(left - right) / NOISE)), as in
Bradley and Terry's model, so that the rule errs as people do; scores closer than ALIKE are a tie.
The draw is a hash of both texts and the seed: the same question put twice, in either order, gets
the same answer.
"""

import hashlib
import math
import re
from collections.abc import Sequence

from annotation.domain.outcomes import Outcome

ENOUGH, MOST = 20, 60  # words
NOISE = 0.25
ALIKE = 0.05
EMPTY = -3.0
_WORD = re.compile(r"\w+")
_CLOSES = re.compile(r"[.!?:;\"'”’)\]}`*。！？…]\Z")
_CONTENT = 4  # letters


def score(question: str, answer: str) -> float:
    """How good the answer is by the rule: EMPTY, or up to 6."""
    words = _WORD.findall(answer.lower())
    if not words:
        return EMPTY
    asked = {word for word in _WORD.findall(question.lower()) if len(word) >= _CONTENT}
    taken_up = len(asked & set(words)) / len(asked) if asked else 1.0
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    said_once = len(set(trigrams)) / len(trigrams) if trigrams else 1.0
    ended = 1.0 if _CLOSES.search(answer.rstrip()) else 0.0
    enough = min(len(words), ENOUGH) / ENOUGH
    overlong = max(0, len(words) - MOST) / MOST
    return 2.0 * taken_up + 2.0 * said_once + enough + ended - overlong


def compare(question: str, left: str, right: str, *, seed: int = 0) -> Outcome:
    """What the rule says of two answers, with its errors."""
    difference = score(question, left) - score(question, right)
    if abs(difference) < ALIKE:
        return Outcome.TIE
    first, second = sorted((left, right))
    # One draw for a pair: that it is asked the other way round must not matter.
    in_order = difference if left == first else -difference
    prefers_first = _draw(seed, question, first, second) < _preference(in_order)
    return Outcome.LEFT if prefers_first == (left == first) else Outcome.RIGHT


def rank(question: str, texts: Sequence[str]) -> list[tuple[int, ...]]:
    """Tiers of positions, the best first; answers whose scores are alike share a tier."""
    scores = [score(question, text) for text in texts]
    tiers: list[list[int]] = []
    for at in sorted(range(len(texts)), key=lambda at: -scores[at]):
        if tiers and scores[tiers[-1][0]] - scores[at] < ALIKE:
            tiers[-1].append(at)
        else:
            tiers.append([at])
    return [tuple(tier) for tier in tiers]


def _preference(difference: float) -> float:
    # 1 / (1 + exp(-d / NOISE)), without overflow: scores differ by less than 20
    return 1.0 / (1.0 + math.exp(-difference / NOISE))


def _draw(seed: int, *texts: str) -> float:
    """A number in [0, 1) that belongs to these texts."""
    digest = hashlib.blake2b(digest_size=8, salt=seed.to_bytes(8, "little", signed=True))
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return int.from_bytes(digest.digest(), "little") / 2**64
