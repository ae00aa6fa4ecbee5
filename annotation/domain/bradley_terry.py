"""Bradley-Terry strengths by maximum likelihood (Bradley and Terry 1952).

    logit P(a beats b) = strength_a - strength_b (+ position effect, if a is shown first)

A tie is half a win for each side; `tie_models` has the models that give ties a probability of their
own. Strengths are natural logits with mean 0; the board's scale is 1000 + (400 / ln 10) * strength.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit, log_expit

from annotation.domain.arrays import Floats, Ints, sum_by
from annotation.domain.battles import Cells
from annotation.domain.rankability import is_separated, strong_components

POINTS_PER_LOGIT = 400.0 / math.log(10.0)
CENTRE = 1000.0
MAX_ITERATIONS = 100
# Newton's last step is below this many logits: far finer than any board shows.
TOLERANCE = 1e-11


def win_probability(first: float, second: float) -> float:
    """sigma(first - second): how probably an answer with one reward beats the other."""
    return float(expit(first - second))


def pair_loss(chosen: float, rejected: float) -> float:
    """-ln sigma(chosen - rejected), in nats; finite and accurate for rewards of any size."""
    return float(-log_expit(chosen - rejected))


@dataclass(frozen=True)
class Anchor:
    """A model whose rating is fixed by agreement; the whole scale is shifted to meet it."""

    model: str
    rating: float


@dataclass(frozen=True)
class NoVotes:
    """Nothing to rate: an empty state, not an error."""

    models: tuple[str, ...] = ()
    reason: str = "No vote compares two models yet. Open a campaign of comparisons or import votes."


@dataclass(frozen=True)
class BradleyTerryFit:
    """Strengths that explain the votes best.

    strengths: (M,) logits, mean 0. position_effect: logits for being shown first, or None where it
    was not asked for. information: (P, P) negative second derivative of the log-likelihood
    (prior included, if any) at the maximum, P = M, or M + 1 with the position effect last.
    prior_sd: standard deviation in logits of the labelled ridge, None for plain maximum likelihood.
    """

    models: tuple[str, ...]
    strengths: Floats
    position_effect: float | None
    log_likelihood: float
    information: Floats
    votes: float
    prior_sd: float | None = None

    def ratings(self, anchor: Anchor | None = None) -> dict[str, float]:
        """Ratings on the scale of 400 points for odds of 10 to 1, around 1000 or the anchor."""
        points = CENTRE + POINTS_PER_LOGIT * self.strengths + self.shift(anchor)
        return dict(zip(self.models, points.tolist(), strict=True))

    def shift(self, anchor: Anchor | None) -> float:
        """How many points the anchor moves the whole board."""
        if anchor is None:
            return 0.0
        if anchor.model not in self.models:
            raise ValueError(
                f"The anchor {anchor.model!r} is not on this board. "
                f"Choose one of {', '.join(self.models)}."
            )
        own = CENTRE + POINTS_PER_LOGIT * float(self.strengths[self.models.index(anchor.model)])
        return anchor.rating - own

    def probability(self, first: str, second: str) -> float:
        """P(first beats second) when neither has the advantage of its place."""
        at = self.models.index
        return win_probability(self.strengths[at(first)], self.strengths[at(second)])


@dataclass(frozen=True)
class Component:
    """Models that can be rated against each other, though not against the rest of the board.

    fit: None for a single model. unbeaten: nobody outside ever scored against them.
    """

    models: tuple[str, ...]
    fit: BradleyTerryFit | None
    standing: str
    unbeaten: bool


@dataclass(frozen=True)
class NotRankable:
    """Votes that determine no finite rating, with what can be said all the same."""

    models: tuple[str, ...]
    components: tuple[Component, ...]
    reason: str


Rating = BradleyTerryFit | NotRankable | NoVotes


def leader(rating: Rating) -> str | None:
    """Who stands first: also without ratings, where one group alone was never scored against."""
    if isinstance(rating, NotRankable):
        unbeaten = [component for component in rating.components if component.unbeaten]
        if len(unbeaten) != 1:
            return None
        only = unbeaten[0]
        return leader(only.fit) if only.fit is not None else _single(only.models)
    if isinstance(rating, NoVotes):
        return None
    return rating.models[int(np.argmax(rating.strengths))]


def _single(models: tuple[str, ...]) -> str | None:
    return models[0] if len(models) == 1 else None


@dataclass(frozen=True)
class PairTotals:
    """Points and votes of each pair: (P,) first, second < M; points of the first; votes."""

    first: Ints
    second: Ints
    points: Floats
    votes: Floats


def pair_totals(cells: Cells, *, ordered: bool) -> PairTotals:
    """Sum cells over pairs: as shown if `ordered`, else with the lower position first."""
    size = len(cells.models)
    mass = cells.count * cells.weight
    first, second, score = cells.left, cells.right, cells.score
    if not ordered:
        turned = first > second
        first, second = np.where(turned, second, first), np.where(turned, first, second)
        score = np.where(turned, 1.0 - score, score)
    key = first * size + second
    votes = sum_by(key, mass, size * size)
    points = sum_by(key, mass * score, size * size)
    filled = np.flatnonzero(votes)
    return PairTotals(filled // size, filled % size, points[filled], votes[filled])


def fit_bradley_terry(
    cells: Cells, *, position_effect: bool = False, prior_sd: float | None = None
) -> Rating:
    """Rate the models of `cells`; ties count half for each side.

    Returns NoVotes for no votes, and NotRankable, with the components that can be rated on their
    own, where no finite maximum exists. With `prior_sd` (logits, a normal prior on every strength)
    a maximum always exists; the result carries the prior so that a page can label it.
    Raises ValueError for a prior that is not above 0.
    """
    if prior_sd is not None and not 0.0 < prior_sd < math.inf:
        raise ValueError(f"The prior's standard deviation is {prior_sd!r}; give logits above 0.")
    totals = pair_totals(cells, ordered=position_effect)
    if not len(totals.votes):
        return NoVotes(cells.models)
    if prior_sd is None:
        obstacle = _obstacle(cells, totals, position_effect)
        if obstacle is not None:
            return obstacle
    return _maximise(cells, totals, position_effect, prior_sd)


def inverse_pairing_weights(cells: Cells, *, floor: float = 50.0) -> Cells:
    """Weigh each vote by 1 / max(votes of its pair, floor): every pair then counts alike.

    Corrects uneven or active pairing when the target is strength against a uniform opponent
    (arXiv:2403.04132 eq. 7; the floor keeps a pair with three votes from ruling the board).
    Use a sandwich or clustered interval afterwards: the Fisher information is no longer right.
    """
    size = len(cells.models)
    low, high = np.minimum(cells.left, cells.right), np.maximum(cells.left, cells.right)
    votes = sum_by(low * size + high, cells.count, size * size)[low * size + high]
    weight = cells.weight / np.maximum(votes, floor)
    mass = float((weight * cells.count).sum())
    scale = cells.votes() / mass if mass else 1.0
    return Cells(cells.models, cells.left, cells.right, cells.score, cells.count, weight * scale)


def inverse_probability_weights(probability: Floats) -> Floats:
    """(n,) weights 1 / P(pair) for votes whose pair was drawn with a stored probability, mean 1.

    Raises ValueError for a probability outside (0, 1]: such a pair could not have been drawn.
    """
    if not bool(((probability > 0.0) & (probability <= 1.0)).all()):
        raise ValueError("A pair's probability is outside (0, 1]; store it when the pair is drawn.")
    weight: Floats = 1.0 / probability
    return weight / weight.mean() if len(weight) else weight


def _obstacle(cells: Cells, totals: PairTotals, position_effect: bool) -> NotRankable | None:
    lost = totals.votes - totals.points
    winners = np.concatenate([totals.first[totals.points > 0], totals.second[lost > 0]])
    losers = np.concatenate([totals.second[totals.points > 0], totals.first[lost > 0]])
    groups = strong_components(len(cells.models), winners, losers)
    if len(groups) > 1:
        return _by_component(cells, groups, winners, losers, position_effect)
    if position_effect and _position_is_lost(len(cells.models), totals):
        return NotRankable(
            cells.models,
            (Component(cells.models, None, "rated together once both orders were shown", True),),
            "The advantage of being shown first cannot be told apart from the models. "
            "Show each pair in both orders, or rate without a position effect.",
        )
    return None


def _position_is_lost(size: int, totals: PairTotals) -> bool:
    """Whether the position effect is unbounded, or a mixture of strengths could replace it."""
    rows = np.arange(len(totals.votes))
    ones = np.ones(len(rows))
    design = csr_array(
        (
            np.concatenate([ones, -ones, ones]),
            (np.tile(rows, 3), np.concatenate([totals.first, totals.second, rows * 0 + size])),
        ),
        shape=(len(rows), size + 1),
    )
    gram = (design.T @ design).toarray()
    gram[:size, :size] += 1.0 / size
    if np.linalg.eigvalsh(gram)[0] < 1e-9 * np.trace(gram):
        return True
    won, lost = totals.points > 0, totals.points < totals.votes
    observed = csr_array(np.vstack([design.toarray()[won], -design.toarray()[lost]]))
    return is_separated(observed)


def _by_component(
    cells: Cells, groups: list[list[int]], winners: Ints, losers: Ints, position_effect: bool
) -> NotRankable:
    group_of = np.empty(len(cells.models), dtype=np.int64)
    for number, group in enumerate(groups):
        group_of[group] = number
    across = group_of[winners] != group_of[losers]
    above, below = set(group_of[winners[across]].tolist()), set(group_of[losers[across]].tolist())
    components = []
    for number, group in enumerate(groups):
        inner = cells.among(group)
        rated = (
            fit_bradley_terry(inner, position_effect=position_effect) if len(group) > 1 else None
        )
        components.append(
            Component(
                inner.models,
                rated if isinstance(rated, BradleyTerryFit) else None,
                _standing(number in above, number in below),
                number not in below,
            )
        )
    first = ", ".join(components[0].models)
    return NotRankable(
        cells.models,
        tuple(components),
        f"The votes split into {len(groups)} groups that cannot be placed on one scale: "
        f"{first} {components[0].standing}. Collect votes between the groups, in which each side "
        "scores at least once, or show a rating with a labelled prior.",
    )


def _standing(scored: bool, conceded: bool) -> str:
    if scored and conceded:
        return "beat those below and lost to those above, without exception"
    if scored:
        return "never lost to the rest, so no number is high enough"
    if conceded:
        return "never scored against the rest, so no number is low enough"
    return "never met the rest"


def _maximise(
    cells: Cells, totals: PairTotals, position_effect: bool, prior_sd: float | None
) -> BradleyTerryFit:
    """Newton's method; the likelihood is concave, so halving a step that overshoots is enough."""
    size = len(cells.models)
    precision = 0.0 if prior_sd is None else prior_sd**-2
    theta = np.zeros(size + position_effect)
    objective, gradient, information = _derivatives(theta, totals, size, precision)
    # Strengths are known up to a constant; this rank-one term fixes their mean at 0.
    centre = np.zeros((len(theta), len(theta)))
    centre[:size, :size] = max(1.0, float(totals.votes.sum())) / size**2
    for _ in range(MAX_ITERATIONS):
        step = np.linalg.solve(information + centre, gradient)
        scale = 1.0
        while True:
            trial = theta + scale * step
            found = _derivatives(trial, totals, size, precision)
            if found[0] >= objective - 1e-12 * abs(objective) or scale < 1e-6:
                break
            scale /= 2.0
        theta, (objective, gradient, information) = trial, found
        if scale * float(np.abs(step).max()) < TOLERANCE:
            break
    strengths = theta[:size] - theta[:size].mean()
    return BradleyTerryFit(
        models=cells.models,
        strengths=strengths,
        position_effect=float(theta[size]) if position_effect else None,
        log_likelihood=_log_likelihood(theta, totals, size),
        information=information,
        votes=cells.votes(),
        prior_sd=prior_sd,
    )


