"""How many votes a question needs, and when one may stop asking.

Look at the votes as often as you like and a false claim becomes likely: at p < .05 after every
vote, 52 % of boards without any difference declare one. A schedule of looks (O'Brien and Fleming
1979) or an e-process, fixed before the first vote, keeps the error where it was promised.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln

from annotation.domain.arrays import Floats
from annotation.domain.bradley_terry import POINTS_PER_LOGIT
from annotation.domain.distributions import normal_pdf, t_quantile, t_tail
from annotation.domain.proportions import normal_quantile, two_sided_z
from annotation.domain.uncertainty import Covariance

GRID = 801


def votes_for_half_width(p: float, half_width: float, alpha: float = 0.05) -> int:
    """Smallest n with z sqrt(p (1 - p) / n) <= half_width; raises ValueError out of range."""
    if not 0.0 <= p <= 1.0 or not half_width > 0.0:
        raise ValueError(
            f"p = {p!r} and half width {half_width!r} make no question; "
            "give a share in [0, 1] and a half width above 0."
        )
    z = two_sided_z(alpha)
    return _at_least(p * (1.0 - p) * (z / half_width) ** 2)


def votes_for_power(p: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Votes to tell a win rate p from one half: two-sided, variances under both hypotheses.

    n = ceil(((z_{1 - a/2} / 2 + z_power sqrt(p q)) / (p - 1/2))^2). Raises ValueError for p = 1/2.
    """
    if not 0.0 < p < 1.0 or p == 0.5:
        raise ValueError(f"p is {p!r}; give a win rate within (0, 1) that differs from 0.5.")
    if not 0.0 < power < 1.0:
        raise ValueError(f"The power is {power!r}; give a probability such as 0.8.")
    root = two_sided_z(alpha) * 0.5 + normal_quantile(power) * math.sqrt(p * (1.0 - p))
    return _at_least((root / (p - 0.5)) ** 2)


def probability_of_gap(points: float) -> float:
    """The win rate that a gap in points promises: 1 / (1 + 10^(-gap / 400))."""
    return 1.0 / (1.0 + 10.0 ** (-points / 400.0))


