"""True labels and each person's errors, estimated together (Dawid and Skene 1979)."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from annotation.domain.arrays import Floats, Ints, sum_by
from annotation.domain.battles import encode

TOLERANCE = 1e-11
MAX_STEPS = 20_000
NEVER = 1e-6  # items: a truth that a rater met less often was not met, and tells rounding errors


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
    Two steps show where the next ones lead, and the third begins there (SQUAREM: Varadhan and
    Roland 2008, Scandinavian Journal of Statistics 35, scheme S3), unless that is less likely than
    where two steps lead: where all people err alike plain steps are thousands.
    Raises ValueError without labels.
    """
    if not labels:
        raise ValueError("There is no label to combine. Collect at least one.")
    said = _Said.of(labels)
    posterior = said.proportions()
    now = said.step(posterior)
    for _ in range(MAX_STEPS // 3):
        converged = bool(np.abs(now.posterior - posterior).max() < TOLERANCE)
        if converged:
            break
        after = said.step(now.posterior)
        ahead = _ahead(posterior, now.posterior, after.posterior)
        further = said.step(ahead)
        better = further.log_likelihood >= after.log_likelihood
        posterior, now = (ahead, further) if better else (now.posterior, after)
    return LabelModel(
        said.items,
        said.raters,
        said.names,
        now.posterior,
        now.prior,
        np.where(now.met > NEVER, now.confusion, np.nan),
        now.log_likelihood,
        converged,
    )


def _ahead(start: Floats, one: Floats, two: Floats) -> Floats:
    """(I, K) where the way over `start`, `one` and `two` leads; items that it would lead out of
    what probabilities can be stay at `two`."""
    first = one - start
    bend = two - one - first
    length = float(np.linalg.norm(bend))
    if length == 0.0:
        return two
    stride = max(1.0, float(np.linalg.norm(first)) / length)
    led = start + 2.0 * stride * first + stride**2 * bend
    # A truth that is ruled out can never come back: none is ruled out by a long stride.
    inside = ((led > 0.0) | (two == 0.0)).all(axis=1) & (led <= 1.0).all(axis=1)
    led = np.where(inside[:, None], np.where(two == 0.0, 0.0, led), two)
    return np.asarray(led / led.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class _Step:
    """One step of both kinds: what follows from a posterior, and the posterior that follows.

    met: (R, K, 1) how often, in expectation, a rater spoke of an item of each truth.
    """

    prior: Floats
    met: Floats
    confusion: Floats
    posterior: Floats
    log_likelihood: float


@dataclass(frozen=True)
class _Said:
    """The labels as codes: item, rater and label of each, (N,)."""

    items: tuple[Hashable, ...]
    raters: tuple[Hashable, ...]
    names: tuple[Hashable, ...]
    item: Ints
    rater: Ints
    label: Ints

    @classmethod
    def of(cls, labels: Sequence[tuple[Hashable, Hashable, Hashable]]) -> "_Said":
        items, item = encode([row[0] for row in labels])
        raters, rater = encode([row[1] for row in labels])
        names = tuple(sorted({row[2] for row in labels}, key=str))
        code = {name: place for place, name in enumerate(names)}
        label = np.array([code[row[2]] for row in labels])
        return cls(items, raters, names, item, rater, label)

    def proportions(self) -> Floats:
        kinds = len(self.names)
        counts = np.bincount(self.item * kinds + self.label, minlength=len(self.items) * kinds)
        votes = counts.reshape(len(self.items), kinds).astype(np.float64)
        return np.asarray(votes / votes.sum(axis=1, keepdims=True))

    def step(self, posterior: Floats) -> _Step:
        kinds, people = len(self.names), len(self.raters)
        prior = posterior.mean(axis=0)
        cell = self.rater * kinds + self.label
        counts = [sum_by(cell, posterior[self.item, k], people * kinds) for k in range(kinds)]
        said = np.stack(counts).reshape(kinds, people, kinds).transpose(1, 0, 2)
        met = said.sum(axis=2, keepdims=True)
        confusion = np.divide(said, met, out=np.full(said.shape, np.nan), where=met > 0)
        joint = self._log_joint(prior, confusion)
        evidence = logsumexp(joint, axis=1)
        updated = np.exp(joint - evidence[:, None])
        return _Step(prior, met, confusion, updated, float(evidence.sum()))

    def _log_joint(self, prior: Floats, confusion: Floats) -> Floats:
        """(I, K) log of prior_k times the probability of all that was said of an item, given k."""
        with np.errstate(divide="ignore"):
            log_prior, log_said = np.log(prior), np.log(confusion)
        # A truth that a rater never met has weight 0 wherever that rater spoke.
        log_said = np.nan_to_num(log_said, nan=-np.inf, neginf=-np.inf)
        spoken = log_said[self.rater, :, self.label]
        sums = [sum_by(self.item, spoken[:, k], len(self.items)) for k in range(len(self.names))]
        return np.asarray(log_prior + np.stack(sums, axis=1))
