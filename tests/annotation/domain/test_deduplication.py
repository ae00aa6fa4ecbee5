"""Duplicates: exact clusters against brute force, and a MinHash that is the same everywhere."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.domain.deduplication import UnionFind, near_duplicate_clusters
from annotation.domain.repeated_conversations import Sample, dedupe_conversations
from annotation.domain.shingles import Shingles, jaccard, minhash_bands, shingles_of


def sentences(seed: int, count: int) -> list[str]:
    """Random texts, a third of them small edits of earlier ones."""
    source = random.Random(seed)
    texts: list[list[str]] = []
    for _ in range(count):
        if texts and source.random() < 0.4:
            words = list(source.choice(texts))
            if words:
                words[source.randrange(len(words))] = f"new{source.randrange(50)}"
        else:
            words = [f"w{source.randrange(30)}" for _ in range(source.randrange(14))]
        texts.append(words)
    return [" ".join(words) for words in texts]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), threshold=st.sampled_from([0.3, 0.5, 0.7, 1.0]))
def test_clusters_are_those_of_comparing_every_pair(seed: int, threshold: float) -> None:
    texts = sentences(seed, 40)
    sets = UnionFind(len(texts))
    for i, first in enumerate(texts):
        for j in range(i):
            if shingles_of(first) and jaccard(first, texts[j]) >= threshold:
                sets.join(i, j)
    expected: dict[int, list[int]] = {}
    for position in range(len(texts)):
        expected.setdefault(sets.find(position), []).append(position)
    clusters = sorted(cluster for cluster in expected.values() if len(cluster) > 1)
    assert near_duplicate_clusters(texts, threshold=threshold) == clusters


def test_texts_without_words_are_nobodys_duplicates() -> None:
    assert near_duplicate_clusters(["", " ", "...", ""]) == []
    assert near_duplicate_clusters([]) == []
    assert minhash_bands("?!") == []


def test_case_and_punctuation_do_not_make_a_text_new() -> None:
    assert near_duplicate_clusters(["Name a river!", "x", "name  a river"]) == [[0, 2]]


def test_a_threshold_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold"):
        near_duplicate_clusters(["a"], threshold=0.0)


def test_shingles_are_rarest_first_and_each_once() -> None:
    shingles = Shingles.of(["a b c a b c", "a b c d", "a b c"])
    # "a b c" stands in all three texts, so that it has the highest number and comes last.
    assert [shingles.size(position) for position in range(3)] == [3, 2, 1]
    common = shingles.row(2)[0]
    assert shingles.row(0)[-1] == shingles.row(1)[-1] == common


def test_the_keys_of_a_text_never_change() -> None:
    """They are stored: another value would make the table of old ones useless."""
    keys = minhash_bands("Name three rivers of Germany and say where they end.")
    assert len(keys) == 16
    assert all(-(2**63) <= key < 2**63 for key in keys)
    assert keys[:2] == PINNED


PINNED = [2220426348948045383, 5958262949428640431]


def test_near_duplicates_most_often_share_a_key() -> None:
    texts = [text for text in sentences(7, 600) if len(text.split()) > 6]
    pairs = [(a, b) for i, a in enumerate(texts) for b in texts[:i] if 0.7 <= jaccard(a, b) < 1]
    assert len(pairs) > 10
    found = sum(
        any(x == y for x, y in zip(minhash_bands(a), minhash_bands(b), strict=True))
        for a, b in pairs
    )
    assert found / len(pairs) > 0.9


def test_scraped_conversations_are_dropped_for_their_first_reason() -> None:
    samples = [
        Sample("a", "q1", "r1"),
        Sample("a", "q2", "r2"),
        Sample("b", "q1", "r1"),
        Sample("c", "q1", "r9"),
        Sample("d", "q3", "r3", uses_plugins=True),
        Sample("d", "q4", "r4"),
    ]
    kept, dropped = dedupe_conversations(samples)
    assert kept == [0, 3]
    assert dropped == {"same_id": 2, "plugins": 1, "same_opening": 1}
