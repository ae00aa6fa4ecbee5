"""The optimiser of on-policy training and how its learning rate moves."""

import math
from typing import Any

import torch

from training.trainers.actor_critic import Network
from training.trainers.settings import TrainingSettings


def make_optimiser(
    training: TrainingSettings, groups: list[tuple[Network, float]]
) -> torch.optim.Optimizer:
    """AdamW with one parameter group a network: `peak_lr` is its own, betas (0.9, adam_beta2)."""
    described: list[dict[str, Any]] = [
        {"params": list(network.trained().values()), "lr": rate, "peak_lr": rate}
        for network, rate in groups
    ]
    on_gpu = any(p.is_cuda for group in described for p in group["params"])
    kind: Any = torch.optim.AdamW
    more: dict[str, Any] = {"fused": True}
    if training.paged_optimizer and on_gpu:
        from bitsandbytes.optim import PagedAdamW32bit

        kind, more = PagedAdamW32bit, {}
    optimiser: torch.optim.Optimizer = kind(
        described,
        betas=(0.9, training.adam_beta2),
        eps=training.adam_epsilon,
        weight_decay=training.weight_decay,
        **more,
    )
    return optimiser


def learning_rate_factor(training: TrainingSettings, step: int, total: int) -> float:
    """What the peak learning rate is multiplied with in update `step`, counted from 0.

    Rises linearly over the first `warmup` share of the updates, then stays (`constant`), falls in a
    line (`linear`) or along half a cosine (`cosine`) to 0 after the last.
    """
    rising = math.ceil(training.warmup * total)
    if step < rising:
        return (step + 1) / (rising + 1)
    if training.scheduler == "constant":
        return 1.0
    passed = (step - rising) / max(total - rising, 1)
    return (
        1.0 - passed if training.scheduler == "linear" else 0.5 * (1 + math.cos(math.pi * passed))
    )
