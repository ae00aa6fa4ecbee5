"""Logistic regression for shares between 0 and 1, by Newton's method."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.sparse import csr_array, vstack
from scipy.special import expit, log_expit

from annotation.domain.arrays import Floats
from annotation.domain.rankability import is_separated

MAX_ITERATIONS = 100
TOLERANCE = 1e-11
# Coefficients beyond this many logits mean that there is no finite maximum.
RUNAWAY = 50.0


Design: TypeAlias = Floats | csr_array


class NoFiniteEstimate(ValueError):
    """The outcomes are told apart perfectly, or columns repeat one another."""


@dataclass(frozen=True)
class LogisticFit:
    """coefficients: (P,), in logits per unit of each column.

    information: (P, P) negative second derivative of the log-likelihood, ridge included.
    """

    coefficients: Floats
    log_likelihood: float
    information: Floats

    def standard_errors(self) -> Floats:
        """(P,) from the information; only for independent outcomes."""
        return np.sqrt(np.diag(np.linalg.inv(self.information)))


def fit_logistic(
    design: Design,
    outcome: Floats,
    *,
    weight: Floats | None = None,
    ridge: float = 0.0,
    proven: bool = True,
) -> LogisticFit:
    """Maximise sum w [y log p + (1 - y) log(1 - p)] - ridge / 2 * |c|^2, p = sigma(design @ c).

    design: (n, P), dense or sparse. outcome: (n,) in [0, 1]. weight: (n,) at least 0.
    proven: whether a maximum exists is settled by a linear programme beforehand; without it, by
    coefficients that run away, which is enough for one of many resamples and far cheaper.
    Raises NoFiniteEstimate where no finite maximum exists, and ValueError for other outcomes.
    """
    if not bool(((outcome >= 0.0) & (outcome <= 1.0)).all()):
        raise ValueError("An outcome lies outside [0, 1]; give 1 for a win, 0 for a loss.")
    mass = np.ones(len(outcome)) if weight is None else weight
    if not ridge and proven:
        _require_finite(design, outcome, mass)
    coefficients = np.zeros(design.shape[1])
    value, gradient, information = _derivatives(coefficients, design, outcome, mass, ridge)
    for _ in range(MAX_ITERATIONS):
        if not proven and float(np.abs(coefficients).max()) > RUNAWAY:
            raise NoFiniteEstimate("The coefficients run away: nothing finite fits best.")
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            raise NoFiniteEstimate("Two columns say the same. Leave a column out.") from None
        scale = 1.0
        while True:
            trial = coefficients + scale * step
            found = _derivatives(trial, design, outcome, mass, ridge)
            if found[0] >= value - 1e-12 * abs(value) or scale < 1e-6:
                break
            scale /= 2.0
        coefficients, (value, gradient, information) = trial, found
        if scale * float(np.abs(step).max()) < TOLERANCE:
            break
    return LogisticFit(coefficients, value, information)


def _require_finite(design: Design, outcome: Floats, mass: Floats) -> None:
    counted = mass > 0.0
    if np.linalg.matrix_rank(_gram(design, counted.astype(np.float64))) < design.shape[1]:
        raise NoFiniteEstimate(
            "Two columns say the same, or there are fewer rows than columns. "
            "Leave a column out or collect more votes."
        )
    rows = csr_array(design)
    won, lost = counted & (outcome > 0.0), counted & (outcome < 1.0)
    if is_separated(vstack([rows[won], -rows[lost]])):
        raise NoFiniteEstimate(
            "The columns tell wins from losses without exception, so that no finite coefficient "
            "fits best. Collect more votes, or use a labelled ridge."
        )


def _derivatives(
    coefficients: Floats, design: Design, outcome: Floats, mass: Floats, ridge: float
) -> tuple[float, Floats, Floats]:
    logits = design @ coefficients
    chance = expit(logits)
    value = float(mass @ (outcome * log_expit(logits) + (1.0 - outcome) * log_expit(-logits)))
    gradient = design.T @ (mass * (outcome - chance)) - ridge * coefficients
    curvature = mass * chance * (1.0 - chance)
    information = _gram(design, curvature) + ridge * np.eye(design.shape[1])
    return value - 0.5 * ridge * float(coefficients @ coefficients), gradient, information


def _gram(design: Design, mass: Floats) -> Floats:
    """(P, P) sum of mass * x x^T over rows."""
    if isinstance(design, csr_array):
        product: Floats = (design.multiply(mass[:, None]).T @ design).toarray()
        return product
    return (design * mass[:, None]).T @ design
