"""How good a reward model is on judgements that it has not seen: figures and tables."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from training.algorithms.reward_metrics import (
    RewardPair,
    calibration_bins,
    length_correlation,
    reward_report,
    wilson_interval,
)

CALIBRATION_BINS = 10


@dataclass(frozen=True)
class JudgedPair:
    """The rewards and lengths (tokens) of a preferred answer and of the other one."""

    chosen: float
    rejected: float
    chosen_length: int
    rejected_length: int
    strength: str = ""
    use_case: str = ""
    annotator: str = ""


class Report(NamedTuple):
    """`figures` are metrics of docs/metrics.md; `tables` go into result.json."""

    figures: dict[str, float]
    tables: dict[str, Any]


def report_on(pairs: Sequence[JudgedPair], human_ceiling: float | None = None) -> Report:
    """Accuracy with its 95 % interval, by strength, use case and annotator; calibration; what
    length alone explains. Raises ValueError for no pairs."""
    # Every second pair is turned round: with the preferred answer always first, calibration could
    # not be seen.
    turned = [
        RewardPair(pair.rejected, pair.chosen, "b", pair.strength)
        if place % 2
        else RewardPair(pair.chosen, pair.rejected, "a", pair.strength)
        for place, pair in enumerate(pairs)
    ]
    whole = reward_report(turned, CALIBRATION_BINS)
    rewards = [r for pair in pairs for r in (pair.chosen, pair.rejected)]
    lengths = [float(n) for pair in pairs for n in (pair.chosen_length, pair.rejected_length)]
    correlation = length_correlation(rewards, lengths)
    longer = [pair for pair in pairs if pair.chosen_length != pair.rejected_length]
    figures = {
        "eval/accuracy": whole.accuracy_strict,
        "eval/accuracy_low": whole.accuracy_low,
        "eval/accuracy_high": whole.accuracy_high,
        "eval/margin": whole.mean_margin,
        "eval/loss": whole.nll,
        "eval/calibration_error": whole.ece,
        "eval/brier": whole.brier,
    }
    if correlation is not None:
        figures["eval/length_correlation"] = correlation
    if longer:
        figures["eval/longer_chosen"] = sum(
            pair.chosen_length > pair.rejected_length for pair in longer
        ) / len(longer)
    chances = torch.sigmoid(torch.tensor([p.reward_a - p.reward_b for p in turned]).double())
    outcomes = torch.tensor([float(p.preferred == "a") for p in turned]).double()
    tables = {
        "pairs": len(pairs),
        "by_strength": _accuracy_by(pairs, lambda pair: pair.strength),
        "by_use_case": _accuracy_by(pairs, lambda pair: pair.use_case),
        "by_annotator": _accuracy_by(pairs, lambda pair: pair.annotator),
        "calibration": [
            {"pairs": n, "chance": chance, "share": share}
            for n, chance, share in calibration_bins(chances, outcomes, CALIBRATION_BINS)
        ],
        "human_ceiling": human_ceiling,
    }
    return Report(figures, tables)


def _accuracy_by(
    pairs: Sequence[JudgedPair], name: Callable[[JudgedPair], str]
) -> dict[str, dict[str, float]]:
    """For each name: pairs, accuracy and its interval; pairs without a name are left out."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for pair in pairs:
        if name(pair):
            groups[name(pair)].append(pair.chosen > pair.rejected)
    table = {}
    for key, hits in sorted(groups.items()):
        low, high = wilson_interval(sum(hits), len(hits))
        table[key] = {
            "pairs": len(hits),
            "accuracy": sum(hits) / len(hits),
            "low": low,
            "high": high,
        }
    return table
