"""The course of Elo over the votes, to look at: it depends on their order and decides nothing."""

from typing import Any

import numpy as np

from annotation.boards.figures.ratings import Rated
from annotation.domain.elo import ORDER_DEPENDENT, EloRatings

POINTS = 120
MOST_LINES = 8


def history(rated: Rated) -> dict[str, Any]:
    """Elo at up to 120 moments for the leading models, and the end state of all.

    `state` goes on with the next vote at a constant cost (EloRatings.record).
    """
    votes = rated.counted.votes
    order = np.lexsort((np.abs(votes["vote"]), votes["at"]))
    elo = EloRatings(k=rated.definition.elo_k)
    course = elo.replay(rated.battles.keep(order), points=POINTS)
    ends = sorted(elo.ratings, key=lambda name: (-elo.ratings[name], name))
    lines = ends[:MOST_LINES]
    return {
        "caution": ORDER_DEPENDENT,
        "k": elo.k,
        "votes": list(course.votes),
        "lines": [
            {"model": name, "ratings": [round(r, 3) for r in course.course(name)]} for name in lines
        ],
        "ends": [{"model": name, "elo": elo.ratings[name]} for name in ends],
        "state": {"ratings": elo.ratings, "votes": elo.votes},
    }
