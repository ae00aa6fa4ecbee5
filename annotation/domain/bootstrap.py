"""Bootstrap of Bradley-Terry ratings, from counts.

Resampling n votes is drawing new counts for the distinct statements from a multinomial; no vote is
ever copied. All resamples are then refitted together, starting from the estimate at hand.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from annotation.domain.arrays import Floats, Ints
from annotation.domain.battles import Battles, Cells
from annotation.domain.bradley_terry import (
    CENTRE,
    POINTS_PER_LOGIT,
    Anchor,
    BradleyTerryFit,
    NotRankable,
    NoVotes,
    fit_bradley_terry,
    pair_totals,
)

MAX_ITERATIONS = 60
TOLERANCE = 1e-9
# Strengths beyond this many logits mean that a resample has no finite estimate.
RUNAWAY = 25.0


@dataclass(frozen=True)
class BootstrapRatings:
    """strengths: (R, M) logits, each row with mean 0; rows without a finite estimate are left out.

    not_rankable: how many resamples had none. If they are many, the interval is too narrow and the
    page must say so.
    """

    models: tuple[str, ...]
    strengths: Floats
    not_rankable: int

    def standard_errors(self) -> Floats:
        """(M,) standard deviation over resamples, in logits."""
        errors: Floats = self.strengths.std(axis=0, ddof=1)
        return errors

    def interval(self, level: float = 0.95, shift: float = 0.0) -> tuple[Floats, Floats]:
        """(M,) lower and upper percentile, in points."""
        tail = (1.0 - level) / 2.0
        low, high = np.quantile(self.strengths, [tail, 1.0 - tail], axis=0)
        return CENTRE + shift + POINTS_PER_LOGIT * low, CENTRE + shift + POINTS_PER_LOGIT * high

    def anchored_interval(
        self, fit: BradleyTerryFit, anchor: Anchor, level: float = 0.95
    ) -> tuple[Floats, Floats]:
        """The same on an anchored scale; the anchor moves the scale, not the widths."""
        return self.interval(level, fit.shift(anchor))


def bootstrap_ratings(
    cells: Cells, *, rounds: int = 100, seed: int = 0
) -> BootstrapRatings | NotRankable | NoVotes:
    """Draw votes as if each were independent of the others.

    That understates the truth wherever a person votes often: see `cluster_bootstrap_ratings`.
    """
    fit = _require_plain(cells)
    if not isinstance(fit, BradleyTerryFit):
        return fit
    merged = both_orders_together(cells)
    drawn = multinomial_counts(merged.count, rounds, np.random.default_rng(seed))
    return _refit(fit, merged, drawn.astype(np.float64))


def cluster_bootstrap_ratings(
    battles: Battles, cluster: Ints, *, rounds: int = 100, seed: int = 0
) -> BootstrapRatings | NotRankable | NoVotes:
    """Draw whole clusters (annotators, prompts or ballots) with all their votes.

    cluster: (n,) codes. Raises ValueError for fewer than two clusters.
    """
    cells = battles.cells()
    fit = _require_plain(cells)
    if not isinstance(fit, BradleyTerryFit):
        return fit
    distinct, codes = np.unique(cluster, return_inverse=True)
    if len(distinct) < 2:
        raise ValueError("A cluster bootstrap needs at least 2 clusters. Ask more people.")
    size = len(battles.models)
    low, high = np.minimum(battles.left, battles.right), np.maximum(battles.left, battles.right)
    score = np.where(battles.left <= battles.right, battles.score(), 1.0 - battles.score())
    key = (low * size + high) * 3 + np.round(2 * score).astype(np.int64)
    kinds, column = np.unique(key, return_inverse=True)
    votes = csr_array((battles.weights(), (codes, column)), shape=(len(distinct), len(kinds)))
    random = np.random.default_rng(seed)
    groups = len(distinct)
    drawn = random.multinomial(groups, np.full(groups, 1.0 / groups), size=rounds)
    pair, double = np.divmod(kinds, 3)
    merged = Cells(
        battles.models,
        pair // size,
        pair % size,
        double / 2.0,
        np.asarray(votes.sum(axis=0)).ravel(),
        np.ones(len(kinds)),
    )
    return _refit(fit, merged, (votes.T @ drawn.T.astype(np.float64)).T)


def multinomial_counts(count: Floats, rounds: int, random: np.random.Generator) -> Ints:
    """(rounds, C) counts of as many votes as `count` holds, drawn in its proportions.

    Poisson counts with a given sum are multinomial. So each row is drawn as Poisson counts that
    fall a little short, and the missing votes are added one by one: exact, and at half the cost of
    numpy's chain of binomials. A row that does not fall short is drawn the long way.
    """
    total = round(float(count.sum()))
    share = count / count.sum()
    # Two standard deviations short: one row in 44 overshoots.
    rows = random.poisson(share * max(0.0, total - 2.0 * total**0.5), (rounds, len(count)))
    missing = total - rows.sum(axis=1)
    for row in np.flatnonzero(missing < 0):
        rows[row] = random.multinomial(total, share)
        missing[row] = 0
    edges = np.cumsum(share)
    added = np.searchsorted(edges, random.random(int(missing.sum())) * edges[-1], side="right")
    np.add.at(rows, (np.repeat(np.arange(rounds), missing), added), 1)
    return rows


def _require_plain(cells: Cells) -> BradleyTerryFit | NotRankable | NoVotes:
    if len(cells.weight) and not bool((cells.weight == 1.0).all()):
        raise ValueError(
            "Weighted votes cannot be bootstrapped by counts. "
            "Use the clustered interval, which takes weights into account."
        )
    return fit_bradley_terry(cells)


def both_orders_together(cells: Cells) -> Cells:
    """Both orders of a pair together: half as many cells to draw."""
    size = len(cells.models)
    turned = cells.left > cells.right
    low, high = np.where(turned, cells.right, cells.left), np.where(turned, cells.left, cells.right)
    score = np.where(turned, 1.0 - cells.score, cells.score)
    levels, level = np.unique(score, return_inverse=True)
    key = (low * size + high) * len(levels) + level
    counts = np.bincount(key, cells.count, size * size * len(levels))
    filled = np.flatnonzero(counts)
    pair, level = np.divmod(filled, len(levels))
    return Cells(
        cells.models,
        pair // size,
        pair % size,
        levels[level],
        counts[filled].astype(np.float64),
        np.ones(len(filled)),
    )


def _refit(fit: BradleyTerryFit, merged: Cells, drawn: Floats) -> BootstrapRatings:
    """Maximise all resamples at once with the curvature of the full data as the step's metric.

    drawn: (R, C) counts. The metric is fixed, so each pass is two matrix products; resamples that
    it does not bring home in time get their own Newton iterations.
    """
    totals = pair_totals(merged, ordered=False)
    size, pairs, rounds = len(fit.models), len(totals.votes), len(drawn)
    key = merged.left * size + merged.right
    pair_keys, pair_of = np.unique(key, return_inverse=True)
    gather = csr_array((np.ones(len(key)), (pair_of, np.arange(len(key)))), shape=(pairs, len(key)))
    votes = gather @ drawn.T
    points = gather @ (drawn * merged.score).T
    first, second = pair_keys // size, pair_keys % size
    rows = np.tile(np.arange(pairs), 2)
    incidence = csr_array(
        (np.repeat([1.0, -1.0], pairs), (rows, np.concatenate([first, second]))),
        shape=(pairs, size),
    )
    outgoing = csr_array(incidence.T)
    metric = np.linalg.inv(fit.information + max(1.0, fit.votes) / size**2)
    strengths = np.repeat(fit.strengths[:, None], rounds, axis=1)
    open_rounds = np.arange(rounds)
    for _ in range(MAX_ITERATIONS):
        current = strengths[:, open_rounds]
        chance = expit(incidence @ current)
        residual = points[:, open_rounds] - votes[:, open_rounds] * chance
        step = metric @ (outgoing @ residual)
        strengths[:, open_rounds] = current + step
        open_rounds = open_rounds[np.abs(step).max(axis=0) > TOLERANCE]
        if not len(open_rounds):
            break
    kept = np.ones(rounds, dtype=bool)
    for late in open_rounds.tolist():
        redone = _one_by_one(fit.models, first, second, points[:, late], votes[:, late])
        kept[late] = redone is not None
        if redone is not None:
            strengths[:, late] = redone
    kept &= np.abs(strengths).max(axis=0) < RUNAWAY
    centred = (strengths - strengths.mean(axis=0))[:, kept].T
    return BootstrapRatings(fit.models, np.ascontiguousarray(centred), int(rounds - kept.sum()))


def _one_by_one(
    models: tuple[str, ...], first: Ints, second: Ints, points: Floats, votes: Floats
) -> Floats | None:
    """An exact fit of one resample, or None where it has no finite estimate."""
    met = votes > 0
    won, cast = points[met], votes[met]
    cells = Cells(
        models,
        np.tile(first[met], 2),
        np.tile(second[met], 2),
        np.repeat([1.0, 0.0], int(met.sum())),
        np.concatenate([won, cast - won]),
        np.ones(2 * int(met.sum())),
    )
    found = fit_bradley_terry(cells.keep(cells.count > 0))
    return found.strengths if isinstance(found, BradleyTerryFit) else None
