"""Pass an item on: it goes back to the queue, and this person is not asked about it again."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from annotation.actions.give_back import give_back
from annotation.models import Assignment, SentBack, Skip
from annotation.models.assignments import AssignmentState
from annotation.models.reviews import Ending
from webapp.audit.actions.record import record


def skip(
    *, assignment: Assignment, annotator: Any, reason: str, flagged: bool = False
) -> Skip | None:
    """Give the item back with a reason; None when the person did not hold it any more.

    Raises:
        ValidationError: no reason was given.
    """
    reason = reason.strip()
    if not reason:
        raise ValidationError(_("Say in a few words why you skip this item."), code="reason")
    with transaction.atomic():
        held = Assignment.objects.filter(
            pk=assignment.pk, annotator=annotator, state=AssignmentState.LEASED
        )
        if not give_back(held):
            return None
        # A reviewer had sent it back: its author stands by the answer.
        SentBack.objects.filter(assignment=assignment, ended_at__isnull=True).update(
            ended_at=Now(), ending=Ending.KEPT, reply=reason[:500]
        )
        row, _new = Skip.objects.get_or_create(
            item_id=assignment.item_id,
            annotator=annotator,
            defaults={"reason": reason[:500], "flagged": flagged},
        )
        record(
            actor=annotator,
            action="assignment.skip",
            target=assignment,
            workspace=assignment.campaign.workspace,
            changes={"reason": ["", reason[:500]]},
        )
        return row
