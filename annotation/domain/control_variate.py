"""People's votes made sharper by a judge, without believing the judge (arXiv:2301.09633).

The judge scores every item, people a random part of them. Whatever the judge's bias, it cancels:

    estimate = mean(people) - lambda * (mean(judge where people voted) - mean(judge everywhere))
"""

import math
from dataclasses import dataclass

import numpy as np

from annotation.domain.arrays import Floats
from annotation.domain.proportions import two_sided_z


@dataclass(frozen=True)
class ControlledMean:
    """estimate, se, low, high: in the unit of the scores. human_mean, human_se: without the judge.

    judge_weight: lambda. correlation: of people and judge on shared items, None where either is
    constant. votes_saved: share of people's votes that the same precision would have cost more.
    """

    estimate: float
    se: float
    low: float
    high: float
    human_mean: float
    human_se: float
    judge_weight: float
    correlation: float | None
    votes_saved: float
    n_human: int
    n_judge: int


def controlled_mean(
    human: Floats, judge_shared: Floats, judge_rest: Floats, *, alpha: float = 0.05
) -> ControlledMean:
    """Prediction-powered mean with the weight that makes its variance smallest.

    human, judge_shared: (n,) scores of the same items, drawn at random from all. judge_rest: (N,)
    the judge's scores of the items that no person saw.
    Raises ValueError for fewer than two shared items or columns of different length.
    """
    n, rest = len(human), len(judge_rest)
    if n < 2 or len(judge_shared) != n:
        raise ValueError(
            f"{n} human and {len(judge_shared)} judge scores of shared items were given; "
            "give one of each per item, and at least two items."
        )
    z = two_sided_z(alpha)
    human_variance = float(human.var(ddof=1))
    judge_variance = float(judge_shared.var(ddof=1))
    covariance = float(np.cov(human, judge_shared, ddof=1)[0, 1])
    everywhere = np.concatenate([judge_shared, judge_rest])
    weight = covariance / judge_variance if judge_variance > 0.0 else 0.0
    shift = float(judge_shared.mean()) - float(everywhere.mean())
    # Var(mean_n - mean_{n+N}) of the judge is (1/n - 1/(n+N)) times its variance.
    unseen = rest / (n + rest)
    variance = (human_variance - weight * covariance * unseen) / n
    se, human_se = math.sqrt(max(variance, 0.0)), math.sqrt(human_variance / n)
    estimate = float(human.mean()) - weight * shift
    correlation = None
    if human_variance > 0.0 and judge_variance > 0.0:
        correlation = covariance / math.sqrt(human_variance * judge_variance)
    return ControlledMean(
        estimate=estimate,
        se=se,
        low=estimate - z * se,
        high=estimate + z * se,
        human_mean=float(human.mean()),
        human_se=human_se,
        judge_weight=weight,
        correlation=correlation,
        votes_saved=0.0 if correlation is None else correlation**2 * unseen,
        n_human=n,
        n_judge=n + rest,
    )
