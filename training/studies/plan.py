"""What a person says once about a study."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from training.models import DatasetSnapshot, Method, ModelVersion

# Those that learn from the rows of one snapshot and from nothing else.
METHODS = (Method.SFT.value, Method.REWARD.value, Method.DPO.value, Method.KTO.value)
# Of which a language model comes that can be compared with the base.
ANSWER = tuple(method for method in METHODS if method != Method.REWARD)
FEWEST, MOST = 2, 12
LONGEST_NAME = 60


@dataclass(frozen=True)
class StudyPlan:
    """`sizes`: training rows of each run, at most. `draw` seeds the order in which rows are taken
    and every run. `config`: what LaunchPlan.config is, the same for all runs."""

    name: str
    method: str
    base: ModelVersion
    snapshot: DatasetSnapshot
    sizes: tuple[int, ...]
    draw: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)


def usual_sizes(rows: int) -> tuple[int, ...]:
    """All rows, a half, a quarter ...: five sizes, the smallest first, none below 2 rows."""
    found = {rows >> halvings for halvings in range(5)}
    return tuple(sorted(size for size in found if size >= 2)) or (1,)


def run_name(study: str, rows: int) -> str:
    """Of the run on so many rows, and of its model."""
    return f"{study}-{rows}"
