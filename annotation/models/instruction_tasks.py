"""A task of Natural Instructions that people edit here."""

from django.conf import settings
from django.db import models


class InstructionTask(models.Model):
    """`content`: annotation.domain.conversion.instruction_task, as its as_v2() writes it. `parts`
    and `shots`: how its instances are rendered. Its name is the source of the prompts made of it.
    """

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="instruction_tasks"
    )
    name = models.CharField(max_length=100)
    content = models.JSONField(default=dict)
    parts = models.JSONField(default=list)
    shots = models.PositiveSmallIntegerField(default=2)
    licence = models.CharField(max_length=100, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="an_instruction_task_has_its_own_name"
            )
        ]

    def __str__(self) -> str:
        return self.name
