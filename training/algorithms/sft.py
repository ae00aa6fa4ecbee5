"""Supervised fine-tuning: teacher forcing with the loss on the completion only."""

from typing import NamedTuple

import torch
from torch import Tensor

from training.algorithms.logprobs import selective_log_softmax, sequence_logps
from training.algorithms.masking import masked_mean, zero_outside


class SFTLoss(NamedTuple):
    """`mean` is per target token of the batch (the loss to minimise), `per_example` the mean over
    examples of each one's own mean; both scalars in nats. `perplexity` = exp(mean).
    `sequence_logps` (B,) are summed over targets. `target_tokens` is their number in the batch."""

    mean: Tensor
    per_example: Tensor
    perplexity: Tensor
    sequence_logps: Tensor
    target_tokens: int


def loss_mask(prompt_lengths: Tensor, sequence_lengths: Tensor, length: int) -> Tensor:
    """Which tokens of right-padded rows are targets: (B,) and (B,) to a boolean (B, length).

    Tokens 0 .. prompt-1 are context, prompt .. sequence-1 carry loss, the rest is padding.
    The first token of a row is never a target: nothing stands before it to predict it from.
    """
    position = torch.arange(length, device=prompt_lengths.device)
    context = position < prompt_lengths.clamp(min=1)[:, None]
    padding = position >= sequence_lengths[:, None]
    return ~context & ~padding


def sft_loss(logits: Tensor, ids: Tensor, target_mask: Tensor) -> SFTLoss:
    """Cross-entropy of the targets (maximum likelihood under teacher forcing).

    `logits` (B, T, V) as the model gives them: position t predicts token t + 1; `ids` (B, T);
    `target_mask` (B, T) true on the tokens to learn (`loss_mask`). A row without a target
    contributes nothing; a batch without any has loss 0.
    Raises ValueError when the shapes do not belong together.
    """
    if logits.shape[:2] != ids.shape or ids.shape != target_mask.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)}, ids {tuple(ids.shape)} and target mask "
            f"{tuple(target_mask.shape)} must agree in rows and positions."
        )
    # The shift: logits at t are held against the token at t + 1.
    mask = target_mask[:, 1:].bool()
    logps = selective_log_softmax(logits[:, :-1], ids[:, 1:])
    # L = - (1 / n) sum over targets of ln p(y_t | x, y_<t)
    mean = -masked_mean(logps, mask)
    counts = mask.sum(-1)
    per_row = -zero_outside(logps, mask).sum(-1) / counts.clamp(min=1)
    return SFTLoss(
        mean=mean,
        per_example=masked_mean(per_row, counts > 0),
        perplexity=mean.exp(),
        sequence_logps=sequence_logps(logps, mask),
        target_tokens=int(counts.sum()),
    )
