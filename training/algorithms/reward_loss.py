"""Losses of reward models: from judgements of answers to the scalar that orders them."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

TiePolicy = Literal["instructgpt", "drop_norm_strict", "half"]

# Touvron et al. 2023 (arXiv:2307.09288), table 27: the margin for each strength of preference.
MARGINS: dict[str, dict[str, float]] = {
    "large": {
        "significantly better": 3.0,
        "better": 2.0,
        "slightly better": 1.0,
        "negligibly better / unsure": 0.0,
    },
    "small": {
        "significantly better": 1.0,
        "better": 2.0 / 3.0,
        "slightly better": 1.0 / 3.0,
        "negligibly better / unsure": 0.0,
    },
}


def margin_for(label: str, scale: str) -> float:
    """The margin, in units of reward, of a preference of this strength on this scale.

    Raises ValueError for a scale or a label that the paper does not have.
    """
    if scale not in MARGINS:
        raise ValueError(f"Unknown margin scale {scale!r}; allowed: {', '.join(MARGINS)}.")
    if label not in MARGINS[scale]:
        raise ValueError(f"Unknown strength {label!r}; allowed: {', '.join(MARGINS[scale])}.")
    return MARGINS[scale][label]


def pairwise_losses(chosen: Tensor, rejected: Tensor, margins: Tensor | float = 0.0) -> Tensor:
    """Bradley-Terry negative log-likelihood of each pair (arXiv:2307.09288 eq. 2).

    `chosen`, `rejected` (...) rewards; `margins` (...) in the same unit. Returns (...), nats:
    ln 2 where the rewards are equal and the margin is 0.
    """
    # l = - ln sigma(r_w - r_l - m)
    return -logsigmoid(chosen - rejected - margins)


def centering_penalty(chosen: Tensor, rejected: Tensor) -> Tensor:
    """mean (r_w + r_l)^2, which pulls rewards to 0: the likelihood fixes differences only
    (arXiv:2312.09244; TRL's `center_rewards_coefficient`). (B,) and (B,) to a scalar."""
    # c = mean (r_w + r_l)^2
    return (chosen + rejected).square().mean()


def pairwise_loss(
    chosen: Tensor,
    rejected: Tensor,
    *,
    margins: Tensor | float = 0.0,
    center_coef: float = 0.0,
) -> Tensor:
    """Mean pairwise loss plus `center_coef` times the centring penalty: (B,) and (B,) to a
    scalar."""
    loss = pairwise_losses(chosen, rejected, margins).mean()
    if center_coef:
        loss = loss + center_coef * centering_penalty(chosen, rejected)
    return loss


def kwise_loss(rewards: Tensor, tiers: Tensor, tie_policy: TiePolicy = "instructgpt") -> Tensor:
    """Loss of one prompt whose K answers were ranked together (Ouyang et al. 2022,
    arXiv:2203.02155, equation 1).

    `rewards` (K,), one forward pass each; `tiers` (K,) integers, smaller is better, equal is a tie.
    Each pair of different tiers is one strict comparison; C = K (K - 1) / 2. A tie
    - under `instructgpt` adds nothing and the sum is divided by C;
    - under `drop_norm_strict` adds nothing and the sum is divided by the number of strict pairs;
    - under `half` adds one half of each direction and the sum is divided by C.
    A prompt whose answers are all tied gives 0 with gradient 0 (under `half`: at least ln 2).
    Raises ValueError for an unknown policy, fewer than two answers, or lengths that differ.
    """
    if tie_policy not in get_args(TiePolicy):
        raise ValueError(
            f"Unknown tie policy {tie_policy!r}; allowed: {', '.join(get_args(TiePolicy))}."
        )
    if rewards.ndim != 1 or rewards.shape != tiers.shape or len(rewards) < 2:
        raise ValueError(
            "A ranking needs two or more rewards and one tier for each; shapes "
            f"{tuple(rewards.shape)} and {tuple(tiers.shape)} were given."
        )
    first, second = torch.triu_indices(len(rewards), len(rewards), 1, device=rewards.device)
    order = torch.sign(tiers[second] - tiers[first])  # 1: first is better, -1: second, 0: a tie
    difference = rewards[first] - rewards[second]
    strict = order != 0
    # sum over strict pairs of - ln sigma(r_w - r_l)
    total = -logsigmoid(difference[strict] * order[strict]).sum()
    if tie_policy == "half":
        tied = difference[~strict]
        # + sum over ties of - (ln sigma(d) + ln sigma(-d)) / 2
        total = total - 0.5 * (logsigmoid(tied) + logsigmoid(-tied)).sum()
    pairs = int(strict.sum()) if tie_policy == "drop_norm_strict" else len(order)
    # An all-tied prompt keeps its place in the graph: 0 * r has gradient 0 where a bare 0 has none.
    return total / pairs if pairs else rewards.sum() * 0.0


def kwise_batch_loss(
    rewards: Sequence[Tensor], tiers: Sequence[Tensor], tie_policy: TiePolicy = "instructgpt"
) -> tuple[Tensor, Tensor]:
    """Mean over prompts of `kwise_loss`, so that K = 9 weighs as much as K = 4 (averaging over
    pooled pairs would weigh it six times as much). Returns (scalar, per prompt (N,))."""
    losses = [kwise_loss(r, t, tie_policy) for r, t in zip(rewards, tiers, strict=True)]
    if not losses:
        raise ValueError("A batch of rankings needs at least one prompt.")
    per_prompt = torch.stack(losses)
    return per_prompt.mean(), per_prompt


def oasst_loss(rewards: Sequence[Tensor], beta: float = 1e-3) -> Tensor:
    """Open-Assistant's ranking loss: Bradley-Terry plus an L2 pull on the rewards themselves.

    `rewards`: for each conversation (K,), best first. Mean over the C(K, 2) pairs i before j of
    - ln sigma(r_i - r_j) + beta (r_i^2 + r_j^2) / 2, then over conversations. Returns a scalar.
    """
    losses = []
    for row in rewards:
        if row.ndim != 1 or len(row) < 2:
            raise ValueError(f"A ranking needs two or more rewards; {tuple(row.shape)} was given.")
        first, second = torch.triu_indices(len(row), len(row), 1, device=row.device)
        better, worse = row[first], row[second]
        # - ln sigma(r_i - r_j) + beta (r_i^2 + r_j^2) / 2
        pull = 0.5 * beta * (better.square() + worse.square())
        losses.append((pairwise_losses(better, worse) + pull).mean())
    if not losses:
        raise ValueError("A batch of rankings needs at least one conversation.")
    return torch.stack(losses).mean()


def centering_shift(demonstration_rewards: Tensor) -> Tensor:
    """What to subtract from every reward so that demonstrations average 0 (arXiv:2203.02155,
    section 3.5: the loss is invariant to a shift, reinforcement learning is not). (N,) to a
    scalar."""
    if demonstration_rewards.numel() == 0:
        raise ValueError("Centring needs the reward of at least one demonstration.")
    return demonstration_rewards.mean()
