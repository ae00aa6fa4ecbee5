"""How far strengths can be trusted where ties have a probability of their own (see tie_models).

The sandwich of `uncertainty`, with the derivatives of Davidson's and of Rao and Kupper's model; the
tie parameter is estimated beside the strengths, so its uncertainty is in theirs.
"""

import math

import numpy as np
from scipy.sparse import coo_array
from scipy.special import expit

from annotation.domain.arrays import Floats, Ints
from annotation.domain.battles import Battles
from annotation.domain.bradley_terry import BradleyTerryFit
from annotation.domain.outcomes import LEFT, RIGHT
from annotation.domain.tie_models import Tallies, TieFit, TieModel, derivatives
from annotation.domain.uncertainty import Covariance


def tie_covariance(fit: TieFit, battles: Battles, clusters: tuple[Ints, ...] = ()) -> Covariance:
    """Covariance of strengths: HC0 without clusters, CR1 with one, two-way with two.

    clusters: up to two (n,) codes, as in uncertainty.clustered and two_way_clustered.
    Raises ValueError for a cluster column with fewer than two groups.
    """
    size = len(fit.models)
    information = _information(fit, battles)
    centre = np.zeros_like(information)
    centre[:size, :size] = 1.0 / size
    bread = np.linalg.inv(information + centre)
    left, right, slope, extra = _scores(fit, battles)
    every = np.arange(len(battles))
    if not clusters:
        meat, _groups = _meat(left, right, slope, extra, every, size)
        return _covariance(fit, bread @ meat @ bread, math.inf, "sandwich", None)
    parts, counts = [], []
    for codes in clusters:
        part, groups = _meat(left, right, slope, extra, codes, size)
        if groups < 2:
            raise ValueError("A clustered interval needs at least 2 clusters. Ask more people.")
        parts.append(part * groups / (groups - 1))
        counts.append(groups)
    meat = sum(parts[1:], parts[0])
    if len(clusters) == 2:
        both = clusters[0] * (int(clusters[1].max(initial=0)) + 1) + clusters[1]
        part, groups = _meat(left, right, slope, extra, both, size)
        meat = meat - part * groups / max(1, groups - 1)
    matrix = bread @ meat @ bread
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    matrix = (vectors * np.maximum(values, 0.0)) @ vectors.T
    named = ("annotators", "prompts") if len(clusters) == 2 else ("clusters",)
    kind = "clustered by annotator and prompt" if len(clusters) == 2 else "clustered"
    found = dict(zip(named, counts, strict=True))
    return _covariance(fit, matrix, float(min(counts) - 1), kind, found)


def as_ratings(fit: TieFit, votes: float) -> BradleyTerryFit:
    """The same strengths where a function asks for Bradley-Terry's; it carries no information."""
    empty = np.zeros((len(fit.models), len(fit.models)))
    return BradleyTerryFit(fit.models, fit.strengths, None, fit.log_likelihood, empty, votes)


def _covariance(
    fit: TieFit, matrix: Floats, degrees: float, kind: str, clusters: dict[str, int] | None
) -> Covariance:
    size = len(fit.models)
    centre = np.eye(size) - 1.0 / size
    return Covariance(
        fit.models, centre @ matrix[:size, :size] @ centre, degrees, kind, None, clusters
    )


def _information(fit: TieFit, battles: Battles) -> Floats:
    """(M + 1, M + 1); without any tie the tie parameter is known and gets a curvature of its own,
    so that the inverse exists and nothing else changes."""
    size = len(fit.models)
    tied = fit.tie_parameter > (0.0 if fit.tie_model is TieModel.DAVIDSON else 1.0)
    start = math.log(fit.tie_parameter) if tied else -60.0
    if not tied and fit.tie_model is TieModel.RAO_KUPPER:
        start = 1e-9
    theta = np.append(fit.strengths, start)
    information = derivatives(theta, Tallies.from_battles(battles), fit.tie_model)[2]
    if not tied:
        information[size, :] = information[:, size] = 0.0
        information[size, size] = 1.0
    return information


def _scores(fit: TieFit, battles: Battles) -> tuple[Ints, Ints, Floats, Floats]:
    """Per vote: its two models, d log P / d gap, and d log P / d (log of the tie parameter)."""
    left, right = battles.left, battles.right
    gap = fit.strengths[left] - fit.strengths[right]
    won, lost = battles.outcome == LEFT, battles.outcome == RIGHT
    tied = ~(won | lost)
    if fit.tie_model is TieModel.DAVIDSON:
        nu = fit.tie_parameter
        parts = np.stack([np.exp(gap / 2), np.exp(-gap / 2), np.full(len(gap), nu)])
        win, loss, tie = parts / parts.sum(axis=0)
        slope = 0.5 * (won.astype(np.float64) - lost - (win - loss))
        extra = tied.astype(np.float64) - tie if nu > 0.0 else np.zeros(len(gap))
    else:
        margin = math.log(fit.tie_parameter)
        ahead, behind = 1.0 - expit(gap - margin), 1.0 - expit(-gap - margin)
        slope = np.where(won, ahead, np.where(lost, -behind, ahead - behind))
        extra = np.where(won, -ahead, np.where(lost, -behind, -ahead - behind))
        if margin > 0.0:
            extra = extra + tied * (2.0 / -math.expm1(-2.0 * margin))
        else:
            extra = np.zeros(len(gap))
    if battles.weight is not None:
        slope, extra = slope * battles.weight, extra * battles.weight
    return left, right, slope, extra


def _meat(
    left: Ints, right: Ints, slope: Floats, extra: Floats, codes: Ints, size: int
) -> tuple[Floats, int]:
    distinct, rows = np.unique(codes, return_inverse=True)
    scores = coo_array(
        (
            np.concatenate([slope, -slope, extra]),
            (np.tile(rows, 3), np.concatenate([left, right, np.full(len(left), size)])),
        ),
        shape=(len(distinct), size + 1),
    ).tocsr()
    return (scores.T @ scores).toarray(), len(distinct)
