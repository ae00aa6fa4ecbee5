"""Sums and means over real tokens. A masked entry is replaced before any arithmetic, never
multiplied by zero: whatever stands in padding, an infinity or a NaN too, has no effect on a figure
or on a gradient."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Reduce = Callable[[Tensor], Tensor]


class Moments(NamedTuple):
    """Number, mean and sum of squared deviations of real entries: float64 scalars."""

    count: Tensor
    mean: Tensor
    squares: Tensor

    @property
    def std(self) -> Tensor:
        """Population standard deviation; 0 of nothing."""
        return (self.squares / self.count.clamp(min=1)).sqrt()


def masked_sum(x: Tensor, mask: Tensor) -> Tensor:
    """Sum of `x` where `mask` is true; both of one shape. Returns a scalar."""
    return zero_outside(x, mask).sum()


def masked_mean(x: Tensor, mask: Tensor, count: Tensor | float | None = None) -> Tensor:
    """Sum of `x` where `mask` is true, divided by `count` (default: the number of true entries).

    A `count` given from outside makes micro batches add up: the parts of a mini batch, each divided
    by the token count of the whole, sum to the mean over the whole, however ragged they are. No
    true entry gives 0, not NaN.
    """
    total = mask.bool().sum() if count is None else torch.as_tensor(count, device=x.device)
    # mean = sum_t m_t x_t / n
    return masked_sum(x, mask) / total.clamp(min=1)


def zero_outside(x: Tensor, mask: Tensor) -> Tensor:
    """`x` with 0 where `mask` is false."""
    return torch.where(mask.bool(), x, torch.zeros_like(x))


def masked_moments(x: Tensor, mask: Tensor, reduce: Reduce | None = None) -> Moments:
    """Moments of `x` where `mask` is true, in two passes in float64: sums of squares of many
    float32 values would lose the digits that matter. `reduce` sums a tensor over processes, which
    makes the moments those of the global batch."""
    together = reduce or (lambda tensor: tensor)
    exact = zero_outside(x, mask).double()
    count, total = together(torch.stack([mask.bool().sum().double(), exact.sum()]))
    # mean = sum x / n;  M2 = sum (x - mean)^2
    mean = total / count.clamp(min=1)
    squares = together(masked_sum((exact - mean).square(), mask).reshape(1))[0]
    return Moments(count, mean, squares)
