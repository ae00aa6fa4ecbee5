"""What reward models have said of answers: annotation.suggesters asks, to suggest it to people."""

from collections.abc import Sequence
from typing import Any

from training.models import ModelVersion, RewardScore


def names(workspace: Any) -> list[tuple[str, str]]:
    """(key, name) of the reward models that have scored answers here."""
    found = ModelVersion.objects.filter(scorings__workspace=workspace).distinct().order_by("pk")
    return [(str(each.pk), str(each)) for each in found]


def scores(workspace: Any, key: str, completions: Sequence[int]) -> dict[int, float]:
    """The score of each completion that this reward model has scored."""
    rows = RewardScore.objects.filter(
        reward=int(key),
        reward__scorings__workspace=workspace,
        value__isnull=False,
        generation__entries__completion__in=completions,
        generation__entries__batch__workspace=workspace,
    ).values_list("generation__entries__completion", "value")
    return {completion: float(value) for completion, value in rows.distinct() if value is not None}