def _logits(theta: Floats, totals: PairTotals, size: int) -> Floats:
    first_shown = theta[size] if len(theta) > size else 0.0
    return theta[totals.first] - theta[totals.second] + first_shown


def _log_likelihood(theta: Floats, totals: PairTotals, size: int) -> float:
    logits = _logits(theta, totals, size)
    lost = totals.votes - totals.points
    return float(totals.points @ log_expit(logits) + lost @ log_expit(-logits))


def _derivatives(
    theta: Floats, totals: PairTotals, size: int, precision: float
) -> tuple[float, Floats, Floats]:
    """Log-likelihood less the prior's penalty, its gradient, its negative second derivative."""
    logits = _logits(theta, totals, size)
    chance = expit(logits)
    residual = totals.points - totals.votes * chance
    gradient = np.zeros(len(theta))
    gradient[:size] = sum_by(totals.first, residual, size)
    gradient[:size] -= sum_by(totals.second, residual, size)
    information = np.zeros((len(theta), len(theta)))
    curvature = totals.votes * chance * (1.0 - chance)
    information[:size, :size] = laplacian(totals.first, totals.second, curvature, size)
    if len(theta) > size:
        gradient[size] = residual.sum()
        slope = sum_by(totals.first, curvature, size)
        slope -= sum_by(totals.second, curvature, size)
        information[size, :size] = information[:size, size] = slope
        information[size, size] = curvature.sum()
    strengths = theta[:size]
    gradient[:size] -= precision * strengths
    information[np.arange(size), np.arange(size)] += precision
    # One logarithm a pair instead of two; the figure that is shown is computed the careful way.
    objective = float(totals.points @ logits - totals.votes @ np.logaddexp(0.0, logits))
    return objective - 0.5 * precision * float(strengths @ strengths), gradient, information


def laplacian(first: Ints, second: Ints, mass: Floats, size: int) -> Floats:
    """(size, size) sum of mass * (e_first - e_second)(e_first - e_second)^T."""
    pairs = sum_by(first * size + second, mass, size * size).reshape(size, size)
    links = pairs + pairs.T
    return np.diag(links.sum(axis=1)) - links


def strengths_by_name(fit: BradleyTerryFit, names: Sequence[str] | None = None) -> dict[str, float]:
    """Strengths in logits by model, in the order of `names`."""
    found = dict(zip(fit.models, fit.strengths.tolist(), strict=True))
    return {name: found[name] for name in (names or fit.models)}
