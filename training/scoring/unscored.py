"""What waits for a score; apart from the other reads, which load numpy."""

from django.db.models import Exists, OuterRef, QuerySet

from training.models import Generation, GenerationState, RewardScore, Scoring


def unscored(scoring: Scoring) -> QuerySet[Generation]:
    """The answers that its reward model has not seen."""
    if scoring.trial is None:
        found = Generation.objects.filter(entries__batch=scoring.batch)
    else:
        found = Generation.objects.filter(pk__in=scoring.trial.columns.values("generation"))
    seen = RewardScore.objects.filter(generation=OuterRef("pk"), reward=scoring.reward_id)
    return found.filter(~Exists(seen), state=GenerationState.DONE).order_by("pk")
