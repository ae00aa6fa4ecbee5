"""A training run, what it learns from, and what it says while it learns.

The state of a run is that of its job, and how it ended is `outcome`: nothing is kept twice.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from training.models.snapshots import DatasetSnapshot
from training.models.versions import ModelVersion
from webapp.jobs.models import State


class Method(models.TextChoices):
    SFT = "sft", _("Supervised fine-tuning")
    REWARD = "reward", _("Reward model")
    DPO = "dpo", _("DPO")
    KTO = "kto", _("KTO")
    PPO = "ppo", _("PPO")
    REINFORCE = "reinforce", _("REINFORCE")
    RLOO = "rloo", _("RLOO")
    RAFT = "raft", _("RAFT")
    BEST_OF_N = "best_of_n", _("Best-of-N data")


class Purpose(models.TextChoices):
    RUN = "run", _("Run")  # trains, and registers what comes out
    REHEARSAL = "rehearsal", _("Rehearsal")  # one step of everything; registers nothing
    PREVIEW = "preview", _("Preview")  # shows the first batch and estimates; trains nothing


class Outcome(models.TextChoices):
    """How the newest attempt ended; empty while none has."""

    DONE = "done", _("Done")
    CANCELLED = "cancelled", _("Stopped")
    CRASHED = "crashed", _("Crashed")
    BAD_INPUT = "bad_input", _("Refused")
    OUT_OF_MEMORY = "out_of_memory", _("Out of memory")
    DIVERGED = "diverged", _("Diverged")
    DISK_FULL = "disk_full", _("Disk full")
    KILLED = "killed", _("Killed")  # by a signal from outside, most often for its memory
    STALLED = "stalled", _("Stalled")  # wrote nothing for too long and was ended


class TrainingRun(models.Model):
    """`config` is run.json but for what is decided where it runs: the paths of data and models.

    `step`, `total`, `eta_seconds`, `tokens_per_second` and `phase` are the newest that it said;
    `memory` what its process held at most: {"host": bytes, "gpu": bytes}, and how busy its GPU was
    at the last look: {"busy": per cent}. `result` is result.json.
    """

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="training_runs"
    )
    name = models.CharField(max_length=80)
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.RUN)
    method = models.CharField(max_length=12, choices=Method.choices)
    config = models.JSONField(default=dict)
    result_name = models.CharField(max_length=80)  # the model's name in the registry
    snapshots = models.ManyToManyField(DatasetSnapshot, through="RunData", related_name="runs")
    inputs = models.ManyToManyField(
        ModelVersion,
        through="RunModel",
        through_fields=("run", "version"),
        related_name="used_in",
    )
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    cloned_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="clones"
    )
    outcome = models.CharField(max_length=15, choices=Outcome.choices, blank=True)
    sentence = models.TextField(blank=True)
    result = models.JSONField(default=dict, blank=True)
    phase = models.CharField(max_length=20, blank=True)
    step = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True, blank=True)
    eta_seconds = models.FloatField(null=True, blank=True)
    tokens_per_second = models.FloatField(null=True, blank=True)
    memory = models.JSONField(default=dict, blank=True)
    log = models.TextField(blank=True)  # the end of what its process wrote
    artifacts = models.JSONField(default=list, blank=True)  # [Artifact.as_dict()]: its other files
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)  # of the first attempt
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="a_run_has_its_own_name"),
            models.CheckConstraint(
                condition=Q(method__in=Method.values) & Q(purpose__in=Purpose.values),
                name="a_run_has_a_known_method_and_purpose",
            ),
            models.CheckConstraint(
                condition=Q(outcome="") | Q(outcome__in=Outcome.values),
                name="a_run_has_a_known_outcome",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """waiting (for another run), queued, running, done, failed or cancelled."""
        return self.job.state if self.job is not None else "waiting"

    @property
    def is_over(self) -> bool:
        return self.job is not None and self.job.is_finished

    @property
    def may_be_resumed(self) -> bool:
        return self.job is not None and self.job.state in (State.FAILED, State.CANCELLED)


class RunData(models.Model):
    """What a run learns from. A role is one of training.trainers.run_config: train, prompts ...
    `rows` are those of the training split that its newest attempt was given."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="data")
    snapshot = models.ForeignKey(DatasetSnapshot, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=15)
    rows = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = _("training run")  # what keeps a snapshot from being deleted, on its page
        verbose_name_plural = _("training runs")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "role", "snapshot"], name="a_snapshot_is_once_in_a_role_of_a_run"
            )
        ]

    def __str__(self) -> str:
        return f"{self.role} of run {self.run_id}"


class RunModel(models.Model):
    """A model that a run starts from or asks. One that another run has still to make is `made_by`
    it, and `version` is filled in when it is registered."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="models")
    role = models.CharField(max_length=15)  # base, reward ...: those of training.actions.launch
    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="uses"
    )
    made_by = models.ForeignKey(
        TrainingRun, on_delete=models.CASCADE, null=True, blank=True, related_name="awaited_by"
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "role"], name="a_run_has_one_model_of_a_role"),
            models.CheckConstraint(
                condition=Q(version__isnull=False) | Q(made_by__isnull=False),
                name="a_model_of_a_run_is_there_or_awaited",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of run {self.run_id}"


class RunEvent(models.Model):
    """Something a run said: a phase, a sample, a warning, a line of its diary. Figures apart."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="events")
    attempt = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)  # phase, sample, warning, log, checkpoint, rollout
    step = models.BigIntegerField(null=True)
    at = models.DateTimeField()  # by the clock of the machine that it ran on
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["run", "kind", "id"], name="event_of_a_run")]

    def __str__(self) -> str:
        return f"{self.kind} of run {self.run_id}"


class RunMetric(models.Model):
    """One figure at one step; null where it was not finite. docs/metrics.md says what it means."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="metrics")
    name = models.CharField(max_length=60)
    step = models.BigIntegerField()
    value = models.FloatField(null=True)

    class Meta:
        constraints = [
            # Its index is also what curves are read by.
            models.UniqueConstraint(
                fields=["run", "name", "step"], name="a_figure_is_once_at_a_step"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} of run {self.run_id} at {self.step}"


class Checkpoint(models.Model):
    """A complete checkpoint in the artifact store; the row is written when all files are there."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="checkpoints")
    step = models.BigIntegerField()
    attempt = models.PositiveIntegerField()
    place = models.CharField(max_length=300)  # below ARTIFACTS_URL
    manifest = models.JSONField(default=list)  # [{"file", "size", "sha256"}]
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-step"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "step"], name="a_run_has_one_checkpoint_of_a_step"
            )
        ]

    def __str__(self) -> str:
        return f"step {self.step} of run {self.run_id}"

    @property
    def size(self) -> int:
        return sum(int(entry["size"]) for entry in self.manifest)


class SavedConfig(models.Model):
    """Settings of a method under a name, for the next launch."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="saved_configs"
    )
    name = models.CharField(max_length=80)
    method = models.CharField(max_length=12, choices=Method.choices)
    config = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "method", "name"], name="a_configuration_has_its_own_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


def plain(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"training": {"epochs": 3}} as {"training.epochs": 3}: for forms, tables and differences."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            found |= plain(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
