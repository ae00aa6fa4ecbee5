"""A dataset snapshot: a filter of prompts or judgements, frozen into one file with a fingerprint.

The file never changes. Whoever trains on it names its sha256, and looks at it before the start.
"""

from typing import Any

from django.conf import settings as configuration
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class SnapshotKind(models.TextChoices):
    """TRL's data set types."""

    PROMPT_ONLY = "prompt_only", _("Prompts only")  # on-policy training: PPO, RLOO, RAFT
    PROMPT_COMPLETION = "prompt_completion", _("Prompts and completions")  # fine-tuning
    PREFERENCE = "preference", _("Preferences")  # reward models, DPO
    UNPAIRED = "unpaired", _("Unpaired preferences")  # KTO


class SnapshotState(models.TextChoices):
    FREEZING = "freezing", _("Freezing")  # its job waits, runs or failed; freeze leaves it
    READY = "ready", _("Ready")  # the file is there and never changes; only deletion leaves it


class DatasetSnapshot(models.Model):
    """`filter` and `settings` are JudgementFilter and SnapshotSettings as JSON, as they were asked.

    `artifact` is webapp.artifacts.Artifact.as_dict(); `sha256` is that of the file as it is stored,
    `content_sha256` that of its uncompressed lines. `counts` holds what the card says in figures:
    {"splits": {"train": rows, "validation": rows}, "left_out": {reason: judgements}, ...}.
    `screen` is training.scoring.screen.Screen as JSON where a reward model, `screened_by`, decides
    which rows are kept; empty where none does.
    """

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="snapshots"
    )
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=SnapshotKind.choices)
    state = models.CharField(
        max_length=10, choices=SnapshotState.choices, default=SnapshotState.FREEZING
    )
    filter = models.JSONField(default=dict)
    settings = models.JSONField(default=dict)
    screen = models.JSONField(default=dict, blank=True)
    screened_by = models.ForeignKey(
        "training.ModelVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="screened",
    )
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    artifact = models.JSONField(default=dict, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    content_sha256 = models.CharField(max_length=64, blank=True)
    rows = models.BigIntegerField(null=True, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    card = models.TextField(blank=True)  # markdown, written with the file
    created_by = models.ForeignKey(
        configuration.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    frozen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="a_snapshot_has_its_own_name"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=SnapshotKind.values), name="a_snapshot_has_a_known_kind"
            ),
            models.CheckConstraint(
                condition=Q(state=SnapshotState.FREEZING, sha256="", frozen_at__isnull=True)
                | Q(
                    state=SnapshotState.READY,
                    sha256__regex=r"^[0-9a-f]{64}$",
                    content_sha256__regex=r"^[0-9a-f]{64}$",
                    rows__gte=1,
                    frozen_at__isnull=False,
                ),
                name="a_ready_snapshot_has_rows_and_a_fingerprint",
            ),
            models.CheckConstraint(
                condition=Q(screen={}, screened_by__isnull=True)
                | (~Q(screen={}) & Q(screened_by__isnull=False)),
                name="a_screened_snapshot_names_its_reward_model",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ready(self) -> bool:
        return self.state == SnapshotState.READY

    @property
    def splits(self) -> dict[str, int]:
        """Rows per split: train, validation."""
        found: dict[str, Any] = self.counts.get("splits", {})
        return {name: int(rows) for name, rows in found.items()}


class SnapshotJudgements(models.Model):
    """Which judgements are in a snapshot: their ids in ascending runs of a few thousand.

    One row for each run and not for each judgement: a snapshot of a million stays a few hundred
    rows, and `first`, `last` lead from a judgement to its snapshots without reading the rest.
    """

    snapshot = models.ForeignKey(
        DatasetSnapshot, on_delete=models.CASCADE, related_name="judgements"
    )
    kind = models.CharField(max_length=15)  # demonstration, comparison, ranking, rating, prompt
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    ids = ArrayField(models.BigIntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["snapshot", "kind", "first"], name="a_judgement_is_once_in_a_snapshot"
            ),
            models.CheckConstraint(
                condition=Q(last__gte=models.F("first")), name="a_run_of_judgements_is_ascending"
            ),
        ]
        indexes = [models.Index(fields=["kind", "first", "last"], name="snapshot_of_a_judgement")]

    def __str__(self) -> str:
        return f"{len(self.ids)} {self.kind} ids of snapshot {self.snapshot_id}"


class SnapshotExport(models.Model):
    """A snapshot's rows in another kind of file, made by a job because it would take too long to
    make while somebody waits. `split`: of one split alone, or empty for all rows."""

    snapshot = models.ForeignKey(DatasetSnapshot, on_delete=models.CASCADE, related_name="exports")
    format = models.CharField(max_length=20)  # a name in annotation.exports.formats
    split = models.CharField(max_length=10, blank=True)
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    artifact = models.JSONField(default=dict, blank=True)  # empty until the job is done
    skipped = models.BigIntegerField(default=0)  # rows that the format cannot hold
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["snapshot", "format", "split"], name="a_snapshot_is_exported_once_as_each"
            )
        ]

    def __str__(self) -> str:
        return f"{self.snapshot_id} as {self.format}"
