"""Open, pause, resume and close a campaign; change its guidelines. All work is kept."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.actions.give_back import give_back
from annotation.models import Assignment, Campaign, Guidelines
from annotation.models.campaigns import State
from annotation.queries import told_of
from webapp.audit.actions.record import record
from webapp.webhooks.actions.announce import announce
from webapp.webhooks.events import Event

MAY_BECOME: dict[str, set[str]] = {
    State.LAYING_OUT: {State.CLOSED},
    State.DRAFT: {State.OPEN, State.CLOSED},
    State.OPEN: {State.PAUSED, State.CLOSED},
    State.PAUSED: {State.OPEN, State.CLOSED},
    State.CLOSED: {State.OPEN},
}
TOLD: dict[str, str] = {
    State.OPEN: Event.CAMPAIGN_OPENED,
    State.PAUSED: Event.CAMPAIGN_PAUSED,
    State.CLOSED: Event.CAMPAIGN_CLOSED,
}


@transaction.atomic
def change_state(*, campaign: Campaign, by: Any, state: str, because: str = "") -> Campaign:
    """Move a campaign on. Closing gives reservations back; the drafts of their holders stay.

    because: the reason where a rule does it, for whoever finds the campaign so.

    Raises:
        ValidationError: the campaign cannot go from where it is to `state`.
    """
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if state not in MAY_BECOME[locked.state]:
        raise ValidationError(
            _("The campaign is %(now)s and cannot become %(then)s.")
            % {"now": locked.get_state_display(), "then": State(state).label}
        )
    begun = locked.items.exists() or locked.conversations.exists()
    if state == State.OPEN and not begun:
        raise ValidationError(_("The campaign has no items. Make a new one with a wider filter."))
    before, locked.state = locked.state, state
    locked.paused_because = because[:300]
    if state == State.OPEN and locked.opened_at is None:
        locked.opened_at = timezone.now()
    locked.save(update_fields=["state", "opened_at", "paused_because"])
    if state == State.CLOSED:
        give_back(Assignment.objects.filter(campaign=locked))
    record(
        actor=by,
        action="campaign.state",
        target=locked,
        workspace=locked.workspace,
        changes={"state": [before, state]} | ({"because": ["", because]} if because else {}),
    )
    announce(locked.workspace, TOLD[state], told_of(locked))
    return locked


@transaction.atomic
def change_guidelines(*, campaign: Campaign, by: Any, text: str) -> Guidelines:
    """Add a version; an unchanged text adds none."""
    Campaign.objects.select_for_update().get(pk=campaign.pk)  # versions are numbered one at a time
    newest = campaign.guidelines.first()
    if newest is not None and newest.text == text:
        return newest
    last = campaign.guidelines.aggregate(last=Max("version"))["last"] or 0
    added = Guidelines.objects.create(campaign=campaign, version=last + 1, text=text, created_by=by)
    record(
        actor=by,
        action="campaign.guidelines",
        target=campaign,
        workspace=campaign.workspace,
        changes={"version": [last, last + 1]},
    )
    return added
