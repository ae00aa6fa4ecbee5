"""Make an item a check question with a right answer, or a real question again."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.domain.answers import Answer
from annotation.domain.gold import expected_from
from annotation.models import Assignment, Campaign, Item
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import CHECKED, Purpose
from webapp.audit.actions.record import record


@transaction.atomic
def set_check(
    *, item: Item, by: Any, purpose: str, answer: Answer, shown: list[int], explanation: str = ""
) -> Item:
    """Ask `item` as a hidden check or in the training; `answer` is the right one, in order `shown`.

    Its free slots are withdrawn: everybody is asked once, whatever the overlap. Answers that people
    have given already keep counting, because they were given to a real question.

    Raises:
        ValidationError: the campaign asks for texts, or the purpose is none of a check.
    """
    if item.campaign.kind not in CHECKED:
        raise ValidationError(_("Written answers have no right answer to check against."))
    if purpose not in (Purpose.GOLD, Purpose.TRAINING):
        raise ValidationError(_("Choose whether it is a hidden check or part of the training."))
    expected = expected_from(answer, shown)
    return ask_as_check(
        item=item, by=by, purpose=purpose, expected=expected, explanation=explanation
    )


@transaction.atomic
def ask_as_check(
    *, item: Item, by: Any, purpose: str, expected: Mapping[str, Any], explanation: str = ""
) -> Item:
    """The same with the right answer as annotation.domain.gold writes it."""
    before = item.purpose
    item.purpose = purpose
    item.expected = dict(expected)
    item.explanation = explanation
    item.save(update_fields=["purpose", "expected", "explanation"])
    Assignment.objects.filter(item=item, state=AssignmentState.OPEN).update(
        state=AssignmentState.WITHDRAWN
    )
    _recorded(item, by, before)
    return item


@transaction.atomic
def remove_check(*, item: Item, by: Any) -> Item:
    """Make it a real question again: it gets the slots that the overlap still lacks."""
    before = item.purpose
    item.purpose, item.expected, item.explanation = Purpose.WORK, None, ""
    item.save(update_fields=["purpose", "expected", "explanation"])
    campaign = Campaign.objects.select_for_update().get(pk=item.campaign_id)
    kept = (
        Assignment.objects.filter(item=item, purpose=Purpose.WORK, repeat_of__isnull=True)
        .exclude(state=AssignmentState.WITHDRAWN)
        .count()
    )
    Assignment.objects.bulk_create(
        Assignment(campaign=campaign, item=item) for _ in range(campaign.overlap - kept)
    )
    _recorded(item, by, before)
    return item


def _recorded(item: Item, by: Any, before: str) -> None:
    record(
        actor=by,
        action="item.purpose",
        target=item,
        workspace=item.campaign.workspace,
        changes={"purpose": [before, item.purpose]},
    )
