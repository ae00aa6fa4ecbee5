"""Take the last submission back into work. Its row stays until the corrected one supersedes it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from annotation.actions.give_back import give_back
from annotation.actions.keep_turn import require_open
from annotation.actions.save_draft import keep_as_draft
from annotation.models import Assignment, Campaign, Decision
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Purpose, State
from annotation.typed_again import typed_of
from webapp.audit.actions.record import record


def undo(*, campaign: Campaign, annotator: Any) -> Assignment:
    """Reopen the last item that `annotator` submitted here; what is held now goes back first.

    The form begins with what was answered.
    The old judgement counts until the corrected one is in, so that nothing acknowledged is lost by
    an undo that is never finished.

    Raises:
        ValidationError: nothing was submitted here, the campaign is closed, or others have gone on
            from it in a conversation, or a reviewer has decided about it.
    """
    if campaign.state == State.CLOSED:
        raise ValidationError(_("This campaign is closed: its work can be read, not changed."))
    with transaction.atomic():
        mine = Assignment.objects.select_for_update().filter(campaign=campaign, annotator=annotator)
        # The training has shown its right answer: there is nothing left to correct.
        last = (
            mine.filter(state=AssignmentState.SUBMITTED)
            .exclude(purpose__in=(Purpose.TRAINING, Purpose.REVIEW))
            .order_by("-submitted_at")
            .first()
        )
        if last is None:
            raise ValidationError(_("You have submitted nothing here yet."))
        require_open(last)
        if Decision.objects.filter(item=last.item_id, taken_back_at__isnull=True).exists():
            raise ValidationError(
                _("Your last answer has been reviewed already: it cannot be changed any more.")
            )
        give_back(mine.filter(state=AssignmentState.LEASED))
        Assignment.objects.filter(pk=last.pk).update(
            state=AssignmentState.LEASED,
            lease_until=Now() + campaign.reservation,
            attempt=last.attempt + 1,
        )
        last.campaign = campaign
        keep_as_draft(item=last.item, annotator=annotator, content=typed_of(last))
        record(actor=annotator, action="assignment.undo", target=last, workspace=campaign.workspace)
    last.refresh_from_db()
    return last
