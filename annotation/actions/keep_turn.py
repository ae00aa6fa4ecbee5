"""Keep a message of a conversation, or a review of one, and move the conversation on."""

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from annotation.actions.create_prompt import LONGEST_TEXT
from annotation.actions.grow import after_review, ask_for_reviews, context_of
from annotation.domain import answers
from annotation.models import Assignment, Conversation, Review, Turn
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Step
from annotation.models.conversations import Role, Verdict
from annotation.queries import given


def keep_turn(
    *,
    conversation: Conversation,
    assignment: Assignment,
    annotator: Any,
    answer: answers.Demonstration,
    key: uuid.UUID,
    **told: Any,
) -> Turn:
    """The message as a row, with its reviews asked for. `conversation` is locked.

    Raises:
        ValidationError: the conversation becomes too long, or somebody reads the earlier text.
    """
    item = assignment.item
    before = given(Turn.objects.filter(assignment=assignment)).first()
    if before is not None:
        _take_back(before)
    question = item.step == Step.QUESTION
    assert item.prompt is not None  # every step has the question before it
    turn = Turn(
        prompt=item.prompt,
        annotator=annotator,
        assignment=assignment,
        conversation=conversation,
        role=Role.PROMPTER if question else Role.ASSISTANT,
        after=item.completions.get() if question else None,
        text=answer.text,
        idempotency_key=key,
        supersedes=before,
        **told,
    )
    if sum(len(each["content"]) for each in context_of(turn)) + len(turn.text) > LONGEST_TEXT:
        raise ValidationError(
            _("All messages together have at most %d characters. Write less.") % LONGEST_TEXT
        )
    turn.save()
    ask_for_reviews(turn)
    return turn


def keep_review(
    *, assignment: Assignment, annotator: Any, answer: answers.Review, key: uuid.UUID, **told: Any
) -> Review:
    """A peer's word; with the last one the message is accepted or rejected.

    Raises:
        ValidationError: the message has been decided about already.
    """
    turn = assignment.item.turn
    assert turn is not None  # only a message is reviewed
    turn = Turn.objects.select_related(
        "conversation__campaign__workspace", "prompt", "after", "annotator"
    ).get(pk=turn.pk)
    if turn.verdict != Verdict.IN_REVIEW:
        raise ValidationError(_("This message has been decided about already. Skip the item."))
    review = Review.objects.create(
        prompt=turn.prompt,
        annotator=annotator,
        assignment=assignment,
        turn=turn,
        accepted=answer.accepted,
        objections=list(answer.objections),
        idempotency_key=key,
        supersedes=given(Review.objects.filter(assignment=assignment)).first(),
        **told,
    )
    after_review(turn)
    return review


def require_open(assignment: Assignment) -> None:
    """Whether an answer given in a conversation can still be corrected.

    Raises:
        ValidationError: others have gone on from it.
    """
    step = assignment.item.step
    if step in (Step.QUESTION, Step.ANSWER):
        turn = given(Turn.objects.filter(assignment=assignment)).first()
        if turn is not None:
            read = Assignment.objects.filter(item__turn=turn, item__step=Step.REVIEW).exclude(
                state=AssignmentState.OPEN
            )
            if turn.verdict != Verdict.IN_REVIEW or read.exists():
                raise ValidationError(_("Others are reading your text already."))
    elif step == Step.REVIEW:
        reviewed = assignment.item.turn
        if reviewed is not None and reviewed.verdict != Verdict.IN_REVIEW:
            raise ValidationError(_("This message has been decided about already."))


def _take_back(turn: Turn) -> None:
    """Its reviews are no longer asked for; refused as soon as anybody reads it."""
    reviews = Assignment.objects.filter(item__turn=turn, item__step=Step.REVIEW)
    free = reviews.filter(state=AssignmentState.OPEN)
    if turn.verdict != Verdict.IN_REVIEW or free.update(state=AssignmentState.WITHDRAWN) < len(
        reviews
    ):
        raise ValidationError(
            _("Others are reading this text already: it cannot be changed. Skip the item.")
        )
