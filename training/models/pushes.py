"""A model that was put on a hub, or is about to be."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from training.models.versions import ModelVersion
from webapp.secrets_at_rest import SecretField


class HubPush(models.Model):
    """`token` is kept, encrypted, until the push has succeeded; then it is empty and `address` says
    where the model is."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="pushes")
    repository = models.CharField(max_length=200)
    private = models.BooleanField(default=True)
    token = SecretField(blank=True)
    address = models.CharField(max_length=500, blank=True)
    job = models.ForeignKey(
        "jobs.Job", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    pushed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(pushed_at__isnull=True) | ~Q(address=""),
                name="a_push_that_is_done_has_an_address",
            )
        ]

    def __str__(self) -> str:
        return f"{self.version_id} to {self.repository}"
