"""Kullback-Leibler divergence: exact, per token, estimated from samples, and kept near a target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from training.algorithms.logprobs import selective_log_softmax
from training.algorithms.masking import masked_mean, masked_sum

KLEstimator = Literal["k1", "k2", "k3", "abs"]

LOG_BASES: dict[str, float] = {"e": 1.0, "2": math.log(2.0), "10": math.log(10.0)}


def kl_divergence(p: Sequence[float], q: Sequence[float], base: str = "e") -> float:
    """D(P || Q) of two finite distributions, natural logarithm unless `base` is "2" or "10".

    0 ln 0 = 0; infinite where Q has no mass and P has. Raises ValueError for lengths that differ,
    an empty list, negative or missing mass, or a sum further than 1e-6 from 1.
    """
    if base not in LOG_BASES:
        raise ValueError(f"Unknown base {base!r}; allowed: {', '.join(LOG_BASES)}.")
    if len(p) != len(q):
        raise ValueError(f"P has {len(p)} outcomes and Q has {len(q)}; they must be the same ones.")
    require_distribution(p, "P")
    require_distribution(q, "Q")
    return math.fsum(kl_terms(p, q)) / LOG_BASES[base]


def kl_terms(p: Sequence[float], q: Sequence[float]) -> list[float]:
    """The summands p_i ln(p_i / q_i), in nats; a single one may be negative, their sum is not."""
    # p_i ln(p_i / q_i)
    return [
        0.0 if pi == 0 else math.inf if qi == 0 else pi * (math.log(pi) - math.log(qi))
        for pi, qi in zip(p, q, strict=True)
    ]


def require_distribution(p: Sequence[float], name: str) -> None:
    """Raises ValueError unless `p` is a non-empty list of non-negative numbers that sum to 1."""
    if not p or not all(math.isfinite(pi) and pi >= 0 for pi in p):
        raise ValueError(f"{name} must be a non-empty list of non-negative numbers; {list(p)}.")
    if abs(math.fsum(p) - 1.0) > 1e-6:
        raise ValueError(f"{name} must sum to 1; it sums to {math.fsum(p):.9g}.")


class TokenKL(NamedTuple):
    """`exact` and `log_ratio` (..., T) per token; the rest are scalars over real tokens, nats."""

    exact: Tensor
    log_ratio: Tensor
    exact_sum: Tensor
    log_ratio_sum: Tensor
    exact_mean: Tensor


def exact_token_kl(logits: Tensor, ref_logits: Tensor) -> Tensor:
    """KL(pi || ref) of each next-token distribution: (..., V) and (..., V) to (...), nats."""
    logps, ref_logps = torch.log_softmax(logits, -1), torch.log_softmax(ref_logits, -1)
    terms = logps.exp() * (logps - ref_logps)
    # sum_v p_v (ln p_v - ln q_v)
    return torch.where(logps.isneginf(), torch.zeros_like(terms), terms).sum(-1)


def token_kl(logits: Tensor, ref_logits: Tensor, ids: Tensor, mask: Tensor) -> TokenKL:
    """Exact per-token KL beside the sampled log-ratio on the realised tokens.

    `logits`, `ref_logits` (..., T, V); `ids`, `mask` (..., T). The sum of log-ratios is an unbiased
    estimate of the sequence KL that the exact sum gives with less noise.
    """
    exact = exact_token_kl(logits, ref_logits)
    # ln pi(y_t) - ln ref(y_t)
    log_ratio = selective_log_softmax(logits, ids) - selective_log_softmax(ref_logits, ids)
    return TokenKL(
        exact=exact,
        log_ratio=log_ratio,
        exact_sum=masked_sum(exact, mask),
        log_ratio_sum=masked_sum(log_ratio, mask),
        exact_mean=masked_mean(exact, mask),
    )


def kl_estimate(logps: Tensor, ref_logps: Tensor, kind: KLEstimator = "k1") -> Tensor:
    """Schulman's estimators of KL(pi || ref) from samples of pi (joschu.net/blog/kl-approx.html).

    `logps`, `ref_logps` (...) of the sampled tokens, nats. With r = ref / pi:
    - `k1` = - ln r: unbiased, any sign;
    - `k2` = (ln r)^2 / 2: biased, never negative, small variance;
    - `k3` = (r - 1) - ln r: unbiased and never negative;
    - `abs` = |ln r|: biased; offered because some codebases use it.
    Raises ValueError for another name.
    """
    log_ratio = logps - ref_logps  # - ln r
    if kind == "k1":
        return log_ratio
    if kind == "k2":
        return 0.5 * log_ratio.square()
    if kind == "k3":
        # (r - 1) - ln r, through expm1: near r = 1 the plain difference loses every digit
        return torch.expm1(-log_ratio) + log_ratio
    if kind == "abs":
        return log_ratio.abs()
    raise ValueError(f"Unknown estimator {kind!r}; allowed: {', '.join(get_args(KLEstimator))}.")


def expected_estimates(p: Sequence[float], q: Sequence[float]) -> dict[str, float]:
    """The expectation under P of k1, k2, k3, by enumeration, beside the exact KL (key `kl`).

    E[k1] = E[k3] = KL; E[k2] is not. P and Q as in `kl_divergence`, Q with mass wherever P has it.
    """
    exact = kl_divergence(p, q)
    kept = [(pi, qi) for pi, qi in zip(p, q, strict=True) if pi > 0]
    weights = torch.tensor([pi for pi, _ in kept], dtype=torch.float64)
    ref_logps = torch.tensor([qi for _, qi in kept], dtype=torch.float64).log()
    estimates = {
        # E_P[k] = sum_i p_i k(i)
        kind: float((weights * kl_estimate(weights.log(), ref_logps, kind)).sum())
        for kind in ("k1", "k2", "k3")
    }
    return {"kl": exact, **estimates}


@dataclass
class FixedKL:
    """A KL coefficient that stays."""

    coef: float

    def update(self, kl: float, episodes: int) -> float:
        """Returns the coefficient, unchanged."""
        return self.coef


@dataclass
class AdaptiveKL:
    """A KL coefficient steered towards a target (Ziegler et al. 2019, arXiv:1909.08593, section
    2.2).

    `target` in nats per sequence, `horizon` in episodes: how many it takes to change the
    coefficient by a factor of about e^0.2 at the largest step.
    """

    coef: float
    target: float
    horizon: float

    def __post_init__(self) -> None:
        if not (self.target > 0 and self.horizon > 0):
            raise ValueError(
                "An adaptive KL coefficient needs a target and a horizon above 0; "
                f"{self.target} and {self.horizon} were given."
            )

    def update(self, kl: float, episodes: int) -> float:
        """Takes the mean sequence KL (k1, nats) of `episodes` rollouts; returns the new
        coefficient."""
        # e = clip(KL / target - 1, -0.2, 0.2);  beta <- beta (1 + e n / horizon)
        error = min(max(kl / self.target - 1.0, -0.2), 0.2)
        self.coef *= 1.0 + error * episodes / self.horizon
        return self.coef
