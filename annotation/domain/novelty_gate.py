"""Self-instruct's novelty filter: a new instruction must differ from everything in the pool.

Source: arXiv:2212.10560 and yizhongw/self-instruct, bootstrap_instructions.py. The paper keeps
what scores below 0.7, the released code what does not exceed it; exactly 0.7 tells them apart.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist

from annotation.domain.text_similarity import (
    character_ngrams,
    is_beyond_latin,
    lcs_length,
    tokens,
)

HAIR = 1e-9  # rounding must not hide a pair that is exactly at the threshold


MOST_CODES = 1_000_000  # below the number of Unicode's characters that are no surrogates


class Rule(StrEnum):
    PAPER = "paper"  # novel when the greatest F is below the threshold
    CODE = "code"  # novel when the greatest F is not above the threshold


@dataclass(frozen=True)
class Verdict:
    """novel: whether it may join. score: the greatest F found. nearest: whose, or None.

    With `exact` scores these are over the whole pool; otherwise over the items that could decide,
    and `score` is 0 when none could.
    """

    novel: bool
    score: float
    nearest: int | None


SHARED = 9  # rare tokens that two texts above the threshold must share, where they are so long


@dataclass
class NoveltyGate:
    """A growing pool of instructions that answers whether another one is new.

    F above t needs a common subsequence, and so as many common tokens, of a >= t/2 (m+n). Tokens
    are ordered by their rarity: of the first m - a + l of one text and the first n - a + l of the
    other at least min(l, a) are the same (l-prefix filtering; l = SHARED). An inverted index of
    these prefixes counts them for the whole pool at once, and the subsequence is looked for only
    where the count and the lengths allow it. Decisions equal those of a full scan.

    other_scripts: instructions that are mostly beyond a-z are also compared by character n-grams,
    since ROUGE-L drops their letters and would call every one of them new.
    """

    threshold: float = 0.7
    rule: Rule = Rule.CODE
    other_scripts: bool = False
    pool: list[str] = field(default_factory=list)
    _ids: dict[str, int] = field(default_factory=dict)
    _counts: list[int] = field(default_factory=list)  # by token id, as of the last ordering
    _items: list[list[int]] = field(default_factory=list)
    _codes: list[str] = field(default_factory=list)  # the same, a character for each token
    _lengths: "array[int]" = field(default_factory=lambda: array("i"))
    _index: "dict[tuple[int, int], array[int]]" = field(default_factory=dict)
    _ordered_at: int = 0
    _grams: dict[int, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rule = Rule(self.rule)
        if not 0.0 < self.threshold <= 1.0:
            raise ValueError(f"The threshold is {self.threshold}; it lies above 0 and up to 1.")
        given, self.pool = self.pool, []
        for text in given:
            self.add(text)

    def add(self, text: str) -> int:
        """Put an instruction into the pool whatever its score; returns its position."""
        position = len(self.pool)
        ids = self._ids_of(text)
        self.pool.append(text)
        self._items.append(ids)
        self._codes.append(_as_characters(ids))
        self._lengths.append(len(ids))
        if self.other_scripts and is_beyond_latin(text):
            self._grams[position] = character_ngrams(text)
        # The order of tokens must not move between two orderings, or prefixes would not meet.
        if position >= 64 and position >= 2 * self._ordered_at:
            self._reorder()
        else:
            self._enter(position, ids)
        return position

    def check(self, text: str, *, exact: bool = False) -> Verdict:
        """Whether `text` is new, without adding it. `exact`: the true greatest F of the pool."""
        ids = self._ids_of(text)
        chosen = range(len(self.pool)) if exact else self._could_decide(ids)
        best, nearest = self._nearest(ids, chosen)
        if self.other_scripts and is_beyond_latin(text):
            best, nearest = self._beyond_latin(text, best, nearest)
        return Verdict(self._is_novel(best), best, nearest)

    def _nearest(self, ids: list[int], chosen: Sequence[int]) -> tuple[float, int | None]:
        """The greatest F among the chosen items, and the first item that has it."""
        if not chosen:
            return 0.0, None
        common = self._common(ids, chosen)
        # 2PR / (P + R) by the float operations of `f_measure`, so that ties fall the same way.
        precision = common / np.maximum(self._lengths_of(chosen), 1)
        recall = common / max(len(ids), 1)
        sums = precision + recall
        scores = np.divide(2 * precision * recall, sums, out=np.zeros_like(sums), where=sums > 0)
        at = int(scores.argmax())
        return (float(scores[at]), chosen[at]) if scores[at] > 0 else (0.0, None)

    def _common(self, ids: list[int], chosen: Sequence[int]) -> NDArray[np.float64]:
        """Lengths of the longest common subsequences with the chosen items."""
        if len(self._ids) > MOST_CODES:
            found = [lcs_length(ids, self._items[at]) for at in chosen]
            return np.array(found, dtype=np.float64)
        # As characters: lists of numbers are hashed one by one before they are compared.
        ours, theirs = _as_characters(ids), [self._codes[at] for at in chosen]
        lengths = cdist([ours], theirs, scorer=LCSseq.similarity, dtype=np.int32)
        return np.asarray(lengths[0], dtype=np.float64)

    def _lengths_of(self, chosen: Sequence[int] | NDArray[np.intp]) -> NDArray[np.int32]:
        # A copy: the array cannot grow while a view of it is alive.
        return np.frombuffer(self._lengths, dtype=np.intc)[chosen]

    def admit(self, text: str, *, exact: bool = False) -> Verdict:
        """Check, and add when it is new: what is admitted counts for the next one at once."""
        verdict = self.check(text, exact=exact)
        if verdict.novel:
            self.add(text)
        return verdict

    def _is_novel(self, score: float) -> bool:
        if self.rule is Rule.PAPER:
            return score < self.threshold
        return not score > self.threshold

    def _beyond_latin(
        self, text: str, best: float, nearest: int | None
    ) -> tuple[float, int | None]:
        ours = character_ngrams(text)
        for position, theirs in self._grams.items():
            if ours and theirs:
                score = 2 * len(ours & theirs) / (len(ours) + len(theirs))
                if score > best:
                    best, nearest = score, position
        return best, nearest

    def _ids_of(self, text: str) -> list[int]:
        known = self._ids
        return [known.setdefault(token, len(known)) for token in tokens(text)]

    def _prefix(self, ids: list[int]) -> list[tuple[int, int]]:
        """The rarest tokens of a text, as many as the index has of it.

        A token's second occurrence is a key of its own, so that multisets become sets. The other
        text is unknown here: n >= a bounds a from below by t/(2-t) m.
        """
        counts, known = self._counts, len(self._counts)
        seen: dict[int, int] = {}
        keys = []
        for token in ids:
            seen[token] = occurrence = seen.get(token, 0) + 1
            keys.append((counts[token] if token < known else 0, token, occurrence))
        keys.sort()
        return [key[1:] for key in keys[: len(ids) - self._least(len(ids)) + SHARED]]

    def _least(self, length: int) -> int:
        """Tokens that a text of this length must share with any text above the threshold."""
        return max(1, math.ceil(self.threshold / (2 - self.threshold) * length - HAIR))

    def _could_decide(self, ids: list[int]) -> list[int]:
        index = self._index
        found = [index[key] for key in self._prefix(ids) if key in index]
        if not found:
            return []
        shared = np.bincount(np.frombuffer(b"".join(found), dtype=np.intc))
        some = np.flatnonzero(shared >= min(self._least(len(ids)), SHARED))
        lengths = self._lengths_of(some)
        needed = np.ceil(self.threshold / 2 * (lengths + len(ids)) - HAIR)
        enough = shared[some] >= np.minimum(needed, SHARED)
        likely: list[int] = some[enough & (needed <= np.minimum(lengths, len(ids)))].tolist()
        return likely

    def _enter(self, position: int, ids: list[int]) -> None:
        for key in self._prefix(ids):
            found = self._index.get(key)
            if found is None:
                found = self._index[key] = array("i")
            found.append(position)

    def _reorder(self) -> None:
        """Order tokens by their frequency in the pool again and index everything anew."""
        self._ordered_at = len(self.pool)
        self._counts = [0] * len(self._ids)
        for ids in self._items:
            for token in ids:
                self._counts[token] += 1
        self._index.clear()
        for position, ids in enumerate(self._items):
            self._enter(position, ids)


def _as_characters(ids: list[int]) -> str:
    """One character for each token, surrogates passed over; "" when there are too many tokens."""
    if ids and max(ids) >= MOST_CODES:
        return ""
    return "".join([chr(token if token < 0xD800 else token + 0x800) for token in ids])
