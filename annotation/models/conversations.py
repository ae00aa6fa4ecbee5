"""Conversations that people write turn by turn, as OpenAssistant (arXiv:2304.07327) and HH did.

A conversation is a tree: each question has several answers beside one another, which are ranked,
and it goes on from the preferred one. What was accepted is an ordinary Prompt or Completion, so
that rankings, boards, exports and snapshots need to know nothing of conversations.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from annotation.models.campaigns import Campaign
from annotation.models.judgements import Judgement
from annotation.models.prompts import Completion, Prompt


class Growth(models.TextChoices):
    """Where a conversation stands (annotation.actions.grow moves it)."""

    GROWING = "growing", _("Growing")  # texts are written and reviewed; enough answers: RANKING
    WAITING = "waiting", _("Waiting for models")  # their answers are to come; then RANKING
    RANKING = "ranking", _("Being ranked")  # answers are ranked; then GROWING, at its depth READY
    READY = "ready", _("Ready")  # its best path is demonstrations now; only a withdrawal leaves it
    ABORTED = "aborted", _("Stopped")  # nothing is asked any more; its rankings still count


class Conversation(models.Model):
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="conversations")
    root = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="conversations")
    asked = models.ForeignKey(
        Prompt, on_delete=models.PROTECT, related_name="+"
    )  # its last accepted question: the context of the answers that are written or ranked now
    questions = models.PositiveSmallIntegerField(default=1)  # that it has so far
    state = models.CharField(max_length=10, choices=Growth.choices, default=Growth.GROWING)
    reason = models.CharField(max_length=300, blank=True)  # why it was stopped
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "root"], name="a_conversation_begins_once_in_a_campaign"
            ),
            models.CheckConstraint(
                condition=Q(state__in=Growth.values), name="a_conversation_has_a_known_state"
            ),
        ]
        indexes = [models.Index(fields=["campaign", "state", "id"], name="conversation_by_state")]

    def __str__(self) -> str:
        return f"conversation {self.pk}"


class Role(models.TextChoices):
    PROMPTER = "user", _("Question")  # what a person asks next
    ASSISTANT = "assistant", _("Answer")


class Verdict(models.TextChoices):
    """What became of a text that somebody wrote."""

    IN_REVIEW = "in_review", _("In review")  # peers read it; their reviews accept or reject it
    ACCEPTED = "accepted", _("Accepted")  # it is a Prompt (`question`) or Completion now
    REJECTED = "rejected", _("Rejected")  # somebody else is asked for another text


class Turn(Judgement):
    """One text of a conversation, as its author wrote it. `prompt` is the question before it."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="turns")
    role = models.CharField(max_length=10, choices=Role.choices)
    after = models.ForeignKey(
        Completion, on_delete=models.PROTECT, null=True, related_name="+"
    )  # the answer that a question follows
    text = models.TextField()
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.IN_REVIEW)
    question = models.ForeignKey(Prompt, on_delete=models.PROTECT, null=True, related_name="+")
    completion = models.ForeignKey(
        Completion, on_delete=models.PROTECT, null=True, related_name="turns"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(role="assistant", after__isnull=True)
                | Q(role="user", after__isnull=False),
                name="a_question_follows_an_answer",
            ),
            models.CheckConstraint(
                condition=Q(verdict__in=Verdict.values), name="a_message_has_a_known_verdict"
            ),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Objection(models.TextChoices):
    """Why a message is not accepted."""

    SPAM = "spam", _("Spam or nonsense")
    OFF_TOPIC = "off_topic", _("Does not follow from what came before")
    WRONG_ROLE = "wrong_role", _("Not what this side would say")
    LANGUAGE = "language", _("Another language than the conversation")
    POOR = "poor", _("Too poor to learn from")
    PRIVATE = "private", _("Holds private data")
    HARMFUL = "harmful", _("Harmful or hateful")


class Review(Judgement):
    """A peer's word on a message: accepted, or not and why."""

    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="reviews")
    accepted = models.BooleanField()
    objections = ArrayField(
        models.CharField(max_length=12, choices=Objection.choices), default=list, blank=True
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(accepted=True, objections=[])
                | Q(accepted=False, objections__len__gte=1),
                name="a_rejection_says_why",
            )
        ]

    def __str__(self) -> str:
        return "accepted" if self.accepted else ", ".join(self.objections)
