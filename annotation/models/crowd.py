"""Work by people whom a crowd platform sends: the campaign's link, and each assignment there.

Such a person has an account without an address that can be written to and opens nothing but the
campaign's own work pages (annotation.crowd_fence).
"""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models.campaigns import Campaign


class Platform(models.TextChoices):
    """Which names the platform gives to its ids in the address."""

    PROLIFIC = "prolific", _("Prolific")  # PROLIFIC_PID, STUDY_ID, SESSION_ID
    MTURK = "mturk", _("Mechanical Turk")  # workerId, hitId, assignmentId
    OTHER = "other", _("Another platform")  # worker, study, assignment


class CrowdLink(models.Model):
    """How a campaign is reached from a platform, and what its people get at the end."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="crowd")
    platform = models.CharField(max_length=10, choices=Platform.choices)
    nonce = models.CharField(max_length=64, blank=True)  # empty: the link is switched off
    answers = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(10_000)]
    )  # of one assignment on the platform
    places = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )  # assignments that may begin
    completion_code = models.CharField(max_length=100, blank=True)  # empty: one for each assignment
    completion_url = models.URLField(max_length=500, blank=True)
    screen_out_code = models.CharField(max_length=100, blank=True)
    screen_out_url = models.URLField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(platform__in=Platform.values), name="a_crowd_link_has_a_known_platform"
            ),
            models.CheckConstraint(
                condition=Q(answers__gte=1) & Q(places__gte=1),
                name="a_crowd_link_asks_for_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} for {self.campaign}"


class Ending(models.TextChoices):
    UNDER_WAY = "", _("Under way")  # begin; go_on ends it
    COMPLETED = "completed", _("Completed")  # all its answers, or all that were there
    SCREENED_OUT = "screened_out", _("Screened out")  # failed the training, or was stopped
    NOTHING_LEFT = "nothing_left", _("Nothing left to do")  # not one item could be handed out
    LEFT = "left", _("Left")  # the same person began another assignment


class CrowdWork(models.Model):
    """One assignment on the platform: whose it is there, and how it ended here."""

    link = models.ForeignKey(CrowdLink, on_delete=models.CASCADE, related_name="works")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="crowd_works"
    )
    worker = models.CharField(max_length=100)  # the platform's id of the person
    study = models.CharField(max_length=100, blank=True)
    external = models.CharField(max_length=100)  # the platform's id of the assignment
    begun_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    ending = models.CharField(
        max_length=12, choices=Ending.choices, default=Ending.UNDER_WAY, blank=True
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["link", "external"], name="an_assignment_of_a_platform_counts_once"
            ),
            models.UniqueConstraint(
                fields=["link", "person"],
                condition=Q(ending=""),
                name="a_crowd_worker_does_one_assignment_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(ending="", ended_at__isnull=True)
                | (Q(ending__in=Ending.values) & ~Q(ending="") & Q(ended_at__isnull=False)),
                name="crowd_work_ended_somehow",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.external} of {self.worker}"
