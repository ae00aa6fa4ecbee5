"""Who is asked what, and what they had typed when something came between.

An Assignment is a slot: an item with overlap n has n of them from the start, so the target can
never be exceeded. The rows are narrow and leave room on their page (fillfactor), because claiming
and submitting rewrites them all day.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from annotation.models.campaigns import Campaign, Item, Purpose


class AssignmentState(models.TextChoices):
    OPEN = "open", "Open"  # nobody has it; claim takes it
    LEASED = (
        "leased",
        "Leased",
    )  # one person has it; submit, skip and expiry leave it
    SUBMITTED = "submitted", "Submitted"  # its judgement is in; undo takes it back to LEASED
    WITHDRAWN = "withdrawn", "Withdrawn"  # its item or person was taken out; nothing leaves it


class Assignment(models.Model):
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="assignments")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="assignments")
    state = models.CharField(
        max_length=10, choices=AssignmentState.choices, default=AssignmentState.OPEN
    )
    # Every claim and every answer writes into each index of this table: none stands there twice.
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,  # see assignment_of_a_person
        related_name="assignments",
    )
    repeat_of = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        db_index=False,  # see an_item_is_repeated_once
        related_name="repeats",
    )  # the same person is asked again, sides swapped: a measure of self-consistency
    purpose = models.CharField(
        max_length=8, choices=Purpose.choices, default=Purpose.WORK, db_default=Purpose.WORK
    )  # of the item when it was handed out
    attempt = models.PositiveIntegerField(default=0)  # fencing token: grows with every claim
    lease_until = models.DateTimeField(null=True)
    shown_order = ArrayField(models.BigIntegerField(), default=list)  # completion ids, left first
    claimed_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "annotator"],
                condition=Q(annotator__isnull=False, repeat_of__isnull=True),
                name="a_person_has_an_item_once",
            ),
            models.UniqueConstraint(fields=["repeat_of"], name="an_item_is_repeated_once"),
            models.UniqueConstraint(
                fields=["annotator", "campaign"],
                condition=Q(state=AssignmentState.LEASED),
                name="a_person_holds_one_item_at_a_time",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state=AssignmentState.OPEN, annotator__isnull=True, lease_until__isnull=True)
                    | Q(
                        state=AssignmentState.LEASED,
                        annotator__isnull=False,
                        lease_until__isnull=False,
                    )
                    | Q(state=AssignmentState.SUBMITTED, annotator__isnull=False)
                    | Q(state=AssignmentState.WITHDRAWN)
                ),
                name="an_assignment_is_held_or_free",
            ),
        ]
        indexes = [
            models.Index(  # the queue; annotation.actions.assign says why `id + 0`
                F("campaign"),
                F("id") + 0,
                condition=Q(state=AssignmentState.OPEN),
                name="assignment_queue",
            ),
            models.Index(
                fields=["lease_until"],
                condition=Q(state=AssignmentState.LEASED),
                name="assignment_leased",
            ),
            models.Index(fields=["annotator", "campaign"], name="assignment_of_a_person"),
        ]

    def __str__(self) -> str:
        return f"assignment {self.pk}"

    @property
    def asks(self) -> str:
        """The step of a conversation, or the kind of the campaign: what the form looks like."""
        return self.item.step or self.campaign.kind


class Draft(models.Model):
    """What a person has typed for an item, kept whatever happens to the assignment.

    `version` grows by one with every save; a save that names an older one is refused, so that two
    tabs never overwrite each other in silence.
    """

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="drafts")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts"
    )
    content = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "annotator"], name="a_person_has_one_draft_of_an_item"
            )
        ]

    def __str__(self) -> str:
        return f"draft of item {self.item_id}"


class Skip(models.Model):
    """A person passed an item on; they are not asked about it again."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="skips")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="skips"
    )
    reason = models.CharField(max_length=500)
    flagged = models.BooleanField(default=False)  # a manager should look at it
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "annotator"], name="a_person_skips_an_item_once"
            )
        ]

    def __str__(self) -> str:
        return self.reason
