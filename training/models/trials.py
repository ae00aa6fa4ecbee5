"""The playground: one prompt, several models side by side."""

from django.conf import settings
from django.db import models

from training.models.endpoints import ModelEndpoint
from training.models.generations import Generation


class Trial(models.Model):
    """One prompt that was given to several models with the same settings and seed."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="trials"
    )
    messages = models.JSONField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    settings = models.JSONField(default=dict)
    probe = models.CharField(max_length=40, blank=True)  # a name in training.generate.probes
    probe_set = models.UUIDField(null=True, db_index=True)  # trials of one run of all probes
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["workspace", "-id"], name="trial_newest_first")]

    def __str__(self) -> str:
        return f"trial {self.pk}"


class TrialColumn(models.Model):
    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="columns")
    endpoint = models.ForeignKey(ModelEndpoint, on_delete=models.CASCADE, related_name="+")
    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "endpoint"], name="a_model_is_once_in_a_trial")
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} in trial {self.trial_id}"
