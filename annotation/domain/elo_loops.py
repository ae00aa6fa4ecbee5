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

# (left, right, score, k, steepness, ratings): takes the votes in and changes `ratings`, (M,).
Loop = Callable[[Ints, Ints, Floats, float, float, Floats], None]

BUILT = Path(sys.prefix) / "lib" / "rondo_elo.so"  # by setup.sh


def python_loop(
    left: Ints, right: Ints, score: Floats, k: float, steepness: float, ratings: Floats
) -> None:
    """On plain floats, which is the fastest that Python does."""
    at, exp = ratings.tolist(), math.exp
    votes = zip(left.tolist(), right.tolist(), score.tolist(), strict=True)
    for one, two, points in votes:
        before, other = at[one], at[two]
        gain = k * (points - 1.0 / (1.0 + exp((other - before) * steepness)))
        at[one] = before + gain
        at[two] = other - gain
    ratings[:] = at


def compiled_loop(library: Path) -> Loop:
    """The loop of elo_loop.c. Raises OSError where `library` is none that this machine can load."""
    run = ctypes.CDLL(str(library)).elo_loop
    pointer, number = ctypes.c_void_p, ctypes.c_double
    run.argtypes = [ctypes.c_int64, pointer, pointer, pointer, number, number, pointer]
    run.restype = None

    def loop(
        left: Ints, right: Ints, score: Floats, k: float, steepness: float, ratings: Floats
    ) -> None:
        rows = [np.ascontiguousarray(side, dtype=np.int64) for side in (left, right)]
        points = np.ascontiguousarray(score, dtype=np.float64)
        if not len(rows[0]) == len(rows[1]) == len(points):
            raise ValueError("Elo needs a left model, a right model and a score for each vote.")
        # A number beyond the ratings would be a write into foreign memory; -1 is a large one here.
        if any(len(side) and side.view(np.uint64).max() >= len(ratings) for side in rows):
            raise ValueError("A vote names a model that has no rating.")
        if ratings.dtype != np.float64 or not ratings.flags.c_contiguous:
            raise ValueError("Ratings are a contiguous array of doubles.")
        one, two = (side.ctypes.data for side in rows)
        run(len(points), one, two, points.ctypes.data, k, steepness, ratings.ctypes.data)

    return loop


@functools.cache
def fastest_loop() -> Loop:
    """The compiled loop where set-up has built it, else the one in Python."""
    try:
        return compiled_loop(BUILT)
    except OSError:
        return python_loop
