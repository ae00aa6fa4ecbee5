"""Who is told (Webhook), and what was told when (Delivery)."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from webapp.secrets_at_rest import SecretField


class Webhook(models.Model):
    """An address of another program. Its secret signs; the old one signs too for a day."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="webhooks"
    )
    url = models.CharField(max_length=2000)
    events = ArrayField(models.CharField(max_length=40))  # events.Event
    secret = SecretField()
    old_secret = SecretField(blank=True, default="")
    old_secret_until = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    stopped_at = models.DateTimeField(null=True)  # the other side said 410: it is told nothing

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["workspace"], name="webhook_by_workspace")]

    def __str__(self) -> str:
        return self.url


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("Waiting")  # its job sends it, again and again; leaves to one of these
    DELIVERED = "delivered", _("Delivered")  # the other side answered 2xx; resend makes a new one
    FAILED = "failed", _("Failed")  # given up after the last attempt; resend makes a new one


class Delivery(models.Model):
    """One message to one address: what is sent, byte for byte, and how it went."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=40)  # the same when it is sent again
    event = models.CharField(max_length=40)
    body = models.TextField()
    state = models.CharField(
        max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True)  # of the last answer; none: there was none
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_at = models.DateTimeField(null=True)  # when it was last tried

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="a_delivery_has_a_known_state"
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.message_id}"

    def settle(self, **changes: Any) -> None:
        """Write how an attempt went."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.save(update_fields=list(changes))
