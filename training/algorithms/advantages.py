"""How much better than expected: advantages for PPO, REINFORCE and RLOO."""

from typing import Literal, get_args

import torch
from torch import Tensor

from training.algorithms.masking import Reduce, masked_moments, zero_outside

Baseline = Literal["none", "mean", "leave_one_out"]
Variance = Literal["population", "bessel"]


def gae(
    rewards: Tensor,
    values: Tensor,
    lengths: Tensor,
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
    bootstrap: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2015, arXiv:1506.02438, equation 16).

    `rewards`, `values` (B, T); V_t is read at the state before token t. `lengths` (B,) real tokens.
    `bootstrap` (B,) is the value after the last real token; default 0, the episode is over.
    Returns (advantages, returns), both (B, T) and 0 on padding, where nothing is read either.
    gamma = lam = 1 gives reward-to-go minus value; lam = 0 gives the one-step TD error.
    Raises ValueError for a length beyond T or below 0, or shapes that differ.
    """
    if rewards.shape != values.shape:
        raise ValueError(
            f"rewards {tuple(rewards.shape)} and values {tuple(values.shape)} must have one shape."
        )
    width = rewards.shape[1]
    if bool((lengths > width).any()) or bool((lengths < 0).any()):
        raise ValueError(f"Lengths must lie within 0 and {width}; {lengths.tolist()} were given.")
    mask = torch.arange(width, device=rewards.device) < lengths[:, None]
    rewards, values = zero_outside(rewards, mask), zero_outside(values, mask)
    after_last = torch.zeros_like(values[:, 0]) if bootstrap is None else bootstrap
    advantage, columns = torch.zeros_like(values[:, 0]), []
    next_value = after_last
    for t in reversed(range(width)):
        # delta_t = r_t + gamma V_{t+1} - V_t
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        # A_t = delta_t + gamma lam A_{t+1}
        advantage = torch.where(mask[:, t], delta + gamma * lam * advantage, 0.0)
        next_value = torch.where(mask[:, t], values[:, t], after_last)
        columns.append(advantage)
    advantages = torch.stack(columns[::-1], dim=1)
    # R_t = A_t + V_t
    return advantages, advantages + values


def td_errors(rewards: Tensor, values: Tensor, lengths: Tensor, *, gamma: float = 1.0) -> Tensor:
    """delta_t = r_t + gamma V_{t+1} - V_t, V after the last real token 0: GAE with lam = 0. (B,
    T)."""
    return gae(rewards, values, lengths, gamma=gamma, lam=0.0)[0]


def whiten(
    x: Tensor,
    mask: Tensor,
    *,
    shift_mean: bool = True,
    variance: Variance = "bessel",
    reduce: Reduce | None = None,
) -> Tensor:
    """Scales the real entries of `x` to variance 1 and, with `shift_mean`, moves their mean to 0.

    `x`, `mask` of one shape; masked entries come back as 0. Without `shift_mean` the mean stays
    what it was (rewards keep their sign). `variance`: `bessel` divides by n - 1, as TRL does over
    real tokens, `population` by n, as lm-human-preferences does. `reduce` sums a tensor over
    processes, which makes the statistics those of the global batch. A single entry has variance 0.
    Raises ValueError for an unknown variance.
    """
    if variance not in get_args(Variance):
        raise ValueError(
            f"Unknown variance {variance!r}; allowed: {', '.join(get_args(Variance))}."
        )
    moments = masked_moments(x, mask, reduce)
    # var = sum (x - mean)^2 / (n - 1)
    freedom = 1 if variance == "bessel" else 0
    var = moments.squares / (moments.count - freedom).clamp(min=1)
    # y = (x - mean) / sqrt(var + 1e-8)  [+ mean]
    y = (x.double() - moments.mean) * torch.rsqrt(var + 1e-8)
    if not shift_mean:
        y = y + moments.mean
    return zero_outside(y, mask).to(x.dtype)


def baseline_advantages(rewards: Tensor, baseline: Baseline) -> Tensor:
    """Reward of each answer less a baseline that does not depend on that answer's tokens.

    `rewards` (..., K): K answers that share a baseline, usually the samples of one prompt.
    - `none`: R_i (Williams 1992);
    - `mean`: R_i - mean_j R_j, whose gradient is too small by (K - 1) / K, since R_i is in the
      mean;
    - `leave_one_out`: R_i - mean_{j != i} R_j, unbiased (Kool et al. 2019; RLOO, arXiv:2402.14740).
    Returns (..., K). Raises ValueError for another name, or leave_one_out with K < 2.
    """
    if baseline == "none":
        return rewards
    if baseline == "mean":
        # A_i = R_i - (1 / K) sum_j R_j
        return rewards - rewards.mean(-1, keepdim=True)
    if baseline == "leave_one_out":
        k = rewards.shape[-1]
        if k < 2:
            raise ValueError("A leave-one-out baseline needs at least two answers; 1 was given.")
        # A_i = R_i - (sum_j R_j - R_i) / (K - 1)
        return rewards - (rewards.sum(-1, keepdim=True) - rewards) / (k - 1)
    raise ValueError(f"Unknown baseline {baseline!r}; allowed: {', '.join(get_args(Baseline))}.")
