"""The two layers as large as the vocabulary, as a CPU computes them fastest.

torch's gradient of an embedding is a dense (V, H) tensor, zeroed, filled in a few hundred rows and
then added to the weights' gradient: for PPO on a 15 M model with 32,000 tokens that was a twelfth
of all CPU time. Here the rows are added where they belong. Its linear layer, given a slice of the
positions and no gradient to keep, multiplies row by row (bmm) instead of at once, at a third of
the speed, and the whole vocabulary at once at nine tenths of the speed of a part that stays in the
cache; its gradient is made apart and then added. Here the vocabulary goes part by part, and the
gradient is added by the multiplication itself.

On CUDA neither holds, and adding rows there would depend on the order of threads.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

PART = 1000  # tokens of the vocabulary at once: 250 to 4,000 were tried


def tune_for_cpu(model: nn.Module) -> None:
    """Change the embedding and the head of a transformers model in place; its weights, their names
    and what it computes stay what they are. Not for sharded weights."""
    embedding = model.get_input_embeddings()
    if type(embedding) is nn.Embedding and _is_plain(embedding):
        embedding.__class__ = RowwiseEmbedding
    head = getattr(model, "get_output_embeddings", lambda: None)()
    if isinstance(head, nn.Linear):
        if type(head) is nn.Linear and head.bias is None:
            head.__class__ = PartwiseHead
        else:
            head.register_forward_pre_hook(_contiguous)


def _is_plain(embedding: nn.Embedding) -> bool:
    return embedding.max_norm is None and not embedding.scale_grad_by_freq and not embedding.sparse


def _contiguous(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (inputs[0].contiguous(), *inputs[1:])


class RowwiseEmbedding(nn.Embedding):
    """An embedding whose backward pass touches only the rows that were looked up."""

    def forward(self, input: Tensor) -> Tensor:
        """Vectors (..., H) of the ids (...)."""
        if not (torch.is_grad_enabled() and self.weight.requires_grad):
            return super().forward(input)
        found: Tensor = _LookUp.apply(input, self.weight, self.padding_idx)
        return found


class _LookUp(torch.autograd.Function):
    """`weight.grad` is written here and not handed to autograd, which would make it dense."""

    @staticmethod
    def forward(ctx: Any, ids: Tensor, weight: Tensor, padding: int | None) -> Tensor:
        ctx.weight, ctx.padding = weight, padding
        ctx.save_for_backward(ids)
        return functional.embedding(ids, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None]:
        ids, rows = ctx.saved_tensors[0].flatten(), gradient.flatten(0, -2)
        if ctx.padding is not None:
            real = ids != ctx.padding
            ids, rows = ids[real], rows[real]
        weight = ctx.weight
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        weight.grad.index_add_(0, ids, rows.to(weight.dtype))
        return None, None, None


class PartwiseHead(nn.Linear):
    """A head without a bias that multiplies one part of the vocabulary after another."""

    def forward(self, input: Tensor) -> Tensor:
        """Logits (..., V) of states (..., H)."""
        if torch.is_autocast_enabled("cpu"):  # which knows functional.linear, and not what is below
            return super().forward(input.contiguous())
        logits: Tensor = _Multiply.apply(input.reshape(-1, input.shape[-1]), self.weight)
        return logits.view(*input.shape[:-1], -1)


class _Multiply(torch.autograd.Function):
    """As above, the weights' gradient is written here: adding it is part of one product."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor) -> Tensor:
        ctx.weight = weight
        ctx.save_for_backward(rows)
        logits = rows.new_empty(len(rows), len(weight))
        for start in range(0, len(weight), PART):
            part = slice(start, start + PART)
            torch.mm(rows, weight[part].t(), out=logits[:, part])
        return logits

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None]:
        (rows,), weight = ctx.saved_tensors, ctx.weight
        if weight.requires_grad:
            if weight.grad is None:
                weight.grad = gradient.t() @ rows
            else:
                weight.grad.addmm_(gradient.t(), rows)
        return (gradient @ weight if ctx.needs_input_grad[0] else None), None
