"""A round of the loop: what was said once when it began, and how far each of its steps is.

What a step made is kept beside the step and written in the same transaction, so a step that was
begun is never begun a second time, whatever is lost in between.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotation.models import Board, BoardSnapshot, Campaign
from training.models.generations import Batch
from training.models.runs import TrainingRun
from training.models.snapshots import DatasetSnapshot
from training.models.versions import ModelVersion


class Step(models.TextChoices):
    """In the order of the loop; training.rounds.steps says what each does and waits for."""

    SAMPLE = "sample", _("Answers")  # the models answer the prompts
    OPEN = "open", _("Tasks")  # a campaign over those answers
    COLLECT = "collect", _("Judgements")  # people judge
    FREEZE = "freeze", _("Snapshot")  # what they said, frozen
    TRAIN = "train", _("Training")  # the runs of the recipe
    REGISTER = "register", _("Model")  # the new model can be asked
    ANSWER = "answer", _("Its answers")  # it and the earlier models answer the board's prompts
    COMPARE = "compare", _("Comparison")  # people compare them
    BOARD = "board", _("Board")  # the board after the round


ORDER = tuple(Step.values)


class StepState(models.TextChoices):
    # Not begun: the steps before it are not done, or a person has to begin it. Left by drive.
    WAITING = "waiting", _("To come")
    # Begun; what it made is there, and it waits for jobs, runs or people. Left by drive.
    RUNNING = "running", _("Under way")
    # Stays.
    DONE = "done", _("Done")
    # It cannot go on; `error` says why. Left by take_step, which tries it again.
    FAILED = "failed", _("Failed")


class Asked(models.TextChoices):
    """What a person wants of a step; empty when nothing."""

    BEGIN = "begin", _("Begin")
    ENOUGH = "enough", _("Go on with what is there")


class Round(models.Model):
    """`plan` is a training.rounds.plan.RoundPlan as JSON. `base` learns; `policies` answer, `base`
    among them. `model` is what came of it; the rest is what its steps made."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="rounds"
    )
    name = models.CharField(max_length=40)  # of the loop, the same in each of its rounds
    number = models.PositiveIntegerField()
    plan = models.JSONField(default=dict)
    previous = models.OneToOneField(  # one: a round is followed by one round, however often asked
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="next"
    )
    base = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    policies = models.ManyToManyField(ModelVersion, related_name="answers_in")
    batch = models.ForeignKey(
        Batch, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    model = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="made_in"
    )
    answers = models.ForeignKey(
        Batch, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    comparison = models.ForeignKey(
        Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    board = models.ForeignKey(
        Board, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    before = models.ForeignKey(
        BoardSnapshot, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    after = models.ForeignKey(
        BoardSnapshot, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    job = models.ForeignKey(  # that drives it at the moment, or did last
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    paused_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("round")
        verbose_name_plural = _("rounds")
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name", "number"], name="a_loop_has_one_round_of_a_number"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="rounds_count_from_one"),
            models.CheckConstraint(
                condition=~Q(previous=F("id")), name="a_round_does_not_follow_itself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.number}"

    def as_json(self) -> dict[str, Any]:
        """Enough to know it again, for another program."""
        made = str(self.model) if self.model is not None else ""
        return {"round": self.pk, "name": self.name, "number": self.number, "model": made}


class RoundStep(models.Model):
    """`automatic`: it begins by itself when the step before is done. `job` is one that the step
    started and that is kept nowhere else (the board's snapshot)."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="steps")
    step = models.CharField(max_length=10, choices=Step.choices)
    position = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=8, choices=StepState.choices, default=StepState.WAITING)
    automatic = models.BooleanField(default=True)
    asked = models.CharField(max_length=6, choices=Asked.choices, blank=True)
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    error = models.TextField(blank=True)
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["round", "step"], name="a_round_has_each_step_once"),
            models.CheckConstraint(
                condition=Q(step__in=Step.values) & Q(state__in=StepState.values),
                name="a_step_has_a_known_kind_and_state",
            ),
            models.CheckConstraint(
                condition=~Q(state=StepState.FAILED) | ~Q(error=""), name="a_failed_step_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} of round {self.round_id}"


class RoundSnapshot(models.Model):
    """A snapshot that a round's runs learn from."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="snapshots")
    kind = models.CharField(max_length=20)
    snapshot = models.ForeignKey(DatasetSnapshot, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("round")  # what keeps a snapshot from being deleted, on its page
        verbose_name_plural = _("rounds")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["round", "kind"], name="a_round_has_one_snapshot_of_a_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of round {self.round_id}"


class RoundRun(models.Model):
    """A run of the round's recipe, in its order."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="runs")
    position = models.PositiveSmallIntegerField()
    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["round", "position"], name="a_round_has_one_run_of_a_place"
            )
        ]

    def __str__(self) -> str:
        return f"run {self.position} of round {self.round_id}"
