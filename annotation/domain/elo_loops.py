"""The loop of online Elo, twice: in Python, and compiled where a C compiler was there at set-up.

Each vote needs the ratings that the one before left, so numpy cannot take many at once: at a
hundred models a run of votes without a common model is five to eight long. Both loops do the same
operations in the same order on IEEE doubles, and give the same digits.
"""

import ctypes
import functools
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from annotation.domain.arrays import Floats, Ints

# Takes the votes from one number up to another in, and changes the ratings that it was given.
Taking = Callable[[int, int], None]
# (left, right, score, k, steepness, ratings): numbers of models (n,), scores of the left (n,),
# points per vote, logits per point, ratings (M,).
Loop = Callable[[Ints, Ints, Floats, float, float, Floats], Taking]

BUILT = Path(sys.prefix) / "lib" / "rondo_elo.so"  # by setup.sh


def python_loop(
    left: Ints, right: Ints, score: Floats, k: float, steepness: float, ratings: Floats
) -> Taking:
    """On plain floats, which is the fastest that Python does."""

    def take(begin: int, end: int) -> None:
        at, exp, chunk = ratings.tolist(), math.exp, slice(begin, end)
        sides = left[chunk].tolist(), right[chunk].tolist()
        for one, two, points in zip(*sides, score[chunk].tolist(), strict=True):
            before, other = at[one], at[two]
            gain = k * (points - 1.0 / (1.0 + exp((other - before) * steepness)))
            at[one] = before + gain
            at[two] = other - gain
        ratings[:] = at

    return take


def compiled_loop(library: Path) -> Loop:
    """The loop of elo_loop.c. Raises OSError where `library` is none that this machine can load."""
    run = ctypes.CDLL(str(library)).elo_loop
    pointer, number = ctypes.c_void_p, ctypes.c_double
    run.argtypes = [ctypes.c_int64, pointer, pointer, pointer, number, number, pointer]
    run.restype = None

    def loop(
        left: Ints, right: Ints, score: Floats, k: float, steepness: float, ratings: Floats
    ) -> Taking:
        one, two = (np.ascontiguousarray(side, dtype=np.int64) for side in (left, right))
        points = np.ascontiguousarray(score, dtype=np.float64)
        if not len(one) == len(two) == len(points):
            raise ValueError("Elo needs a left model, a right model and a score for each vote.")
        # A number beyond the ratings would be a write into foreign memory; -1 is a large one here.
        if any(len(side) and side.view(np.uint64).max() >= len(ratings) for side in (one, two)):
            raise ValueError("A vote names a model that has no rating.")
        if ratings.dtype != np.float64 or not ratings.flags.c_contiguous:
            raise ValueError("Ratings are a contiguous array of doubles.")
        at = [column.ctypes.data for column in (one, two, points)]
        into = ratings.ctypes.data

        kept = (one, two, points, ratings)  # as long as their addresses are

        def take(begin: int, end: int) -> None:
            if not 0 <= begin <= end <= len(kept[2]):
                raise ValueError("There are no such votes.")
            run(end - begin, *(start + 8 * begin for start in at), k, steepness, into)

        return take

    return loop


@functools.cache
def fastest_loop() -> Loop:
    """The compiled loop where set-up has built it, else the one in Python."""
    try:
        return compiled_loop(BUILT)
    except OSError:
        return python_loop
