"""Who beats whom: counts of every two models, whether one number per model explains them."""

from typing import Any

from annotation.boards.figures.ratings import Rated
from annotation.domain.diagnostics import MOST_TRIAD_MODELS, cyclic_triads, goodness_of_fit
from annotation.domain.win_rates import TiePolicy, win_rate_matrix

UNLIKELY = 0.01  # below this the page warns that strengths alone do not explain the votes


def matrix(rated: Rated) -> dict[str, Any]:
    """wins[i][j]: how often i beat j; ties[i][j]. Rates and intervals follow from them."""
    found = win_rate_matrix(rated.battles, TiePolicy.HALF)
    result: dict[str, Any] = {
        "models": list(found.models),
        "wins": found.wins.tolist(),
        "ties": found.ties.tolist(),
        "fit": None,
        "triads": None,
        "intransitive": False,
    }
    if rated.fit is not None and rated.tie_fit is None:
        fit = goodness_of_fit(rated.fit, rated.battles.cells())
        result["fit"] = {"deviance": fit.deviance, "degrees": fit.degrees, "p_value": fit.p_value}
    if len(found.models) <= MOST_TRIAD_MODELS and len(rated.battles):
        triads = cyclic_triads(rated.battles)
        result["triads"] = {
            "cyclic": triads.cyclic,
            "complete": triads.complete,
            "chance": triads.chance,
            "examples": [list(example) for example in triads.examples],
        }
        unexplained = result["fit"] is not None and (result["fit"]["p_value"] or 1.0) < UNLIKELY
        result["intransitive"] = bool(triads.cyclic) and unexplained
    return result
