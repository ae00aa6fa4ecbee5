"""Choosing among samples: best-of-N, what it costs and brings, and RAFT's selection."""

import math
from collections.abc import Sequence
from typing import Literal, get_args

from training.algorithms.kl import kl_terms, require_distribution

RaftStrategy = Literal["local", "global"]


def kl_bound(n: int) -> float:
    """ln n - (n - 1) / n, in nats: an upper bound on KL(best-of-n || base), reached only where no
    two answers have the same reward (Beirami et al. 2024, arXiv:2401.01879)."""
    _require_n(n)
    # ln n - (n - 1) / n
    return math.log(n) - (n - 1) / n


def win_rate(n: int) -> float:
    """Chance that the best of n beats one more sample by the reward that chose it, without ties:
    n / (n + 1)."""
    _require_n(n)
    return n / (n + 1)


def exact_distribution(p: Sequence[float], rewards: Sequence[float], n: int) -> list[float]:
    """The distribution of the best of n draws from a finite set.

    `p` (K,) probabilities, `rewards` (K,). Outcomes of one reward share its mass in proportion to
    p. Returns (K,). Raises ValueError for n < 1, lengths that differ, a NaN, or p not a
    distribution.
    """
    _require_n(n)
    if len(p) != len(rewards):
        raise ValueError(f"{len(p)} probabilities and {len(rewards)} rewards were given.")
    require_distribution(p, "p")
    _require_numbers(rewards)
    best = [0.0] * len(p)
    below = 0.0
    for reward in sorted(set(rewards)):
        tied = [i for i, r in enumerate(rewards) if r == reward]
        mass = math.fsum(p[i] for i in tied)
        # P(best = r) = F(r)^n - F(r-)^n
        share = (below + mass) ** n - below**n
        for i in tied:
            best[i] = share * p[i] / mass if mass > 0 else 0.0
        below += mass
    return best


def exact_kl(p: Sequence[float], rewards: Sequence[float], n: int) -> float:
    """KL(best-of-n || base) of a finite set, in nats; arguments as in `exact_distribution`."""
    # sum_y P_bon(y) ln(P_bon(y) / p(y))
    return math.fsum(kl_terms(exact_distribution(p, rewards, n), p))


def expected_max(scores: Sequence[float], n: int) -> float:
    """Unbiased estimate of E[max of n] from N >= n scores: the mean over all C(N, n) subsets.

    Raises ValueError when n is not within 1 .. N or a score is NaN.
    """
    _require_n(n)
    if n > len(scores):
        raise ValueError(f"The best of {n} cannot be estimated from {len(scores)} scores.")
    _require_numbers(scores)
    ordered = sorted(scores)
    subsets = math.comb(len(ordered), n)
    # sum_i C(i - 1, n - 1) / C(N, n) r_(i), ascending, i from 1
    return math.fsum(
        math.comb(i - 1, n - 1) / subsets * ordered[i - 1] for i in range(n, len(ordered) + 1)
    )


def best_index(scores: Sequence[float]) -> int:
    """Index of the highest score, the first on exact ties. Raises ValueError for none or a NaN."""
    if not scores:
        raise ValueError("There is no best of no scores.")
    _require_numbers(scores)
    return max(range(len(scores)), key=lambda i: (scores[i], -i))


def raft_select(
    rewards: Sequence[Sequence[float]], strategy: RaftStrategy, alpha: float | None = None
) -> list[tuple[int, int]]:
    """Which samples RAFT keeps (Dong et al. 2023, arXiv:2304.06767).

    `rewards[prompt][k]`. `local` keeps each prompt's best; `global` the int(alpha N) highest of
    all N samples, whichever prompts they answer. On exact ties the earlier one stays. Returns
    (prompt, k) in that order. Raises ValueError for a NaN, a prompt without samples, an unknown
    strategy, or, for `global`, an alpha outside (0, 1].
    """
    if strategy not in get_args(RaftStrategy):
        raise ValueError(
            f"Unknown strategy {strategy!r}; allowed: {', '.join(get_args(RaftStrategy))}."
        )
    for row in rewards:
        _require_numbers(row)
    if strategy == "local":
        return [(prompt, best_index(row)) for prompt, row in enumerate(rewards)]
    if alpha is None or not 0.0 < alpha <= 1.0:
        raise ValueError(f"The global strategy needs an alpha in (0, 1]; {alpha} was given.")
    pool = [(prompt, k) for prompt, row in enumerate(rewards) for k in range(len(row))]
    ranked = sorted(pool, key=lambda at: (-rewards[at[0]][at[1]], at))
    return sorted(ranked[: int(alpha * len(pool))])


def _require_n(n: int) -> None:
    if n < 1:
        raise ValueError(f"n must be at least 1; {n} was given.")


def _require_numbers(scores: Sequence[float]) -> None:
    for position, score in enumerate(scores):
        if math.isnan(score):
            raise ValueError(f"Score {position} is not a number; it must not win or lose.")
