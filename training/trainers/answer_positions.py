"""The last layer's MLP, computed only where somebody reads what comes out of it.

Attention mixes positions, everything after it works on each by itself. After the last layer only
the answer's positions are read (its log-probabilities, values or score), so that the last MLP has
nothing to do for the prompt: with prompts as long as answers, half of its work in both directions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import functional


@contextmanager
def answer_positions(model: nn.Module, first: int) -> Iterator[None]:
    """Within, the last layer's MLP of `model` (a backbone, or a causal model around one) sees the
    positions from `first` on, and gives zeros before them: what the model says there is not to be
    read. A model whose last layer is built otherwise computes everything.

    Not for a forward that gradient checkpointing computes again after the block.
    """
    mlp = _last_mlp(model) if first > 0 else None
    if mlp is None:
        yield
        return

    def cut(module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[0][:, first:].contiguous(), *inputs[1:])

    def widen(module: Any, inputs: Any, output: Tensor) -> Tensor:
        return functional.pad(output, (0, 0, first, 0))

    hooks = mlp.register_forward_pre_hook(cut), mlp.register_forward_hook(widen)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _last_mlp(model: nn.Module) -> nn.Module | None:
    """The dense MLP of the last of the layers; None for mixtures of experts and unknown shapes."""
    trunk = getattr(model, getattr(model, "base_model_prefix", "") or "", model)
    for name in ("layers", "h"):
        layers = getattr(trunk, name, None)
        if isinstance(layers, nn.ModuleList) and len(layers):
            mlp = getattr(layers[-1], "mlp", None)
            dense = isinstance(mlp, nn.Module) and type(mlp).__name__.endswith("MLP")
            return mlp if dense else None
    return None
