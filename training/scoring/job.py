"""The job behind a scoring."""

from typing import Any

from training.models import RewardScore, Scoring
from training.scoring.reward_process import score_rows
from training.scoring.unscored import unscored
from webapp.jobs import Work


def score_answers(work: Work) -> dict[str, Any]:
    """Score what has no score yet, and keep each as it comes; returns how many.

    Raises:
        JobFailed: with a sentence; what was scored is kept.
    """
    scoring = Scoring.objects.select_related("reward").get(pk=work.arguments["scoring_id"])
    rows = [
        {"id": row.pk, "prompt": row.messages, "completion": row.text}
        for row in unscored(scoring).only("pk", "messages", "text")
    ]

    def keep(values: list[tuple[int, float | None]]) -> None:
        with work.fenced():
            RewardScore.objects.bulk_create(
                (
                    RewardScore(reward=scoring.reward, generation_id=pk, value=value)
                    for pk, value in values
                ),
                ignore_conflicts=True,
            )

    if rows:
        score_rows(work, scoring.reward, rows, keep)
    return {"scored": len(rows)}
