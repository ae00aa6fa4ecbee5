"""A second reading: what a reviewer decided about an item, and what went back to its author.

A decision is added and taken back, never changed, so that the rows say who decided what and when.
What follows for the judgements is told by annotation.actions.count_again in one place.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models.assignments import Assignment
from annotation.models.campaigns import Campaign, Item


class Outcome(models.TextChoices):
    ACCEPTED = "accepted", _("Accepted")  # the judgements count as they are
    ADJUDICATED = "adjudicated", _("Decided anew")  # the reviewer's own judgement counts instead


class Decision(models.Model):
    """A reviewer's word on an item. `assignment` holds the reviewer's own judgement, if any."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="decisions")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    assignment = models.ForeignKey(
        Assignment, on_delete=models.PROTECT, null=True, related_name="decisions"
    )
    comment = models.TextField(blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    taken_back_at = models.DateTimeField(null=True)
    taken_back_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item"],
                condition=Q(taken_back_at__isnull=True),
                name="one_decision_stands_for_an_item",
            ),
            models.CheckConstraint(
                condition=Q(outcome=Outcome.ACCEPTED, assignment__isnull=True)
                | Q(outcome=Outcome.ADJUDICATED, assignment__isnull=False),
                name="a_decision_anew_has_a_judgement",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} item {self.item_id}"


class Ending(models.TextChoices):
    CORRECTED = "corrected", _("Answered anew")  # by its author, perhaps with the same answer
    KEPT = "kept", _("Kept as it was")  # its author passed it on and said why
    TAKEN_BACK = "taken_back", _("Taken back")  # the reviewer did not want it any more


class SentBack(models.Model):
    """An answer that a reviewer gave back to its author, with what is to be looked at again.

    Open until `ended_at`: its author is handed it before anything else.
    """

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="sent_back")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="sent_back")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    comment = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=10, choices=Ending.choices, blank=True)
    reply = models.TextField(blank=True)  # of an author who kept the answer

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assignment"],
                condition=Q(ended_at__isnull=True),
                name="an_answer_is_sent_back_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ending="")
                | Q(ended_at__isnull=False, ending__in=Ending.values),
                name="what_came_back_ended_somehow",
            ),
        ]
        indexes = [
            models.Index(
                fields=["annotator", "campaign"],
                condition=Q(ended_at__isnull=True),
                name="sent_back_to_a_person",
            ),
        ]

    def __str__(self) -> str:
        return self.comment[:80]
