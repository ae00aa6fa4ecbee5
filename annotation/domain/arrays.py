"""The two array types that the mathematics of judgements passes around, and sums over groups."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def sum_by(group: Ints, values: Floats, size: int) -> Floats:
    """(size,) sum of `values` over the positions with the same group in 0 .. size - 1."""
    return np.bincount(group, values, size).astype(np.float64, copy=False)
