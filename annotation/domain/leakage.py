"""What must not be trained on because it is tested on: exact, by 13-grams, and nearly the same."""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotation.domain.prompt_hash import canonical_text
from annotation.domain.shingles import WordHashes, bands_of, grams_of, jaccard_of

GRAM = 13  # words; the length GPT-3 (arXiv:2005.14165, appendix C) calls a collision
NEAR = 0.7
Codes = NDArray[np.uint64]


class Leak(StrEnum):
    """Why a text is kept out, the surest reason first."""

    EXACT = "exact"
    THIRTEEN_GRAM = "13-gram"
    NEAR_DUPLICATE = "near duplicate"


@dataclass(frozen=True)
class Leaked:
    """A text that is held out already, and as which of the protected ones."""

    reason: Leak
    protected: Any


@dataclass
class LeakageGuard:
    """Texts that are protected, by their names, and the question whether another one leaks them.

    A protected text of fewer than 13 words cannot be told by 13-grams; it is by its whole text
    and as a near duplicate. near: the Jaccard of word 3-grams from which a text is the same one.
    Only hashes of 64 bits are kept, about 20 bytes for each word: two grams of a million protected
    and a hundred million asked ones meet by chance once in 100,000 such runs.
    """

    near: float = NEAR
    _exact: dict[bytes, Hashable] = field(default_factory=dict)
    _grams: dict[int, Hashable] = field(default_factory=dict)
    _bands: dict[int, list[Hashable]] = field(default_factory=dict)
    _shingles: dict[Hashable, NDArray[np.uint64]] = field(default_factory=dict)
    _words: WordHashes = field(default_factory=WordHashes)

    def protect(self, texts: Mapping[Any, str]) -> None:
        """Add protected texts by name."""
        names = list(texts)
        rows, keys = self._fingerprints(list(texts.values()))
        for name, codes, shingles, bands in zip(names, *rows, keys, strict=True):
            self._exact.setdefault(_whole(texts[name]), name)
            self._shingles[name] = shingles
            if len(codes) >= GRAM:
                for gram in grams_of(codes, GRAM).tolist():
                    self._grams.setdefault(gram, name)
            for key in bands:
                self._bands.setdefault(key, []).append(name)

    def leak(self, text: str) -> Leaked | None:
        """Which protected text this one is or contains a part of; None when it may be used."""
        return self.leaks([text])[0]

    def leaks(self, texts: Sequence[str]) -> list[Leaked | None]:
        """The same for many texts, which costs less for each."""
        rows, keys = self._fingerprints(texts)
        return [
            self._leak(text, codes, shingles, bands)
            for text, codes, shingles, bands in zip(texts, *rows, keys, strict=True)
        ]

    def _leak(
        self, text: str, codes: Codes, shingles: Codes, bands: Sequence[int]
    ) -> Leaked | None:
        if (whole := _whole(text)) in self._exact:
            return Leaked(Leak.EXACT, self._exact[whole])
        if len(codes) >= GRAM:
            for gram in grams_of(codes, GRAM).tolist():
                if gram in self._grams:
                    return Leaked(Leak.THIRTEEN_GRAM, self._grams[gram])
        seen: set[Hashable] = set()
        for key in bands:
            for name in self._bands.get(key, ()):
                if name not in seen and jaccard_of(shingles, self._shingles[name]) >= self.near:
                    return Leaked(Leak.NEAR_DUPLICATE, name)
                seen.add(name)
        return None

    def _fingerprints(
        self, texts: Sequence[str]
    ) -> tuple[tuple[list[Codes], list[Codes]], list[list[int]]]:
        codes = [self._words.of(text) for text in texts]
        shingles = [grams_of(row) for row in codes]
        starts = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in shingles], out=starts[1:])
        flat = np.concatenate(shingles) if shingles else np.empty(0, dtype=np.uint64)
        return (codes, shingles), bands_of(flat, starts)


def _whole(text: str) -> bytes:
    whole = canonical_text(text).lower().encode("utf-8", "surrogatepass")
    return hashlib.blake2b(whole, digest_size=16).digest()