def votes_for_gap(points: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Independent votes to see a gap in points between two models; raises ValueError for 0."""
    return votes_for_power(probability_of_gap(points), power=power, alpha=alpha)


def _at_least(n: float) -> int:
    # A vote more because of the last binary digit of an exact number would be silly.
    return max(1, math.ceil(n - 1e-9))


def design_effect(clustered: Covariance, independent: Covariance) -> float:
    """How many votes stand for one independent vote: mean ratio of variances over models."""
    ratio = np.trace(clustered.matrix) / np.trace(independent.matrix)
    return float(ratio)


@dataclass(frozen=True)
class Separation:
    """Whether two models are apart at the level asked, and what is missing if not.

    gap, se: in points. more_votes: None where they are apart, or where the gap is 0.
    """

    gap: float
    se: float
    separated: bool
    p_value: float
    more_votes: int | None


def separation(
    strengths: dict[str, float],
    covariance: Covariance,
    first: str,
    second: str,
    votes: float,
    *,
    level: float = 0.95,
    power: float = 0.8,
) -> Separation:
    """Two-sided t-test of a gap, and about how many more votes like the `votes` cast would settle
    it.

    The forecast keeps the present mix of people, prompts and pairs, takes the gap for the truth and
    lets the standard error fall with the root of the number of votes; from the same few people it
    falls more slowly.
    """
    gap, se = strengths[first] - strengths[second], covariance.contrast_se(first, second)
    points = POINTS_PER_LOGIT
    if se == 0.0:
        return Separation(gap * points, 0.0, gap != 0.0, float(gap == 0.0), None)
    statistic = abs(gap) / se
    p_value = 2.0 * t_tail(statistic, min(covariance.degrees, 1e9))
    separated = p_value < 1.0 - level
    more = None
    if not separated and gap != 0.0:
        reach = t_quantile(0.5 + level / 2.0, min(covariance.degrees, 1e9))
        needed = votes * ((reach + normal_quantile(power)) / statistic) ** 2
        more = max(1, math.ceil(needed - votes))
    return Separation(gap * points, se * points, separated, p_value, more)


def look_boundaries(looks: int, alpha: float = 0.05) -> Floats:
    """(looks,) |z| to pass at each of equally spaced looks (O'Brien and Fleming): c sqrt(K / k).

    c makes the two-sided error over all looks `alpha`; it is found by following the density of the
    running sum from look to look (Armitage, McPherson and Rowe 1969).
    Raises ValueError for fewer than 1 or more than 20 looks.
    """
    if not 1 <= looks <= 20:
        raise ValueError(f"{looks} looks cannot be planned; choose 1 to 20.")
    from scipy import optimize  # heavy, and rarely asked for

    single = two_sided_z(alpha)

    def excess(constant: float) -> float:
        return _crossing_probability(constant, looks) - alpha

    constant = single if looks == 1 else optimize.brentq(excess, single, 2.0 * single, xtol=1e-6)
    return float(constant) * np.sqrt(looks / np.arange(1, looks + 1))


def _crossing_probability(constant: float, looks: int) -> float:
    """P(some look crosses) without any difference; the sum's boundary is flat for this design."""
    edge = constant * math.sqrt(looks)
    grid = np.linspace(-edge, edge, GRID)
    weights = np.full(GRID, grid[1] - grid[0])
    # Simpson's rule: the grid has an even number of steps.
    weights *= np.where(np.arange(GRID) % 2 == 1, 4.0, 2.0) / 3.0
    weights[[0, -1]] /= 2.0
    density = normal_pdf(grid)
    step = normal_pdf(grid[:, None] - grid[None, :])
    for _ in range(looks - 1):
        density = step @ (density * weights)
    return float(1.0 - density @ weights)


def e_value(wins: int, losses: int, concentration: float = 1.0) -> float:
    """Evidence against an even match, valid at any time: a Beta(c, c) mixture over win rates.

    E = B(w + c, l + c) / B(c, c) * 2^(w + l). Without a difference, the probability that E ever
    reaches 1 / alpha is at most alpha (Ville 1939), however often one looks. Ties are left out.
    Raises ValueError for negative counts or a concentration of 0 or less.
    """
    if min(wins, losses) < 0 or not concentration > 0.0:
        raise ValueError(
            f"{wins} wins, {losses} losses, concentration {concentration!r}: "
            "counts start at 0 and the concentration is above 0."
        )
    log_e = (
        betaln(wins + concentration, losses + concentration)
        - betaln(concentration, concentration)
        + (wins + losses) * math.log(2.0)
    )
    return math.exp(min(float(log_e), 700.0))


@dataclass(frozen=True)
class VotePlan:
    """votes: to collect. independent: before the design effect. per_annotator: given the people."""

    independent: int
    design_effect: float
    votes: int
    per_annotator: int


def plan_votes(independent: int, effect: float, annotators: int) -> VotePlan:
    """Multiply by the design effect and share among people; raises ValueError for no people."""
    if annotators < 1 or not effect > 0.0:
        raise ValueError("Plan with at least one annotator and a design effect above 0.")
    votes = _at_least(independent * max(1.0, effect))
    return VotePlan(independent, effect, votes, _at_least(votes / annotators))


def cluster_design_effect(votes_per_annotator: float, correlation: float) -> float:
    """Kish (1965): 1 + (m - 1) rho for m votes per annotator that correlate with rho."""
    if not 0.0 <= correlation <= 1.0 or votes_per_annotator < 1.0:
        raise ValueError("Give a correlation in [0, 1] and at least one vote per annotator.")
    return 1.0 + (votes_per_annotator - 1.0) * correlation
