"""What somebody or something suggests for an item, and who was shown it while answering.

A suggestion is no judgement: nothing that counts votes reads these tables.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models.assignments import Assignment
from annotation.models.campaigns import Campaign, Item


class Origin(models.TextChoices):
    """All that an annotator is told of where a suggestion comes from."""

    FILE = "file", _("an imported file")
    PROGRAM = "program", _("a program")  # came by REST
    JUDGE = "judge", _("a model that judges")
    REWARD = "reward", _("a reward model")


class SuggestionSet(models.Model):
    """Suggestions that came together. The name is for managers: it may name a model."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="suggestion_sets")
    origin = models.CharField(max_length=10, choices=Origin.choices)
    name = models.CharField(max_length=200)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(origin__in=Origin.values), name="suggestions_have_a_known_origin"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Suggestion(models.Model):
    """The one suggestion of an item; a newer set replaces it. content: domain.suggestions."""

    item = models.OneToOneField(Item, on_delete=models.CASCADE, related_name="suggestion")
    origin_set = models.ForeignKey(
        SuggestionSet, on_delete=models.CASCADE, related_name="suggestions"
    )
    content = models.JSONField()

    def __str__(self) -> str:
        return f"suggestion for item {self.item_id}"


class SuggestionShown(models.Model):
    """That a person was handed an item with a suggestion: what it was, and whether it was shown.

    Written when the item is handed out and a copy ever after, whatever becomes of the suggestion.
    Not `shown` is the control share: the same suggestion lay there and was kept from the person.
    """

    assignment = models.ForeignKey(Assignment, on_delete=models.CASCADE, related_name="+")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    origin = models.CharField(max_length=10, choices=Origin.choices)
    source = models.CharField(max_length=200)  # the set's name
    content = models.JSONField()
    moment = models.CharField(max_length=6)  # campaigns.Shows: before or after answering
    shown = models.BooleanField()
    first = models.JSONField(null=True)  # shown after answering: what was answered before it
    first_key = models.UUIDField(null=True)  # and in which form
    taken = models.BooleanField(default=False, db_default=False)  # by the key that takes it over

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["assignment", "annotator"], name="a_person_sees_a_suggestion_once"
            )
        ]

    def __str__(self) -> str:
        return f"suggestion of assignment {self.assignment_id}"
