"""Kahneman-Tversky optimisation: learning from single answers, each good or bad."""

from typing import NamedTuple

import torch
from torch import Tensor


class KTOLoss(NamedTuple):
    """`losses`, `rewards` (B,); `kl` scalar, the reference point in nats."""

    losses: Tensor
    rewards: Tensor
    kl: Tensor


def kto_loss(
    logps: Tensor,
    ref_logps: Tensor,
    good: Tensor,
    mismatched_logps: Tensor,
    ref_mismatched_logps: Tensor,
    *,
    beta: float,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> KTOLoss:
    """Ethayarajh et al. 2024 (arXiv:2402.01306), equation 8.

    `logps`, `ref_logps` (B,) are summed over the answers, in nats; `good` (B,) bool. The
    `mismatched` ones (M,) belong to answers of other prompts; their mean log-ratio, held at 0 from
    below and without gradient, is the reference point z0.
    - a good answer: w_D (1 - sigma(beta (h - z0))), h = ln pi - ln pi_ref;
    - a bad answer: w_U (1 - sigma(beta (z0 - h))).
    Raises ValueError for a beta not above 0 or when there is no mismatched answer.
    """
    if not beta > 0:
        raise ValueError(f"beta must be above 0; {beta} was given.")
    if mismatched_logps.numel() == 0:
        raise ValueError("The reference point needs at least one mismatched answer.")
    # z0 = max(0, mean (ln pi(y' | x) - ln pi_ref(y' | x)))
    kl = (mismatched_logps - ref_mismatched_logps).mean().detach().clamp(min=0)
    h = logps - ref_logps
    losses = torch.where(
        good,
        desirable_weight * (1 - torch.sigmoid(beta * (h - kl))),
        undesirable_weight * (1 - torch.sigmoid(beta * (kl - h))),
    )
    return KTOLoss(losses=losses, rewards=beta * h.detach(), kl=kl)
