"""What somebody who does not train on it thinks of a run's answers: the other half of the
over-optimisation page. The answers are those that the run kept as events."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models import Campaign, Completion
from training.models.endpoints import ModelEndpoint
from training.models.generations import Batch
from training.models.runs import RunEvent, TrainingRun
from training.models.versions import ModelVersion


class MeasureKind(models.TextChoices):
    REWARD = "reward", _("Reward model")  # a second one, which the run did not learn from
    JUDGE = "judge", _("Judge")  # an endpoint that rates from 1 to 10
    PEOPLE = "people", _("People")  # votes against the answer of the first step


class HeldOutMeasure(models.Model):
    """One held-out score of one run: who gives it, and the job that asks for it."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="measures")
    kind = models.CharField(max_length=10, choices=MeasureKind.choices)
    reward = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    endpoint = models.ForeignKey(
        ModelEndpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    batch = models.ForeignKey(
        Batch, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
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
                condition=Q(kind=MeasureKind.REWARD, reward__isnull=False)
                | Q(kind=MeasureKind.JUDGE, endpoint__isnull=False)
                | Q(kind=MeasureKind.PEOPLE, campaign__isnull=False),
                name="a_held_out_score_is_given_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["run", "reward"], name="a_reward_model_scores_a_run_once"
            ),
            models.UniqueConstraint(fields=["run", "endpoint"], name="a_judge_scores_a_run_once"),
        ]

    def __str__(self) -> str:
        return str(self.reward or self.endpoint or self.campaign)


class HeldOutScore(models.Model):
    """What one measure says of one answer. Of people's votes nothing is stored but `completion`,
    the answer as they see it: the votes are read when they are shown."""

    measure = models.ForeignKey(HeldOutMeasure, on_delete=models.CASCADE, related_name="scores")
    event = models.ForeignKey(RunEvent, on_delete=models.CASCADE, related_name="held_out")
    value = models.FloatField(null=True)  # null: no readable verdict, or people are asked
    completion = models.ForeignKey(
        Completion, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["measure", "event"], name="an_answer_has_one_score_of_a_measure"
            )
        ]

    def __str__(self) -> str:
        return f"{self.value} for event {self.event_id}"
