"""True labels and each person's errors, estimated together (Dawid and Skene 1979)."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from annotation.domain.arrays import Floats, Ints, sum_by
from annotation.domain.battles import encode

TOLERANCE = 1e-11
MAX_ITERATIONS = 20_000


@dataclass(frozen=True)
class LabelModel:
    """posterior: (I, K) probability of each true label, by item. prior: (K,) share of each label.

    confusion: (R, K, K) P(a rater says l | the truth is k); rows of a truth that a rater never met
    are NaN. converged: whether the posterior came to rest.
    """

    items: tuple[Hashable, ...]
    raters: tuple[Hashable, ...]
    labels: tuple[Hashable, ...]
    posterior: Floats
    prior: Floats
    confusion: Floats
    log_likelihood: float
    converged: bool

    def accuracy(self) -> dict[Hashable, float]:
        """P(a rater is right), by rater, with truths in the proportions of the prior."""
        right = np.diagonal(self.confusion, axis1=1, axis2=2)
        known = ~np.isnan(right)
        mass = np.where(known, self.prior, 0.0)
        share = np.where(known, right, 0.0) * mass
        return dict(zip(self.raters, (share.sum(axis=1) / mass.sum(axis=1)).tolist(), strict=True))


def dawid_skene(labels: Sequence[tuple[Hashable, Hashable, Hashable]]) -> LabelModel:
    """Expectation-maximisation over (item, rater, label), from vote proportions, no smoothing.

    M: prior_k = mean of T_ik; confusion^r_kl = sum_i T_ik n^r_il / sum_il T_ik n^r_il.
    E: T_ik in proportion to prior_k * product over r, l of (confusion^r_kl)^(n^r_il).
    Raises ValueError without labels.
    """
    if not labels:
        raise ValueError("There is no label to combine. Collect at least one.")
    items, item = encode([row[0] for row in labels])
    raters, rater = encode([row[1] for row in labels])
    names = tuple(sorted({row[2] for row in labels}, key=str))
    label = np.array([names.index(row[2]) for row in labels])
    kinds, people = len(names), len(raters)
    posterior = np.zeros((len(items), kinds))
    np.add.at(posterior, (item, label), 1.0)
    posterior /= posterior.sum(axis=1, keepdims=True)
    converged = False
    for _ in range(MAX_ITERATIONS):
        prior = posterior.mean(axis=0)
        said = np.stack(
            [
                sum_by(rater * kinds + label, posterior[item, truth], people * kinds)
                for truth in range(kinds)
            ]
        )
        said = said.reshape(kinds, people, kinds).transpose(1, 0, 2)
        met = said.sum(axis=2, keepdims=True)
        confusion = np.divide(said, met, out=np.full(said.shape, np.nan), where=met > 0)
        joint = _log_joint(prior, confusion, item, rater, label, len(items))
        evidence = logsumexp(joint, axis=1)
        updated = np.exp(joint - evidence[:, None])
        converged = bool(np.abs(updated - posterior).max() < TOLERANCE)
        posterior = updated
        if converged:
            break
    return LabelModel(
        items, raters, names, posterior, prior, confusion, float(evidence.sum()), converged
    )


def _log_joint(
    prior: Floats, confusion: Floats, item: Ints, rater: Ints, label: Ints, n: int
) -> Floats:
    """(I, K) log of prior_k times the probability of everything said about an item, given k."""
    with np.errstate(divide="ignore"):
        log_prior, log_said = np.log(prior), np.log(confusion)
    # A truth that a rater never met has weight 0 wherever that rater spoke.
    spoken = np.nan_to_num(log_said[rater, :, label], nan=-np.inf, neginf=-np.inf)
    joint = np.tile(log_prior, (n, 1))
    np.add.at(joint, item, spoken)
    return joint
