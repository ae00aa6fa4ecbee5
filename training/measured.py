"""Figures of a trained model with their intervals: from its run, and from votes against a base."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Q

from annotation.domain.proportions import Share, share
from annotation.models import Comparison
from annotation.queries import current

Wins = dict[str, tuple[float, int]]  # model -> wins against the base, votes


def accuracy_of(metrics: dict[str, Any], held_out: int) -> Share | None:
    """The trainer's own interval where it gives one, else Wilson's over the validation rows."""
    value = metrics.get("eval/accuracy")
    if value is None or not held_out:
        return None
    low, high = metrics.get("eval/accuracy_low"), metrics.get("eval/accuracy_high")
    if low is not None and high is not None:
        return Share(value, low, high, held_out)
    return share(value * held_out, held_out)


def wins_against(
    workspace: Any, base: str, models: Sequence[str], *, source: str = "human"
) -> Wins:
    """Votes of one source between each model and the base; a tie, or both bad, is half a win."""
    rows = current(Comparison.objects.filter(prompt__workspace=workspace, source=source))
    found: Wins = {}
    for side, other in (("left", "right"), ("right", "left")):
        counted: Any = (
            rows.filter(**{f"{side}__generator__in": models, f"{other}__generator": base})
            .order_by()
            .values(f"{side}__generator")
            .annotate(
                n=Count("pk"),
                wins=Count("pk", filter=Q(choice=side)),
                ties=Count("pk", filter=Q(choice__in=("tie", "both_bad"))),
            )
        )
        for row in counted:
            name = row[f"{side}__generator"]
            wins, n = found.get(name, (0.0, 0))
            found[name] = (wins + row["wins"] + row["ties"] / 2, n + row["n"])
    return found
