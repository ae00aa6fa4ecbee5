"""Stop a person in a campaign, take the votes out of every figure, or undo both."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from annotation.actions.count_again import count_again
from annotation.actions.give_back import give_back
from annotation.models import Assignment, Campaign, Standing
from annotation.models.standings import StandingState
from annotation.standings import ENOUGH_CHECKS, checks_of, gold_accuracy
from webapp.audit.actions.record import record

WORKS = "works"  # no row: nothing was said about this person


@transaction.atomic
def set_standing(
    *, campaign: Campaign, user: Any, state: str, reason: str = "", by: Any = None
) -> Standing | None:
    """Put a person where `state` says: admitted, paused, excluded, or "works" for no word at all.

    A pause gives back what the person holds (the draft stays). After an exclusion the answers given
    so far leave every figure and every later snapshot; in any other state they count again.

    Raises:
        ValidationError: there is no such state.
    """
    if state != WORKS and state not in StandingState.values:
        allowed = ", ".join([WORKS, *StandingState.values])
        raise ValidationError(
            _("%(state)s is no standing. Allowed: %(allowed)s.")
            % {"state": state, "allowed": allowed}
        )
    Campaign.objects.select_for_update().get(pk=campaign.pk)  # two decisions come one at a time
    before = Standing.objects.filter(campaign=campaign, user=user).first()
    was = before.state if before else WORKS
    row = None
    if state == WORKS:
        Standing.objects.filter(campaign=campaign, user=user).delete()
    else:
        row, _new = Standing.objects.update_or_create(
            campaign=campaign,
            user=user,
            defaults={"state": state, "reason": reason[:300], "by": by},
        )
    if state in (StandingState.PAUSED, StandingState.EXCLUDED):
        give_back(Assignment.objects.filter(campaign=campaign, annotator=user))
    count_again(campaign, Q(annotator=user))
    record(
        actor=by,
        action="standing.set",
        target=f"{user} in campaign {campaign.pk}",
        workspace=campaign.workspace,
        changes={"state": [was, state], "reason": ["", reason[:300]]},
    )
    return row


def pause_where_checks_fail(*, campaign: Campaign, user: Any) -> bool:
    """After an answer to a hidden check: whether the campaign's threshold has paused the person.

    It looks once there are enough checks, and never at somebody whom a manager has admitted.
    """
    if campaign.pause_below is None:
        return False
    if Standing.objects.filter(campaign=campaign, user=user).exists():
        return False
    accuracy = gold_accuracy(checks_of(campaign, people=[user.pk]).get(user.pk, []))
    if accuracy.value is None or accuracy.n < ENOUGH_CHECKS:
        return False
    if accuracy.value >= campaign.pause_below:
        return False
    reason = _(
        "%(right)d of %(n)d hidden checks were right; the campaign asks for %(need)d %%."
    ) % {
        "right": round(accuracy.value * accuracy.n),
        "n": accuracy.n,
        "need": round(100 * campaign.pause_below),
    }
    set_standing(campaign=campaign, user=user, state=StandingState.PAUSED, reason=reason)
    return True
