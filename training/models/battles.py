"""The arena: a conversation with two models whose names are told after the vote."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotation.models import Comparison
from training.models.endpoints import ModelEndpoint
from training.models.generations import Generation


class BattleState(models.TextChoices):
    OPEN = "open", _("Open")  # asked and answered; vote and leave_battle end it
    VOTED = "voted", _("Voted")  # the names are told; `comparison` is the vote
    LEFT = "left", _("Left")  # ended without a vote; the names stay untold


class Battle(models.Model):
    """Two models, drawn with `pair_probability`, and the sides they stand on."""

    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="battles"
    )
    key = models.UUIDField(default=uuid.uuid4, unique=True)  # in addresses: a number would count
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    left = models.ForeignKey(ModelEndpoint, on_delete=models.CASCADE, related_name="+")
    right = models.ForeignKey(ModelEndpoint, on_delete=models.CASCADE, related_name="+")
    pair_probability = models.FloatField()  # of these two models, whatever their sides
    settings = models.JSONField(default=dict)
    state = models.CharField(max_length=5, choices=BattleState.choices, default=BattleState.OPEN)
    leaked = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    comparison = models.OneToOneField(
        Comparison, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(left=F("right")), name="a_battle_has_two_models"),
            models.CheckConstraint(
                condition=Q(state__in=BattleState.values), name="a_battle_has_a_known_state"
            ),
            models.UniqueConstraint(
                fields=["workspace", "user"],
                condition=Q(state="open"),
                name="a_person_has_one_battle_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"battle {self.pk}"


class BattleTurn(models.Model):
    battle = models.ForeignKey(Battle, on_delete=models.CASCADE, related_name="turns")
    number = models.PositiveSmallIntegerField()  # 1 first
    text = models.TextField()
    left = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="+")
    right = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["battle", "number"], name="a_battle_has_one_turn_of_a_number"
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]
