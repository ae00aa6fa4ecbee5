"""Programs that act for a person (tokens), and what they have been answered (idempotency keys)."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ApiToken(models.Model):
    """A person's key for programs. Shown once; only its hash is kept.

    The secret has 256 random bits, so a plain sha256 resists guessing and no slow hash is needed.
    """

    class Scope(models.TextChoices):
        READ = "read", _("Read")  # GET only
        WRITE = "write", _("Read and write")  # whatever the person may

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=8, unique=True)  # in clear: to find it and to name it
    secret_hash = models.CharField(max_length=64)
    scope = models.CharField(max_length=5, choices=Scope.choices, default=Scope.READ)
    workspace = models.ForeignKey(
        "workspaces.Workspace",
        on_delete=models.CASCADE,
        null=True,  # null: every workspace that the person may see
        related_name="api_tokens",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)  # exact to a minute
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(scope__in=["read", "write"]), name="a_token_has_a_known_scope"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} (rondo_{self.prefix}_…)"

    @property
    def works(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()


class IdempotencyKey(models.Model):
    """A write that was answered: the same key and body get the same answer for two days."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)  # sha256 of method, path and body
    status = models.PositiveSmallIntegerField(default=0)
    # JSON as text: jsonb would change the order of its fields.
    answer = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="a_key_is_once_for_a_person")
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"
