"""All figures of a board as one JSON object: pure, and the same digits for the same votes."""

import hashlib
import json
import math
from collections.abc import Callable
from typing import Any

from annotation.boards.definition import Definition
from annotation.boards.figures.agreement import agreement
from annotation.boards.figures.bias import bias
from annotation.boards.figures.counted import Counted, counted
from annotation.boards.figures.history import history
from annotation.boards.figures.judges import judges
from annotation.boards.figures.matrix import matrix
from annotation.boards.figures.ratings import Rated, ratings
from annotation.boards.figures.references import against_reference
from annotation.boards.figures.robustness import robustness
from annotation.boards.figures.slices import slices
from annotation.boards.figures.stopping import stopping
from annotation.boards.votes import SOURCES, Votes

# Grows when a figure changes its meaning or its digits; a snapshot names the one it was made with.
CODE_VERSION = 2


def counted_by_source(votes: Votes, definition: Definition) -> dict[int, Counted]:
    """The rows that count, by the code of each source that voted."""
    return {
        code: counted(votes, definition, code)
        for code in range(len(SOURCES))
        if (votes["source"] == code).any()
    }


def board_report(
    votes: Votes,
    definition: Definition,
    progress: Callable[[str], None] = lambda stage: None,
    parts: dict[int, Counted] | None = None,
) -> dict[str, Any]:
    """Figures of each source that voted, and of sources beside each other.

    `progress` is told what is being computed and may raise to end it. parts: what
    counted_by_source() gives, where it is there already.
    """
    parts = counted_by_source(votes, definition) if parts is None else parts
    found: dict[str, Any] = {"code_version": CODE_VERSION, "sources": {}}
    for code, part in parts.items():
        source = SOURCES[code]
        everything = votes.keep(votes["source"] == code)
        found["sources"][source] = _of_source(Rated(part, definition, source), everything, progress)
    progress("judges")
    found["judges"] = judges(parts)
    found["main"] = next(iter(found["sources"]), None)
    finite: dict[str, Any] = _finite(found)
    return finite


def _of_source(rated: Rated, everything: Votes, progress: Callable[[str], None]) -> dict[str, Any]:
    figures: dict[str, Callable[[], Any]] = {
        "ratings": lambda: ratings(rated),
        "matrix": lambda: matrix(rated),
        "history": lambda: history(rated),
        "stopping": lambda: stopping(rated),
        "reference": lambda: against_reference(rated),
        "slices": lambda: slices(rated),
        "bias": lambda: bias(rated, everything),
        "agreement": lambda: agreement(rated),
        "robustness": lambda: robustness(rated),
    }
    found: dict[str, Any] = {}
    for name, figure in figures.items():
        progress(name)
        # Where everything was left out there is nothing to count, and the table says why.
        found[name] = figure() if len(rated.battles) or name == "ratings" else None
    return found


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN: they become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if hasattr(value, "item"):  # a number of numpy's
        return _finite(value.item())
    return value


def report_sha256(content: dict[str, Any]) -> str:
    """Of the figures as JSON with sorted keys and every digit."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
