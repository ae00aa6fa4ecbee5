"""What a reviewer does with an item: accept it, decide it anew, send an answer back, undo it all.

Everything is audited, and everything can be taken back: then the judgements count as they did.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions.count_again import count_again
from annotation.actions.give_back import give_back
from annotation.actions.submit import Submission, keep
from annotation.models import Assignment, Decision, Item, SentBack
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Kind, Purpose, ReviewStep, State
from annotation.models.reviews import Ending, Outcome
from annotation.reviews import finished_items, has_answered
from webapp.audit.actions.record import record
from webapp.webhooks.actions.announce import announce
from webapp.webhooks.events import Event

LONGEST_COMMENT = 2000


@transaction.atomic
def accept(*, item: Item, by: Any, comment: str = "") -> Decision:
    """Let the judgements of an item stand as they are.

    Raises:
        ValidationError: the item cannot be decided now, or not by this person.
    """
    _require_decidable(item, by)
    decision = _decide(item, by, Outcome.ACCEPTED, comment)
    count_again(item.campaign, Q(assignment__item=item))
    return decision


@transaction.atomic
def adjudicate(
    *, item: Item, by: Any, shown: list[int], submission: Submission, comment: str = ""
) -> Decision:
    """Judge an item anew: `submission`, about the answers in the order `shown`, counts from now on.

    What the people said stays, for figures about them, and leaves every other figure. Sent twice
    with the same key it is one decision.

    Raises:
        ValidationError: the item cannot be decided now, or not by this person.
        Unanswered: the judgement does not fit what was shown.
    """
    standing = _standing(item)
    if standing is not None and standing.by_id == by.pk and _has_key(standing, submission):
        return standing
    _require_decidable(item, by)
    slot, _new = Assignment.objects.update_or_create(
        item=item,
        annotator=by,
        purpose=Purpose.REVIEW,
        defaults={
            "campaign": item.campaign,
            "state": AssignmentState.SUBMITTED,
            "shown_order": shown,
        },
    )
    slot.item, slot.campaign = item, item.campaign
    keep(assignment=slot, annotator=by, submission=submission)
    Assignment.objects.filter(pk=slot.pk).update(submitted_at=Now())
    decision = _decide(item, by, Outcome.ADJUDICATED, comment, slot)
    count_again(item.campaign, Q(assignment__item=item))
    return decision


@transaction.atomic
def take_back(*, decision: Decision, by: Any) -> Decision:
    """Undo a decision: the item waits for a review again.

    Raises:
        ValidationError: it was taken back already.
    """
    _locked(decision.item)
    taken = Decision.objects.filter(pk=decision.pk, taken_back_at__isnull=True)
    if not taken.update(taken_back_at=Now(), taken_back_by=by):
        raise ValidationError(_("This decision was taken back already."))
    if decision.assignment_id is not None:
        Assignment.objects.filter(pk=decision.assignment_id).update(state=AssignmentState.WITHDRAWN)
    count_again(decision.item.campaign, Q(assignment__item=decision.item_id))
    _recorded(decision.item, by, f"{decision.outcome}_taken_back", {})
    decision.refresh_from_db()
    return decision


@transaction.atomic
def send_back(*, assignment: Assignment, by: Any, comment: str) -> SentBack:
    """Give an answer back to its author, who is asked for it again before anything else.

    The answer counts as it did until another one is in.

    Raises:
        ValidationError: no comment, no such answer, the campaign is closed, the item is decided.
    """
    comment = comment.strip()
    if not comment:
        raise ValidationError(_("Say what is to be looked at again."), code="comment")
    if len(comment) > LONGEST_COMMENT:
        raise ValidationError(
            _("The comment has %(given)d characters; at most %(most)d are kept.")
            % {"given": len(comment), "most": LONGEST_COMMENT}
        )
    item = assignment.item
    _require_decidable(item, by)
    if item.campaign.state == State.CLOSED:
        raise ValidationError(
            _("The campaign is closed. Open it again, so that it can be answered.")
        )
    answered = Assignment.objects.filter(
        pk=assignment.pk,
        purpose=Purpose.WORK,
        repeat_of__isnull=True,
        state=AssignmentState.SUBMITTED,
    )
    if not answered.exists():
        raise ValidationError(_("There is no answer here that could be sent back."))
    if SentBack.objects.filter(assignment=assignment, ended_at__isnull=True).exists():
        raise ValidationError(_("This answer is with its author already."))
    row = SentBack.objects.create(
        assignment=assignment,
        campaign=item.campaign,
        annotator=assignment.annotator,  # type: ignore[misc]  # who has answered is known
        comment=comment,
        by=by,
    )
    record(
        actor=by,
        action="assignment.send_back",
        target=assignment,
        workspace=item.campaign.workspace,
        changes={"comment": ["", comment[:500]]},
    )
    announce(
        item.campaign.workspace,
        Event.JUDGEMENT_SENT_BACK,
        {"campaign": item.campaign_id, "item": item.pk, "assignment": assignment.pk},
    )
    return row


@transaction.atomic
def fetch_back(*, sent: SentBack, by: Any) -> SentBack:
    """Take back what was sent back, while its author has not answered.

    Raises:
        ValidationError: it was answered meanwhile.
    """
    found = SentBack.objects.filter(pk=sent.pk, ended_at__isnull=True)
    if not found.update(ended_at=Now(), ending=Ending.TAKEN_BACK):
        raise ValidationError(_("Its author has answered meanwhile."))
    give_back(Assignment.objects.filter(pk=sent.assignment_id))
    record(
        actor=by,
        action="assignment.send_back_taken_back",
        target=sent.assignment,
        workspace=sent.campaign.workspace,
    )
    sent.refresh_from_db()
    return sent


def _locked(item: Item) -> None:
    """Two reviewers of one item come one after the other."""
    Item.objects.select_for_update(of=("self",)).get(pk=item.pk)


def _standing(item: Item) -> Decision | None:
    _locked(item)
    return Decision.objects.filter(item=item, taken_back_at__isnull=True).first()


def _has_key(decision: Decision, submission: Submission) -> bool:
    slot = decision.assignment
    return slot is not None and any(
        rows.filter(idempotency_key=submission.key).exists()
        for rows in (slot.comparisons, slot.rankings, slot.demonstrations)
    )


def _require_decidable(item: Item, by: Any) -> None:
    """
    Raises:
        ValidationError: with the reason.
    """
    if item.campaign.kind == Kind.CONVERSATION:
        raise ValidationError(_("Conversations are reviewed by peers, message by message."))
    if item.campaign.review == ReviewStep.NOTHING:
        raise ValidationError(_("This campaign has no review step. Choose one in its settings."))
    if _standing(item) is not None:
        raise ValidationError(_("Somebody has decided this item meanwhile."))
    if has_answered(by, item):
        raise ValidationError(_("You have answered this item: somebody else reviews it."))
    # Who is correcting an answer at the moment keeps the draft; the answer before it is reviewed.
    give_back(Assignment.objects.filter(item=item, submitted_at__isnull=False))
    if not finished_items(item.campaign).filter(pk=item.pk).exists():
        raise ValidationError(_("Not all people have answered this item yet."))


def _decide(
    item: Item, by: Any, outcome: str, comment: str, slot: Assignment | None = None
) -> Decision:
    SentBack.objects.filter(assignment__item=item, ended_at__isnull=True).update(
        ended_at=timezone.now(), ending=Ending.TAKEN_BACK
    )
    # A repeat that is out would be another answer to what is settled.
    give_back(Assignment.objects.filter(item=item))
    decision = Decision.objects.create(
        item=item, outcome=outcome, assignment=slot, comment=comment[:LONGEST_COMMENT], by=by
    )
    _recorded(item, by, outcome, {"comment": ["", comment[:500]]} if comment else {})
    announce(
        item.campaign.workspace,
        Event.ITEM_REVIEWED,
        {"campaign": item.campaign_id, "item": item.pk, "outcome": outcome},
    )
    return decision


def _recorded(item: Item, by: Any, outcome: str, changes: dict[str, Any]) -> None:
    record(
        actor=by,
        action=f"item.{outcome}",
        target=item,
        workspace=item.campaign.workspace,
        changes=changes,
    )
