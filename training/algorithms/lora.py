"""Low-rank adaptation (Hu et al. 2021, arXiv:2106.09685): the arithmetic that peft carries out."""

import math

from torch import Tensor


def lora_scaling(alpha: float, rank: int, rslora: bool = False) -> float:
    """alpha / r, or alpha / sqrt(r) for rank-stabilised LoRA (arXiv:2312.03732)."""
    if rank < 1:
        raise ValueError(f"The rank must be at least 1; {rank} was given.")
    return alpha / math.sqrt(rank) if rslora else alpha / rank


def merge(weight: Tensor, a: Tensor, b: Tensor, scaling: float) -> Tensor:
    """W + scaling B A: `weight` (out, in), `a` (r, in), `b` (out, r). Returns (out, in).

    Raises ValueError for shapes that do not fit together.
    """
    _require_fit(weight, a, b)
    # W' = W + s B A
    return weight + scaling * (b @ a)


def forward(x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scaling: float) -> Tensor:
    """The same map without merging: `x` (..., in) to (..., out). At the start B = 0 and it is W
    x."""
    _require_fit(weight, a, b)
    # y = x W^T + s (x A^T) B^T
    return x @ weight.T + scaling * ((x @ a.T) @ b.T)


def trainable_parameters(in_features: int, out_features: int, rank: int) -> int:
    """Numbers that training moves in one adapted matrix: r (in + out)."""
    # r (in + out)
    return rank * (in_features + out_features)


def _require_fit(weight: Tensor, a: Tensor, b: Tensor) -> None:
    out_features, in_features = weight.shape
    if a.shape[1] != in_features or b.shape[0] != out_features or a.shape[0] != b.shape[1]:
        raise ValueError(
            f"A must be (r, {in_features}) and B ({out_features}, r); "
            f"{tuple(a.shape)} and {tuple(b.shape)} were given."
        )
