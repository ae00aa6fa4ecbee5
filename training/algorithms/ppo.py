"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347) on tokens, and REINFORCE.

Every mean is over real tokens. `token_count` is the divisor: the number of real tokens of the whole
mini batch on all processes, so that the parts of a mini batch add up to it. Default: this mask's.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from training.algorithms.masking import Reduce, masked_mean, masked_moments, zero_outside

# exp(20) is 4.9e8: a ratio beyond it says only that something broke, and must not become infinite.
LOG_RATIO_LIMIT = 20.0


class PolicyLoss(NamedTuple):
    """`loss`, `clip_fraction`, `approx_kl` (k2), `approx_kl_k3` scalars; `ratio` (B, T), padding
    included, for a viewer: it enters no figure."""

    loss: Tensor
    clip_fraction: Tensor
    approx_kl: Tensor
    approx_kl_k3: Tensor
    ratio: Tensor


class ValueLoss(NamedTuple):
    """`loss` and `clip_fraction`, scalars."""

    loss: Tensor
    clip_fraction: Tensor


def policy_loss(
    logps: Tensor,
    old_logps: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_range: float,
    token_count: Tensor | float | None = None,
) -> PolicyLoss:
    """The clipped surrogate, equation 7, to be minimised.

    `logps` now, `old_logps` at rollout, `advantages`, `mask`: (B, T). The gradient with respect to
    a log-probability is exactly 0 where the clip is active (A > 0 and rho > 1 + e, or A < 0 and
    rho < 1 - e), and -A rho / n elsewhere. `clip_fraction` counts tokens whose clipped term is the
    larger. Raises ValueError for a clip range that is not above 0.
    """
    if not clip_range > 0:
        raise ValueError(f"The clip range must be above 0; {clip_range} was given.")
    log_ratio = zero_outside(logps - old_logps, mask)
    advantages = zero_outside(advantages, mask)
    # rho = pi(y_t) / pi_old(y_t)
    ratio = log_ratio.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT).exp()
    # max(-A rho, -A clip(rho, 1 - e, 1 + e))
    plain = -advantages * ratio
    clipped = -advantages * ratio.clamp(1.0 - clip_range, 1.0 + clip_range)
    with torch.no_grad():
        # KL(old || new) from samples of old, whose r is rho itself: k2, and k3 = (rho - 1) - ln rho
        k2, k3 = 0.5 * log_ratio.square(), torch.expm1(log_ratio) - log_ratio
        clip_fraction = masked_mean((clipped > plain).to(ratio.dtype), mask, token_count)
        approx_kl = masked_mean(k2, mask, token_count)
        approx_kl_k3 = masked_mean(k3, mask, token_count)
    loss = masked_mean(torch.maximum(plain, clipped), mask, token_count)
    ratio = (logps - old_logps).detach().exp()
    return PolicyLoss(loss, clip_fraction, approx_kl, approx_kl_k3, ratio)


def value_loss(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    mask: Tensor,
    *,
    clip_range: float | None,
    token_count: Tensor | float | None = None,
) -> ValueLoss:
    """Half the squared error of the value, the larger of plain and clipped (baselines' PPO2).

    `values` now, `old_values` at rollout, `returns`, `mask`: (B, T). `clip_range` bounds how far a
    value moves from the old one in one update; None switches the clip off.
    """
    values, old_values = zero_outside(values, mask), zero_outside(old_values, mask)
    returns = zero_outside(returns, mask)
    # (V - R)^2
    error = (values - returns).square()
    if clip_range is None:
        return ValueLoss(0.5 * masked_mean(error, mask, token_count), torch.zeros_like(error.sum()))
    # (clip(V, V_old - e, V_old + e) - R)^2
    held = torch.maximum(torch.minimum(values, old_values + clip_range), old_values - clip_range)
    clipped = (held - returns).square()
    with torch.no_grad():
        fraction = masked_mean((clipped > error).to(error.dtype), mask, token_count)
    # 0.5 mean max(plain, clipped)
    return ValueLoss(0.5 * masked_mean(torch.maximum(error, clipped), mask, token_count), fraction)


def total_loss(
    policy: Tensor,
    value: Tensor | float = 0.0,
    entropy: Tensor | float = 0.0,
    ptx: Tensor | float = 0.0,
    *,
    value_coef: float,
    entropy_coef: float = 0.0,
    ptx_coef: float = 0.0,
) -> Tensor:
    """Equation 9, minimised, with the pretraining term of arXiv:2203.02155 equation 2:
    L = L_policy + c1 L_value - c2 H + gamma L_ptx. Scalars."""
    # L = L_CLIP + c1 L_VF - c2 S + gamma NLL
    return policy + value_coef * value - entropy_coef * entropy + ptx_coef * ptx


def explained_variance(
    values: Tensor, returns: Tensor, mask: Tensor, reduce: Reduce | None = None
) -> Tensor:
    """1 - Var(R - V) / Var(R) over real tokens: 1 is perfect, 0 no better than a constant, below 0
    worse; NaN when all returns are equal. (B, T) each; a scalar. `reduce` as in
    `masked_moments`."""
    spread = masked_moments(returns, mask, reduce).squares
    left = masked_moments(returns - values, mask, reduce).squares
    # 1 - Var(R - V) / Var(R)
    return torch.where(spread > 0, 1.0 - left / spread, math.nan)


def reinforce_loss(
    logps: Tensor,
    advantages: Tensor,
    mask: Tensor | None = None,
    *,
    count: Tensor | float | None = None,
) -> Tensor:
    """- sum A ln p / count (Williams 1992), whose gradient is REINFORCE's.

    `logps`, `advantages` of one shape: tokens (B, T) with their mask, or whole answers (B,).
    `count` is the divisor m of the update theta + alpha (1 / m) sum_i A_i grad ln p(S_i); default
    1, the sum. Advantages are constants: they carry no gradient.
    """
    if mask is None:
        mask = torch.ones_like(logps, dtype=torch.bool)
    # L = - (1 / m) sum_i A_i ln p_i
    return -masked_mean(
        advantages.detach() * zero_outside(logps, mask), mask, 1.0 if count is None else count
    )
