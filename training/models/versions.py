"""A registered model: weights that were checked, fingerprinted, and never change.

The files lie in the artifact store below `place`; `manifest` lists them with size and sha256, and
`sha256` is the one fingerprint over them all, as training.trainers.manifest computes it.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from training.model_store import local_folder


class ModelKind(models.TextChoices):
    POLICY = "policy", _("Language model")  # answers prompts
    REWARD = "reward", _("Reward model")  # scores answers
    ADAPTER = "adapter", _("Adapter")  # a LoRA on top of a base, which it needs
    EMBEDDER = "embedder", _("Embedding model")  # makes vectors of texts, for maps of prompts


class Stage(models.TextChoices):
    """What people think of a version; any may follow any."""

    CANDIDATE = "candidate", _("Candidate")
    CURRENT = "current", _("In use")
    ARCHIVED = "archived", _("Archived")


class VersionState(models.TextChoices):
    # Its job fetches, checks and stores the files. Left by register (ready); deletion removes it.
    IMPORTING = "importing", _("Importing")
    # The files are there and never change. Left by delete_model (deleted).
    READY = "ready", _("Ready")
    # The files are gone; the row stays, for what descends from it. Stays.
    DELETED = "deleted", _("Deleted")


class ModelVersion(models.Model):
    """`source` says where it comes from: {"kind": "run" | "upload" | "hub", ...}.

    `facts` are read from its config.json: model_type, layers, hidden, vocabulary, parameters,
    positions, chat (whether a chat template is there), dtype.
    """

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="model_versions"
    )
    name = models.CharField(max_length=80)
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=ModelKind.choices)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.CANDIDATE)
    state = models.CharField(
        max_length=10, choices=VersionState.choices, default=VersionState.IMPORTING
    )
    parents = models.ManyToManyField(
        "self",
        through="Parentage",
        through_fields=("child", "parent"),
        symmetrical=False,
        related_name="children",
    )
    run = models.ForeignKey(
        "training.TrainingRun",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="versions",
    )
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    place = models.CharField(max_length=300, blank=True)  # below ARTIFACTS_URL
    manifest = models.JSONField(default=list, blank=True)  # [{"file", "size", "sha256"}]
    sha256 = models.CharField(max_length=64, blank=True)
    source = models.JSONField(default=dict, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    licence = models.CharField(max_length=100, blank=True)
    note = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    registered_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name", "version"], name="a_model_has_one_version_of_a_number"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=ModelKind.values)
                & Q(stage__in=Stage.values)
                & Q(state__in=VersionState.values),
                name="a_model_has_a_known_kind_stage_and_state",
            ),
            models.CheckConstraint(
                condition=~Q(state=VersionState.READY)
                | Q(sha256__regex=r"^[0-9a-f]{64}$", registered_at__isnull=False) & ~Q(place=""),
                name="a_ready_model_has_files_and_a_fingerprint",
            ),
        ]
        indexes = [models.Index(fields=["sha256"], name="model_by_fingerprint")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def ready(self) -> bool:
        return self.state == VersionState.READY

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(int(entry["size"]) for entry in self.manifest)

    def folder(self) -> Path:
        """A local folder with the files, fetched from the store when it is elsewhere.

        Raises:
            OSError, ValueError: they are gone, or are not what was registered.
        """
        if not self.ready:
            raise ValueError(
                _("%(model)s is %(state)s: its files cannot be read.")
                % {"model": self, "state": self.get_state_display().lower()}
            )
        return local_folder(self.place, self.manifest, self.sha256)

    def as_json(self) -> dict[str, Any]:
        """Enough to know it again, for a run's record and a card."""
        return {"id": self.pk, "name": self.name, "version": self.version, "sha256": self.sha256}


class Parentage(models.Model):
    """`child` came from `parent`, which was its base, the reward model that taught it ..."""

    child = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="origins")
    parent = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="offspring")
    role = models.CharField(max_length=15)  # base, reward ...: those of training.actions.launch

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["child", "parent", "role"], name="a_parent_is_named_once_for_a_role"
            ),
            models.CheckConstraint(
                condition=~Q(child=F("parent")), name="a_model_is_not_its_own_parent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.parent_id} -> {self.child_id} ({self.role})"
