"""Prompts that are there twice: the same text, and nearly the same text."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from annotation.domain.shingles import Shingles, bands_of, hashed_shingles


class UnionFind:
    """Disjoint sets of 0 .. n-1 with path halving; the smallest member names its set."""

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def find(self, member: int) -> int:
        parent = self.parent
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    def join(self, first: int, second: int) -> None:
        a, b = self.find(first), self.find(second)
        if a < b:
            self.parent[b] = a
        elif b < a:
            self.parent[a] = b


def near_duplicate_clusters(texts: Sequence[str], *, threshold: float = 0.7) -> list[list[int]]:
    """Clusters of at least two texts connected by word 3-gram Jaccard >= `threshold`; exact.

    Each text's shingles are ordered from the rarest to the most frequent. Two sets with Jaccard
    >= t share a shingle among the first |x| - ceil(t |x|) + 1 of each (prefix filtering), so that
    only those are indexed. Pairs that are in one cluster already are not compared again.
    Raises ValueError unless 0 < threshold <= 1. Positions in a cluster and clusters are sorted.
    """
    if not 0.0 < threshold <= 1.0:
        raise ValueError(f"The threshold is {threshold}; it lies above 0 and up to 1.")
    shingles = Shingles.of(texts)
    sets = UnionFind(len(texts))
    _join_equal(shingles, sets)
    _join_near(shingles, sets, threshold)
    clusters: dict[int, list[int]] = {}
    for position in range(len(texts)):
        if shingles.size(position):
            clusters.setdefault(sets.find(position), []).append(position)
    return sorted(cluster for cluster in clusters.values() if len(cluster) > 1)


def _join_equal(shingles: Shingles, sets: UnionFind) -> None:
    """Equal shingle sets first, by their bytes: most duplicates of real data are exact."""
    first: dict[bytes, int] = {}
    for position in range(len(shingles)):
        if shingles.size(position):
            key = shingles.row(position).tobytes()
            sets.join(first.setdefault(key, position), position)


def _join_near(shingles: Shingles, sets: UnionFind, threshold: float) -> None:
    representatives = [
        position
        for position in range(len(shingles))
        if shingles.size(position) and sets.find(position) == position
    ]
    # Short before long: a candidate in the index is never longer than the text that asks.
    representatives.sort(key=shingles.size)
    index: dict[int, list[int]] = {}
    find = sets.find
    for position in representatives:
        row = shingles.row(position)
        size = len(row)
        shortest = math.ceil(threshold * size - 1e-9)
        prefix = row[: size - shortest + 1].tolist()
        seen: set[int] = set()
        for shingle in prefix:
            seen.update(index.get(shingle, ()))
        root = find(position)
        for other in seen:
            other_size = shingles.size(other)
            if other_size < shortest or find(other) == root:
                continue
            if _jaccard_reaches(row, shingles.row(other), threshold):
                sets.join(other, position)
                root = find(position)
        for shingle in prefix:
            index.setdefault(shingle, []).append(position)


def _jaccard_reaches(first: NDArray[np.int32], second: NDArray[np.int32], threshold: float) -> bool:
    """|x and y| / |x or y| >= t for two sorted rows of distinct shingles."""
    common = np.intersect1d(first, second, assume_unique=True).size
    return common >= threshold * (len(first) + len(second) - common) - 1e-9


MOST_COMPARED = 40  # clusters that one text is compared with within one group of equal keys


def clusters_by_minhash(texts: Sequence[str], *, threshold: float = 0.7) -> list[list[int]]:
    """The clusters of near_duplicate_clusters(), found by MinHash keys: fast, in little memory.

    What it finds is right (every pair is checked exactly), but a pair just at the threshold is
    missed with probability 0.012 unless a third text joins it.
    """
    flat, starts = hashed_shingles(texts)
    bands = bands_of(flat, starts)
    there = [position for position, keys in enumerate(bands) if keys]
    keys = np.array([bands[position] for position in there], dtype=np.int64)
    del bands
    sets = UnionFind(len(there))
    join_by_keys(
        keys, sets, lambda at: flat[starts[there[at]] : starts[there[at] + 1]], threshold=threshold
    )
    return [[there[at] for at in cluster] for cluster in clusters_of(sets)]


def join_by_keys(
    keys: NDArray[np.int64],
    sets: UnionFind,
    shingles: Callable[[int], NDArray[np.uint64]],
    *,
    threshold: float,
    on_band: Callable[[int], None] = lambda band: None,
) -> None:
    """Join the rows of `keys` (n, bands) whose shingles have Jaccard >= `threshold`.

    Rows that share a key are compared with each cluster of their group, by one of its members.
    """
    for band in range(keys.shape[1] if len(keys) else 0):
        order = np.argsort(keys[:, band], kind="stable")
        column = keys[order, band]
        edges = np.flatnonzero(np.concatenate([[True], column[1:] != column[:-1], [True]]))
        sizes = np.diff(edges)
        for at in np.flatnonzero(sizes > 1):
            _join_group(order[edges[at] : edges[at + 1]].tolist(), sets, shingles, threshold)
        on_band(band + 1)


def _join_group(
    members: list[int],
    sets: UnionFind,
    shingles: Callable[[int], NDArray[np.uint64]],
    threshold: float,
) -> None:
    find = sets.find
    first = find(members[0])
    if all(find(member) == first for member in members):
        return
    # One or two members of each cluster of the group stand for it.
    known: list[tuple[int, set[int]]] = []
    for member in members:
        root = find(member)
        mine: set[int] | None = None
        if any(find(other) == root for other, _ in known):
            continue
        for other, theirs in known[-MOST_COMPARED:]:
            if find(other) == find(member):
                continue
            if mine is None:
                mine = set(shingles(member).tolist())
            if _sets_reach(mine, theirs, threshold):
                sets.join(other, member)
        known.append((member, mine if mine is not None else set(shingles(member).tolist())))


def _sets_reach(first: set[int], second: set[int], threshold: float) -> bool:
    small, large = sorted((len(first), len(second)))
    if small < threshold * large - 1e-9:  # they cannot share more than the smaller one holds
        return False
    common = len(first & second)
    return common >= threshold * (small + large - common) - 1e-9


def clusters_of(sets: UnionFind) -> list[list[int]]:
    """The sets of at least two members, sorted."""
    clusters: dict[int, list[int]] = {}
    for position in range(len(sets.parent)):
        clusters.setdefault(sets.find(position), []).append(position)
    return sorted(cluster for cluster in clusters.values() if len(cluster) > 1)
