"""How a person stands in a campaign, where a manager or a threshold has said something about it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models.campaigns import Campaign


class StandingState(models.TextChoices):
    ADMITTED = "admitted", _("Admitted")  # works, whatever the training said; set_standing leaves
    PAUSED = "paused", _("Paused")  # is handed nothing; what was answered counts
    EXCLUDED = "excluded", _("Excluded")  # is handed nothing, and no answer counts


class Standing(models.Model):
    """One row per person and campaign; without one a person simply works."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="standings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=StandingState.choices)
    reason = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )  # nobody: the threshold of the campaign did it
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "user"], name="a_person_stands_once_in_a_campaign"
            ),
            models.CheckConstraint(
                condition=Q(state__in=StandingState.values), name="a_standing_has_a_known_state"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.state}"
