"""Self-instruct's novelty filter: a new instruction must differ from everything in the pool.

Source: arXiv:2212.10560 and yizhongw/self-instruct, bootstrap_instructions.py. The paper keeps
what scores below 0.7, the released code what does not exceed it; exactly 0.7 tells them apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from annotation.domain.text_similarity import (
    character_ngrams,
    f_measure,
    is_beyond_latin,
    lcs_length,
    tokens,
)


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


@dataclass
class NoveltyGate:
    """A growing pool of instructions that answers whether another one is new.

    An inverted index of rare tokens finds the few items that can reach the threshold: LCS above
    t(m+n)/2 needs as many shared tokens, so that one of the rarest of each side must be shared
    (prefix filtering). Decisions equal those of a full scan.

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
    _index: dict[tuple[int, int], list[int]] = field(default_factory=dict)
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
        best, nearest = 0.0, None
        length = len(ids)
        for position in chosen:
            item = self._items[position]
            # No common subsequence is longer than the shorter side.
            if f_measure(min(length, len(item)), length, len(item)) <= best:
                continue
            score = f_measure(lcs_length(ids, item), length, len(item))
            if score > best:
                best, nearest = score, position
        if self.other_scripts and is_beyond_latin(text):
            best, nearest = self._beyond_latin(text, best, nearest)
        return Verdict(self._is_novel(best), best, nearest)

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
        """The rarest tokens, enough that two texts above the threshold share one of them.

        A token's second occurrence is a key of its own, so that multisets become sets. A match
        needs overlap >= t/2 (m+n), and n >= overlap bounds it from below by t/(2-t) m.
        """
        seen: dict[int, int] = {}
        keys = []
        for token in ids:
            seen[token] = seen.get(token, 0) + 1
            keys.append((token, seen[token]))
        counts = self._counts
        known = len(counts)
        keys.sort(key=lambda key: (counts[key[0]] if key[0] < known else 0, key))
        # A hair below, so that rounding never hides a pair that is exactly at the threshold.
        needed = max(1, -int(-(self.threshold / (2 - self.threshold) * len(ids) - 1e-9) // 1))
        return keys[: len(ids) - needed + 1]

    def _could_decide(self, ids: list[int]) -> Iterable[int]:
        found: set[int] = set()
        for key in self._prefix(ids):
            found.update(self._index.get(key, ()))
        return found

    def _enter(self, position: int, ids: list[int]) -> None:
        for key in self._prefix(ids):
            self._index.setdefault(key, []).append(position)

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
