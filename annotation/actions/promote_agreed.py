"""Make items that people agree about hidden checks, all by one act."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.actions.set_check import ask_as_check
from annotation.agreed_items import agreed_items
from annotation.models import Campaign
from annotation.models.campaigns import Purpose

FEWEST_PEOPLE = 2  # one person agrees with everybody


@transaction.atomic
def promote_agreed(
    *, campaign: Campaign, by: Any, people: int, share: float, most: int | None = None
) -> int:
    """Ask the items of annotation.agreed_items as hidden checks from now on; how many they are.

    The answers given already keep counting: they were given to real questions. Each can be made a
    real question again on the page of checks.

    Raises:
        ValidationError: fewer than two people or a share that is none are asked for, or no item is
            agreed about so clearly.
    """
    if people < FEWEST_PEOPLE or not 0.5 < share <= 1:
        raise ValidationError(
            _("Ask for at least two people, and for more than half of them to say the same.")
        )
    Campaign.objects.select_for_update().get(pk=campaign.pk)
    found = agreed_items(campaign, people=people, share=share)[:most]
    if not found:
        raise ValidationError(
            _("No item is agreed about so clearly. Ask for fewer people or less agreement.")
        )
    for one in found:
        one.item.campaign = campaign
        ask_as_check(item=one.item, by=by, purpose=Purpose.GOLD, expected=one.expected)
    return len(found)
