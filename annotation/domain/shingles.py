"""Word 3-grams of many texts as small integers, and the MinHash of one text."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")
WORDS = 3
BANDS, ROWS = 16, 4
AT_ONCE = 2**15  # hashes: 256 kB


def words_of(text: str) -> list[str]:
    """Runs of letters and digits of any script, in lower case."""
    return _WORD.findall(text.lower())


def shingles_of(text: str, words: int = WORDS) -> list[str]:
    """The distinct runs of `words` words; a shorter text is one shingle of all its words."""
    found = words_of(text)
    if not found:
        return []
    if len(found) <= words:
        return [" ".join(found)]
    return list(
        dict.fromkeys(map(" ".join, zip(*(found[at:] for at in range(words)), strict=False)))
    )


class Shingles:
    """Every text's set of shingles, numbered from the rarest, in one flat array of int32.

    Memory: four bytes a shingle and eight a text, besides the table of distinct shingles while it
    is built (a 64-bit hash each; two different shingles meet by chance once in 10**8 for 10**6).
    """

    def __init__(self, flat: NDArray[np.int32], starts: NDArray[np.int64]) -> None:
        self.flat = flat
        self.starts = starts

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Shingles":
        hashes, starts = hashed_shingles(texts)
        _, codes, counts = np.unique(hashes, return_inverse=True, return_counts=True)
        del hashes
        # Rank of each distinct shingle by how many texts hold it; ties by its hash.
        ranks = np.empty(len(counts), dtype=np.int32)
        ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts), dtype=np.int32)
        flat = ranks[codes]
        del codes
        # Sort within each text: by text, then by rank, in one stable pass over one key.
        texts_of = np.repeat(np.arange(len(texts), dtype=np.int64), np.diff(starts))
        order = np.argsort(texts_of << 32 | flat.astype(np.int64), kind="stable")
        return cls(flat[order], starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def size(self, position: int) -> int:
        return int(self.starts[position + 1] - self.starts[position])

    def row(self, position: int) -> NDArray[np.int32]:
        """The shingles of one text, rarest first, each once."""
        return self.flat[self.starts[position] : self.starts[position + 1]]


class WordHashes:
    """64-bit hashes of words, each word hashed once; grams are polynomials of their words' hashes.

    Forgets its words when it holds 200,000, so that a long run does not grow with them.
    """

    MOST = 200_000

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, text: str) -> NDArray[np.uint64]:
        """The hash of each word of the text, in order."""
        known = self._known
        if len(known) > self.MOST:
            known.clear()
        codes = []
        for word in words_of(text):
            code = known.get(word)
            if code is None:
                digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8)
                known[word] = code = int.from_bytes(digest.digest(), "little")
            codes.append(code)
        return np.array(codes, dtype=np.uint64)


def grams_of(codes: NDArray[np.uint64], width: int = WORDS) -> NDArray[np.uint64]:
    """The distinct runs of `width` word hashes, sorted; a shorter text is one run of all."""
    multiplier = np.uint64(0x9E3779B97F4A7C15)
    width = min(width, len(codes))
    if not width:
        return codes
    # ((a * M) + b) * M + c modulo 2**64, with an odd multiplier: different orders differ.
    total = codes[: len(codes) - width + 1].copy()
    for at in range(1, width):
        total = total * multiplier + codes[at : len(codes) - width + 1 + at]
    # A text of one word must not meet one of three words whose polynomial is that word.
    return np.unique(total + np.uint64(width))


def hashed_shingles(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """64-bit hashes of all texts' distinct shingles in one array, and where each text's begin."""
    words = WordHashes()
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    parts: list[NDArray[np.uint64]] = []
    for position, text in enumerate(texts):
        rows = grams_of(words.of(text))
        starts[position + 1] = starts[position] + len(rows)
        parts.append(rows)
    flat = np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)
    return flat, starts


def _permutations() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    random = np.random.default_rng(20240229)
    count = BANDS * ROWS
    return (
        random.integers(1, 2**32, size=count, dtype=np.uint64) | np.uint64(1),
        random.integers(0, 2**63, size=count, dtype=np.uint64),
    )


_MULTIPLIERS, _OFFSETS = _permutations()


def minhash_bands(text: str) -> list[int]:
    """16 keys (signed 64-bit) of 4 minima each: near duplicates most likely share one.

    Two texts of Jaccard s share a key with probability 1 - (1 - s**4)**16: 0.99 at 0.7. The keys
    are the same on every machine and day, so that a table of them can be asked. A text without
    words has none.
    """
    return bands_of(*hashed_shingles([text]))[0]


def bands_of(flat: NDArray[np.uint64], starts: NDArray[np.int64]) -> list[list[int]]:
    """The keys of minhash_bands for every text of hashed_shingles()."""
    found: list[list[int]] = [[] for _ in range(len(starts) - 1)]
    there = np.flatnonzero(np.diff(starts))
    if not len(there):
        return found
    # Multiply-shift: the upper half of a * x + b is a family of nearly independent orders.
    minima = np.empty((len(there), BANDS * ROWS), dtype="<u8")
    # As many columns at once as fit a processor's cache: all of them for one text.
    step = max(1, AT_ONCE // len(flat))
    for at in range(0, BANDS * ROWS, step):
        columns = slice(at, at + step)
        hashed = (flat * _MULTIPLIERS[columns, None] + _OFFSETS[columns, None]) >> np.uint64(32)
        minima[:, columns] = np.minimum.reduceat(hashed, starts[there], axis=1).T
    salts = [band.to_bytes(8, "little") for band in range(BANDS)]
    for text, row in zip(there.tolist(), minima, strict=True):
        for band, salt in enumerate(salts):
            rows = row[band * ROWS : (band + 1) * ROWS].tobytes()
            digest = hashlib.blake2b(rows, digest_size=8, salt=salt).digest()
            found[text].append(int.from_bytes(digest, "little", signed=True))
    return found


def jaccard_of(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> float:
    """Jaccard's coefficient of two rows of distinct hashes; 0 when either is empty."""
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common) if common else 0.0


def jaccard(first: str, second: str) -> float:
    """Jaccard's coefficient of the two texts' word 3-grams, 0 to 1; 0 when either has none."""
    left, right = set(shingles_of(first)), set(shingles_of(second))
    if not left or not right:
        return 0.0
    return len(left & right) / len(left | right)
