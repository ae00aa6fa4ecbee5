"""What must not be trained on because it is tested on: exact, by 13-grams, and nearly the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from annotation.domain.prompt_hash import canonical_text
from annotation.domain.shingles import jaccard, minhash_bands, words_of

GRAM = 13  # words; the length GPT-3 (arXiv:2005.14165, appendix C) calls a collision
NEAR = 0.7


class Leak(StrEnum):
    """Why a text is kept out, the surest reason first."""

    EXACT = "exact"
    THIRTEEN_GRAM = "13-gram"
    NEAR_DUPLICATE = "near duplicate"


@dataclass(frozen=True)
class Leaked:
    """A text that is held out already, and as which of the protected ones."""

    reason: Leak
    protected: str


@dataclass
class LeakageGuard:
    """Texts that are protected, by their names, and the question whether another one leaks them.

    A protected text of fewer than 13 words cannot be told by 13-grams; it is by its whole text
    and as a near duplicate. near: the Jaccard of word 3-grams from which a text is the same one.
    """

    near: float = NEAR
    _exact: dict[str, str] = field(default_factory=dict)
    _grams: dict[tuple[str, ...], str] = field(default_factory=dict)
    _bands: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict)

    def protect(self, texts: Mapping[str, str]) -> None:
        """Add protected texts by name."""
        for name, text in texts.items():
            self._texts[name] = text
            self._exact.setdefault(canonical_text(text).lower(), name)
            for gram in _grams(text):
                self._grams.setdefault(gram, name)
            for band, key in enumerate(minhash_bands(text)):
                self._bands.setdefault((band, key), []).append(name)

    def leak(self, text: str) -> Leaked | None:
        """Which protected text this one is or contains a part of; None when it may be used."""
        name = self._exact.get(canonical_text(text).lower())
        if name is not None:
            return Leaked(Leak.EXACT, name)
        for gram in _grams(text):
            if gram in self._grams:
                return Leaked(Leak.THIRTEEN_GRAM, self._grams[gram])
        for band, key in enumerate(minhash_bands(text)):
            for name in self._bands.get((band, key), ()):
                if jaccard(text, self._texts[name]) >= self.near:
                    return Leaked(Leak.NEAR_DUPLICATE, name)
        return None


def _grams(text: str) -> Iterable[tuple[str, ...]]:
    words = words_of(text)
    return zip(*(words[at:] for at in range(GRAM)), strict=False)
