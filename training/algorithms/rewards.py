"""From a score per answer to a reward per token."""

import torch
from torch import Tensor

from training.algorithms.kl import KLEstimator, kl_estimate
from training.algorithms.masking import masked_mean, zero_outside


def completion_mask(lengths: Tensor, width: int) -> Tensor:
    """True on the first `lengths` of `width` positions: (B,) to a boolean (B, width).

    Lengths, never `ids == pad`: a model whose padding token is also its end token stays correct.
    """
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def penalise_missing_eos(scores: Tensor, ended: Tensor, penalty: float) -> Tensor:
    """`scores` (B,) less `penalty` where the answer did not end with an EOS; `ended` boolean
    (B,)."""
    # s <- s - p [no EOS]
    return torch.where(ended.bool(), scores, scores - penalty)


def token_rewards(
    scores: Tensor,
    logps: Tensor,
    ref_logps: Tensor,
    lengths: Tensor,
    *,
    kl_coef: float,
    estimator: KLEstimator = "k1",
) -> Tensor:
    """Reward of each token (Ouyang et al. 2022, arXiv:2203.02155, equation 2, token by token).

    `scores` (B,) of whole answers; `logps`, `ref_logps` (B, T) of the sampled tokens under the
    policy that sampled them and under the frozen reference, nats; `lengths` (B,) real tokens, the
    EOS among them. Returns (B, T): a KL penalty at every real token, the score on the last one, 0
    on padding. Under `k1` a row sums to score - kl_coef * (sequence log-ratio); negative
    log-ratios are not clamped, which would bias the estimate. Raises ValueError when a length is
    not within 1 .. T.
    """
    if bool((lengths < 1).any()) or bool((lengths > logps.shape[1]).any()):
        raise ValueError(
            f"Lengths must lie within 1 and {logps.shape[1]}; {lengths.tolist()} were given."
        )
    mask = completion_mask(lengths, logps.shape[1])
    # r_t = - beta kl_t
    rewards = -kl_coef * kl_estimate(
        zero_outside(logps, mask), zero_outside(ref_logps, mask), estimator
    )
    # r_{T-1} += s: on the EOS itself (or the last token of an answer cut short)
    last = (lengths - 1)[:, None]
    return rewards.scatter_add(1, last, scores.to(rewards.dtype)[:, None])


def sequence_rewards(
    scores: Tensor, logps: Tensor, ref_logps: Tensor, mask: Tensor, *, kl_coef: float
) -> Tensor:
    """score - beta sum_t (ln pi - ln pi_ref), the same objective for a whole answer: (B,)."""
    # R = s - beta sum_t (ln pi(y_t) - ln ref(y_t))
    return scores - kl_coef * zero_outside(kl_estimate(logps, ref_logps, "k1"), mask).sum(-1)


def ptx_loss(pretrain_logps: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean negative log-likelihood of pretraining tokens, the PPO-ptx term of arXiv:2203.02155
    equation 2: total = PPO loss + gamma * this. `pretrain_logps` (...), nats; a scalar. gamma =
    27.8 in the paper belongs to the paper's normalisation and does not carry over."""
    if mask is None:
        mask = torch.ones_like(pretrain_logps, dtype=torch.bool)
    # - E[ln pi(x)]
    return -masked_mean(pretrain_logps, mask)


class RunningScale:
    """Running mean and variance of raw scores (Welford, in float64), to divide scores by their
    standard deviation so far (Zheng et al. 2023, arXiv:2307.04964, section 4.2)."""

    def __init__(self, count: float = 0.0, mean: float = 0.0, m2: float = 0.0) -> None:
        self.count, self.mean, self.m2 = count, mean, m2

    def update(self, count: float, total: float, total_of_squares: float) -> None:
        """Takes the number, the sum and the sum of squares of new scores (of all processes)."""
        if count <= 0:
            return
        mean = total / count
        m2 = max(total_of_squares - count * mean * mean, 0.0)
        delta, together = mean - self.mean, self.count + count
        # M2 = M2_a + M2_b + delta^2 n_a n_b / n  (Chan et al. 1979)
        self.m2 += m2 + delta * delta * self.count * count / together
        self.mean += delta * count / together
        self.count = together

    @property
    def std(self) -> float:
        """Standard deviation with n - 1; 1 until two different scores were seen."""
        if self.count < 2 or self.m2 <= 0:
            return 1.0
        return float((self.m2 / (self.count - 1)) ** 0.5)
