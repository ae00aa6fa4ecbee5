"""Who answers prompts: a service, a registered model, or answers that were recorded before."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from webapp.secrets_at_rest import SecretField, masked


class EndpointKind(models.TextChoices):
    SERVICE = "service", _("Service")  # an OpenAI-compatible server, asked over HTTP
    REGISTERED = "registered", _("Registered model")  # weights of ours, on a worker
    RECORDED = "recorded", _("Recorded answers")  # completions that are in the workspace already


class PromptStyle(models.TextChoices):
    CHAT = "chat", _("Chat")  # the messages as they are; the model's own template applies
    TEMPLATE = "template", _("Text template")  # a base model continues a text made of the messages
    URIAL = "urial", _("URIAL")  # the same, after a preamble and constant examples


class ModelEndpoint(models.Model):
    """A model that can be asked, by the name under which its answers stand on boards.

    The name is the `generator` of its completions and never changes. Prices are for a million
    tokens, in whatever currency the manager counts; `budget` stops everything that asks it.
    """

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="endpoints"
    )
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=12, choices=EndpointKind.choices)
    base_url = models.CharField(max_length=500, blank=True)  # up to and with /v1
    version = models.ForeignKey(
        "training.ModelVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="endpoints",
    )
    model = models.CharField(max_length=200, blank=True)  # as the service or the import names it
    key = SecretField(blank=True, default="")
    style = models.CharField(max_length=10, choices=PromptStyle.choices, default=PromptStyle.CHAT)
    template = models.TextField(blank=True)  # of one turn: {prompt} and then the answer
    preamble = models.TextField(blank=True)
    examples = models.JSONField(default=list, blank=True)  # [{"prompt", "answer"}]
    stop = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    most_tokens = models.PositiveIntegerField(
        default=1024, validators=[MinValueValidator(1), MaxValueValidator(32_768)]
    )
    at_once = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(1), MaxValueValidator(64)]
    )
    seconds = models.PositiveSmallIntegerField(
        default=120, validators=[MinValueValidator(1), MaxValueValidator(1800)]
    )
    price_in = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal(0))
    price_out = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal(0))
    budget = models.DecimalField(max_digits=14, decimal_places=6, null=True, blank=True)
    in_arena = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)  # kept for what it said; asked no more

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="an_endpoint_has_its_own_name"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=EndpointKind.values), name="an_endpoint_has_a_known_kind"
            ),
            models.CheckConstraint(
                condition=~Q(kind=EndpointKind.SERVICE) | ~Q(base_url=""),
                name="a_service_has_an_address",
            ),
            models.CheckConstraint(
                condition=Q(kind=EndpointKind.REGISTERED, version__isnull=False)
                | ~Q(kind=EndpointKind.REGISTERED) & Q(version__isnull=True),
                name="a_registered_model_has_weights",
            ),
            models.CheckConstraint(
                condition=Q(budget__isnull=True) | Q(budget__gte=0), name="a_budget_is_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc

    @property
    def shown_key(self) -> str:
        return masked(self.key)

    @property
    def is_local(self) -> bool:
        """Its weights are loaded by a worker of ours."""
        return self.kind == EndpointKind.REGISTERED

    def identity(self) -> dict[str, Any]:
        """What makes its answers what they are: a change of it asks anew."""
        return {
            "kind": self.kind,
            "base_url": self.base_url,
            "model": self.version.sha256 if self.version else self.model,
            "style": self.style,
            "template": self.template,
            "preamble": self.preamble,
            "examples": self.examples,
            "stop": self.stop,
        }

    def cost(self, tokens_in: int, tokens_out: int) -> Decimal:
        return (self.price_in * tokens_in + self.price_out * tokens_out) / 1_000_000
