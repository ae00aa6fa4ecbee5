"""A two-dimensional map of texts by t-SNE, and the figures that say how far to believe it.

Neighbours are exact, and so is the perplexity of each; openTSNE moves the points. Source: van der
Maaten & Hinton 2008 (t-SNE, section 2: perplexity); Belkina et al. 2019 (learning rate); Kobak &
Berens 2019 (the start from principal components); Venna & Kaski 2001 (trustworthiness).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
FEWEST = 10  # points; of fewer a map shows nothing
EARLY, LATE = 250, 500  # steps with and without early exaggeration
EXAGGERATION = 12.0
A_REPORT = 10  # steps between two reports
A_BLOCK = 4_000_000  # distances at once: 32 MB, several times over
HALVINGS = 60  # from a factor of two to beyond double precision


@dataclass(frozen=True)
class Neighbourhood:
    """beta: the precision 1 / (2 sigma**2). p: each neighbour's probability, in their order."""

    beta: float
    p: tuple[float, ...]


@dataclass(frozen=True)
class Layout:
    """places: (n, 2). perplexity: as used. divergence: KL(P || Q) at the end, in nats."""

    places: NDArray[np.float64]
    perplexity: float
    divergence: float


def calibrate(sq_distances: Sequence[float], perplexity: float) -> Neighbourhood:
    """The beta for which p proportional to exp(-beta d**2) has 2**H(p) = perplexity.

    sq_distances: squared distances to the other points. Raises ValueError when there are fewer
    than two, one is negative or no number, or the perplexity is not within 1 to their number
    (neither end can be reached in general).
    """
    distances = np.asarray(sq_distances, dtype=np.float64)
    if distances.ndim != 1 or len(distances) < 2:
        raise ValueError("A neighbourhood needs at least two other points.")
    if not np.isfinite(distances).all() or (distances < 0).any():
        raise ValueError("A squared distance is negative or no number.")
    if not 1.0 < perplexity < len(distances):
        raise ValueError(
            f"The perplexity is {perplexity}; it lies between 1 and {len(distances)}, the number "
            "of other points."
        )
    nearest = int((distances == distances.min()).sum())
    if perplexity < nearest or distances.max() == distances.min():
        raise ValueError(
            f"{nearest} points are equally near: no precision gives a perplexity of {perplexity}."
        )
    betas, p = calibrate_each(distances[None, :], perplexity)
    return Neighbourhood(float(betas[0]), tuple(p[0].tolist()))


