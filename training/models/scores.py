"""What a reward model says of answers: of those that models gave, and of those in a snapshot."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.models import Campaign
from training.models.generations import Batch, Generation
from training.models.trials import Trial
from training.models.versions import ModelVersion


class Scoring(models.Model):
    """A reward model has scored, or is to score, the answers of a sampling or of a trial; `check`
    is the campaign in which people look at what it would choose."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="scorings"
    )
    reward = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="scorings")
    batch = models.ForeignKey(
        Batch, on_delete=models.CASCADE, null=True, blank=True, related_name="scorings"
    )
    trial = models.ForeignKey(
        Trial, on_delete=models.CASCADE, null=True, blank=True, related_name="scorings"
    )
    check_campaign = models.ForeignKey(
        Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(batch__isnull=False, trial__isnull=True)
                | Q(batch__isnull=True, trial__isnull=False),
                name="a_scoring_is_of_a_sampling_or_of_a_trial",
            ),
            models.UniqueConstraint(
                fields=["reward", "batch"], name="a_reward_model_scores_a_sampling_once"
            ),
            models.UniqueConstraint(
                fields=["reward", "trial"], name="a_reward_model_scores_a_trial_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reward} of {self.batch or self.trial}"


class RewardScore(models.Model):
    """The score that one reward model gives one answer; null where it was not finite."""

    reward = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="scores")
    value = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "reward"], name="an_answer_has_one_score_of_a_reward_model"
            )
        ]

    def __str__(self) -> str:
        return f"{self.value} for {self.generation_id}"


class TextScore(models.Model):
    """The score that one reward model gives one answer of a snapshot, whoever wrote it; null where
    it was not finite. `key` is training.scoring.screen_rows.key_of() the prompt and the answer, so
    that the same texts are scored once, whatever they are frozen into."""

    reward = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    key = models.BigIntegerField()
    value = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reward", "key"], name="a_text_has_one_score_of_a_reward_model"
            )
        ]

    def __str__(self) -> str:
        return f"{self.value} for {self.key}"
