"""NF4, the 4-bit format of QLoRA (Dettmers et al. 2023, arXiv:2305.14314, appendix E)."""

import math
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor

# The largest quantile used: 1 - (1/2) (1/32 + 1/30), the mean of the outermost bins of the two
# halves.
OFFSET = 0.9677083
FP32_BYTES = 4


class NF4(NamedTuple):
    """`codes` (n,) integers 0..15; `absmax` (blocks,), each block's largest magnitude; `block`
    size."""

    codes: Tensor
    absmax: Tensor
    block: int


@cache
def levels() -> tuple[float, ...]:
    """The 16 levels, ascending: 8 positive and 7 negative quantiles of the normal distribution and
    an exact 0, scaled to [-1, 1]. The two halves have different spacing so that 0 is one of
    them."""
    normal = NormalDist()

    def quantiles(count: int) -> list[float]:
        # Phi^-1 at `count` equal steps from OFFSET to 1/2, the half itself (which is 0) left out
        steps = [OFFSET + (0.5 - OFFSET) * i / count for i in range(count)]
        return [normal.inv_cdf(step) for step in steps]

    values = sorted([*quantiles(8), 0.0, *(-value for value in quantiles(7))])
    return tuple(value / values[-1] for value in values)


def quantize(x: Tensor, block: int = 64) -> NF4:
    """Nearest level of each entry divided by its block's largest magnitude; `x` is read flat.

    The last block may be short; a block of zeros has scale 0 and codes of level 0. Raises
    ValueError for a block below 1, no entries, or entries that are not finite.
    """
    if block < 1:
        raise ValueError(f"The block size must be at least 1; {block} was given.")
    flat = x.reshape(-1)
    if flat.numel() == 0 or not bool(torch.isfinite(flat).all()):
        raise ValueError("Only finite numbers, at least one, can be quantised.")
    padding = -flat.numel() % block
    blocks = torch.nn.functional.pad(flat, (0, padding)).reshape(-1, block)
    # s_b = max |x|
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks / torch.where(absmax > 0, absmax, 1.0)[:, None]
    table = torch.tensor(levels(), dtype=scaled.dtype, device=scaled.device)
    # code = argmin_k |x / s_b - q_k|: on a sorted table, the number of midpoints below
    midpoints = (table[1:] + table[:-1]) / 2
    codes = torch.searchsorted(midpoints, scaled.contiguous())
    return NF4(codes.reshape(-1)[: flat.numel()], absmax, block)


def dequantize(packed: NF4) -> Tensor:
    """Level times the block's scale: (n,), flat."""
    table = torch.tensor(levels(), dtype=packed.absmax.dtype, device=packed.absmax.device)
    scales = packed.absmax.repeat_interleave(packed.block)[: len(packed.codes)]
    # x' = s_b q_code
    return table[packed.codes] * scales


def memory_bytes(entries: int, block: int = 64) -> float:
    """Half a byte each and one float32 scale a block, without double quantisation."""
    if entries < 0 or block < 1:
        raise ValueError(f"{entries} entries in blocks of {block} cannot be stored.")
    # n / 2 + 4 ceil(n / block)
    return entries * 0.5 + FP32_BYTES * math.ceil(entries / block)