def calibrate_each(
    sq_distances: Floats, perplexity: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of n points the n betas and their probabilities, both as calibrate() has them.

    sq_distances: (n, k), of each point to its k neighbours. Where so many are equally near that no
    beta gives the perplexity, the beta is huge and these share the probability.
    """
    # Relative to the nearest: the ratio is the same and no exponential underflows to 0 / 0.
    distances = np.asarray(sq_distances, dtype=np.float64)
    distances = distances - distances.min(axis=1, keepdims=True)
    target = math.log(perplexity)
    low, high = np.zeros(len(distances)), np.ones(len(distances))
    wide = _entropies(distances, high) > target
    while wide.any() and high[wide].max() < 2.0**200:
        low[wide], high[wide] = high[wide], high[wide] * 2
        wide[wide] = _entropies(distances[wide], high[wide]) > target
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = _entropies(distances, middle) > target
        low[above], high[~above] = middle[above], middle[~above]
    betas = (low + high) / 2
    return betas, _probabilities(distances, betas)


def _probabilities(
    distances: NDArray[np.float64], betas: NDArray[np.float64]
) -> NDArray[np.float64]:
    weights = np.exp(-betas[:, None] * distances)
    found: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return found


def _entropies(distances: NDArray[np.float64], betas: NDArray[np.float64]) -> NDArray[np.float64]:
    """H(p) = log sum exp(-beta d) + beta * mean of d under p, in nats."""
    scaled = betas[:, None] * distances
    weights = np.exp(-scaled)
    total = weights.sum(axis=1)
    found: NDArray[np.float64] = np.log(total) + (weights * scaled).sum(axis=1) / total
    return found


def lay_out(
    vectors: Floats,
    *,
    perplexity: float,
    seed: int,
    threads: int = 1,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Layout:
    """The map of vectors (n, d) by the angles between them.

    on_step: told how many of how many steps are done. A perplexity that so few points cannot have
    is lowered to a third of their number. Raises ValueError for fewer than FEWEST points or a
    perplexity of 1 or less.
    """
    if len(vectors) < FEWEST:
        raise ValueError(f"There are {len(vectors)} points; a map needs {FEWEST}.")
    if perplexity <= 1:
        raise ValueError(f"The perplexity is {perplexity}; it must be above 1.")
    # Imported here: it brings scikit-learn, and only the process that draws a map needs it.
    from openTSNE import TSNEEmbedding, affinity, initialization

    used = min(perplexity, (len(vectors) - 1) / 3)
    unit = unit_vectors(vectors)
    joint = _joint_probabilities(unit, used)
    start = initialization.pca(unit.astype(np.float64), random_state=seed)
    done = 0

    def told(iteration: int, _error: float, _places: Any) -> None:
        on_step(done + iteration, EARLY + LATE)

    points: Any = TSNEEmbedding(
        start,
        affinity.PrecomputedAffinities(joint, normalize=False),
        random_state=seed,
        n_jobs=threads,
        callbacks=told,
        callbacks_every_iters=A_REPORT,
    )
    points = points.optimize(EARLY, exaggeration=EXAGGERATION, momentum=0.5)
    done = EARLY
    points = points.optimize(LATE, exaggeration=1.0, momentum=0.8)
    return Layout(np.array(points, dtype=np.float64), used, float(points.kl_divergence))


def unit_vectors(vectors: Floats) -> NDArray[np.float32]:
    """Each divided by its length; one of length 0 stays."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _joint_probabilities(unit: NDArray[np.float32], perplexity: float) -> Any:
    """P of t-SNE, symmetric with sum 1, over three times as many neighbours as the perplexity."""
    from scipy import sparse

    n, k = len(unit), min(len(unit) - 1, math.ceil(3 * perplexity))
    neighbours, distances = nearest(unit, k)
    _betas, p = calibrate_each(distances, perplexity)
    rows = np.repeat(np.arange(n), k)
    one_way = sparse.csr_matrix((p.ravel(), (rows, neighbours.ravel())), shape=(n, n))
    return ((one_way + one_way.T) / (2.0 * n)).tocsr()


def nearest(unit: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each point its k nearest others and their squared distances, both (n, k), exactly.

    unit: (n, d), of length 1: |a - b|**2 = 2 - 2 a.b.
    """
    n = len(unit)
    neighbours, distances = np.empty((n, k), np.int64), np.empty((n, k))
    for begin, end in _blocks(n):
        likeness = unit[begin:end] @ unit.T
        likeness[np.arange(end - begin), np.arange(begin, end)] = -np.inf
        best = np.argpartition(likeness, n - k, axis=1)[:, n - k :]
        best.sort(axis=1)  # whatever the partition's order, the map is the same
        neighbours[begin:end] = best
        close = np.take_along_axis(likeness, best, axis=1).astype(np.float64)
        distances[begin:end] = np.maximum(0.0, 2.0 - 2.0 * close)
    return neighbours, distances


def trustworthiness(
    points: Sequence[Sequence[float]] | Floats,
    layout: Sequence[Sequence[float]] | Floats,
    k: int,
) -> float:
    """1 when every point's k neighbours on the map are among its k nearest in truth; lower if not.

    T = 1 - 2 / (n k (2n - 3k - 1)) * sum over false neighbours of (true rank - k).
    points: (n, d), in single precision where they are given so; layout: (n, 2). Equally near
    points have the rank of the first of them. Raises ValueError unless 1 <= k < n / 2 and the
    shapes agree.
    """
    high, low = _floats(points), _floats(layout)
    if high.ndim != 2 or low.ndim != 2 or len(high) != len(low):
        raise ValueError("Points and layout must be two lists of equally many rows.")
    n = len(high)
    if not 1 <= k < n / 2:
        raise ValueError(f"k is {k}; it must be at least 1 and below half of the {n} points.")
    penalty = 0
    for begin, end in _blocks(n):
        shown = np.argpartition(_distances(low, begin, end), k, axis=1)[:, :k]
        true = _distances(high, begin, end)
        of_shown = np.take_along_axis(true, shown, axis=1)
        true.sort(axis=1)
        for ordered, each in zip(true, of_shown, strict=True):
            excess = np.searchsorted(ordered, each) + 1 - k
            penalty += int(excess[excess > 0].sum())
    return 1.0 - penalty * 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0))


def _floats(values: Any) -> Floats:
    single = getattr(values, "dtype", None) == np.float32
    return np.asarray(values, dtype=np.float32 if single else np.float64)


def _distances(points: Floats, begin: int, end: int) -> Floats:
    """Squared distances of some points to all; infinite to itself."""
    squares = (points**2).sum(axis=1)
    some = points[begin:end] @ points.T
    some *= -2.0
    some += squares[begin:end, None] + squares[None, :]
    some[np.arange(end - begin), np.arange(begin, end)] = np.inf
    return some


def _blocks(n: int) -> list[tuple[int, int]]:
    """Rows of an n by n matrix, so many at once that they fit into memory."""
    step = max(1, A_BLOCK // n)
    return [(begin, min(n, begin + step)) for begin in range(0, n, step)]
