"""Log-probabilities of the tokens that carry loss, without logits for the rest.

Of a batch's positions often only half or fewer are learned, and a vocabulary of 32,000 makes the
logits the dearest part of a step. On a GPU with Triton, TRL's fused head scores the learned
positions in tiles. Elsewhere TRL scores them all; here the head's input is cut down first, by a
hook that leaves the model, its wrappers (DDP, peft) and its gradients as they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from training.algorithms.logprobs import selective_log_softmax
from training.trainers.tokenising import IGNORED


class LearnedTokens(NamedTuple):
    """The N learned tokens of a batch of B rows, in order of row and position."""

    logps: Tensor  # (N,) nats, float32
    rows: Tensor  # (N,) row of each
    correct: Tensor  # (N,) bool: the model's first choice

    def sums(self, rows: int) -> Tensor:
        """Sum of log-probabilities of each row, (B,)."""
        return self.logps.new_zeros(rows).index_add_(0, self.rows, self.logps)


def learned_tokens(model: Any, inputs: dict[str, Any], labels: Tensor) -> LearnedTokens:
    """Score the labels (B, T; IGNORED where nothing is learned) under `model(**inputs)`.

    `model` may be wrapped. A batch without labels gives empty tensors that still have a gradient.
    """
    if _has_fused_head(model, labels.device):
        return _fused(model, inputs, labels)
    # The logits at t predict the token at t + 1.
    targets = labels[:, 1:]
    learned = targets != IGNORED
    kept = torch.cat([learned, learned.new_zeros(len(learned), 1)], dim=1)  # (B, T)
    with _head_sees_only(_unwrapped(model), kept):
        logits = model(**inputs, use_cache=False).logits  # (N, V)
    wanted = targets[learned]
    logps = selective_log_softmax(logits, wanted)
    with torch.no_grad():
        correct = logits.argmax(dim=-1) == wanted
    return LearnedTokens(logps, learned.nonzero()[:, 0], correct)


def _fused(model: Any, inputs: dict[str, Any], labels: Tensor) -> LearnedTokens:
    outputs = model(**inputs, labels=labels, use_cache=False, fused_lm_head=True)
    learned = labels[:, 1:] != IGNORED
    width = learned.shape[1]
    logps = outputs.log_probs[:, -width:][learned]
    top = getattr(outputs, "is_top1", None)
    correct = torch.zeros_like(logps).bool() if top is None else top[:, -width:][learned].bool()
    return LearnedTokens(logps.float(), learned.nonzero()[:, 0], correct)


@contextmanager
def _head_sees_only(model: Any, kept: Tensor) -> Iterator[None]:
    """Within, the output head gets the hidden states where `kept` (B, T) holds: (N, H)."""

    def cut(module: Any, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, *rest = arguments
        return (hidden[kept], *rest)

    handle = model.get_output_embeddings().register_forward_pre_hook(cut)
    try:
        yield
    finally:
        handle.remove()


def _unwrapped(model: Any) -> Any:
    """The transformers model under DDP and peft."""
    model = getattr(model, "module", model)
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _has_fused_head(model: Any, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    import importlib.util

    # TRL marks what it patched by wrapping forward as an instance attribute.
    patched = "forward" in vars(_unwrapped(model))
    return patched and importlib.util.find_spec("triton") is not None
