"""Log-probabilities and entropy of tokens under a model's logits."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from training.algorithms.masking import masked_sum


def selective_log_softmax(logits: Tensor, ids: Tensor, temperature: float = 1.0) -> Tensor:
    """ln p(ids) under softmax(logits / temperature).

    `logits` (..., V) in any float type, `ids` (...) integers below V. Returns nats (...), in
    float32 for half-precision logits: a log-probability of -12 in bfloat16 is off by up to 0.03.
    Raises ValueError for a temperature that is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"The temperature must be above 0; {temperature} was given.")
    logits = _at_least_float32(logits)
    if temperature != 1.0:
        logits = logits / temperature
    logps: Tensor = _SelectedLogSoftmax.apply(logits, ids)
    return logps


class _SelectedLogSoftmax(torch.autograd.Function):
    """The formula with its gradient written out: autograd's own pass over (..., V) more often.

    log_softmax is one vectorised pass on a CPU, half the time of logsumexp, which needs a buffer of
    that size as well. What is kept for the gradient takes the place of the logits.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, ids: Tensor) -> Tensor:
        # ln p_i = z_i - ln sum_v exp z_v
        logps = torch.log_softmax(logits, dim=-1)
        ctx.save_for_backward(logps, ids)
        return logps.gather(-1, ids.unsqueeze(-1)).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        logps, ids = ctx.saved_tensors
        gradient = gradient.unsqueeze(-1)
        # d ln p_i / d z_v = [v = i] - p_v
        found = logps.exp().mul_(-gradient)
        return found.scatter_add_(-1, ids.unsqueeze(-1), gradient), None


def token_logps(
    logits: Tensor, ids: Tensor, completion_length: int, temperature: float = 1.0
) -> Tensor:
    """Log-probabilities of the last R = `completion_length` tokens of each row: (B, R), nats.

    `ids` (B, P + R) with prompts on the left and completions on the right. `logits` (B, R, V) are
    those that predict them: of positions P - 1 .. P + R - 2, since position t predicts token t + 1.
    Raises ValueError when there are not R positions.
    """
    if logits.shape[1] != completion_length:
        raise ValueError(
            f"{completion_length} completion tokens need the logits of as many positions; "
            f"{logits.shape[1]} were given."
        )
    return selective_log_softmax(logits, ids[:, -completion_length:], temperature)


def sequence_logps(token_logps: Tensor, mask: Tensor) -> Tensor:
    """Summed, not averaged, log-probability of each row: (B, T) and its mask to (B,), nats."""
    # ln p(y) = sum_t ln p(y_t | y_<t)
    return torch.where(mask.bool(), token_logps, torch.zeros_like(token_logps)).sum(-1)


def token_entropy(logits: Tensor) -> Tensor:
    """Entropy of each next-token distribution, in nats: (..., V) to (...).

    H = - sum_v p_v ln p_v, with p ln p = 0 where p = 0. The shift by the log-sum-exp keeps it
    finite for logits of any size.
    """
    logps = torch.log_softmax(_at_least_float32(logits), dim=-1)
    # H = - sum_v p_v ln p_v
    return -torch.where(logps.isneginf(), torch.zeros_like(logps), logps.exp() * logps).sum(-1)


def mean_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Mean token entropy over real tokens: logits (..., V), mask (...). Returns a scalar, nats."""
    return masked_sum(token_entropy(logits), mask) / mask.bool().sum().clamp(min=1)


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()
