"""Put one more question into a campaign that is already there."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from annotation.models import Assignment, Campaign, Completion, Item, ItemCompletion, Prompt
from annotation.models.campaigns import WRITES, WRITES_PROMPTS, Kind, State
from webapp.audit.actions.record import record


@transaction.atomic
def add_item(
    *,
    campaign: Campaign,
    by: Any,
    prompt: Prompt,
    completions: Sequence[Completion] = (),
    pair_probability: float | None = None,
) -> Item:
    """A new item with its slots; people are handed it after what already waits.

    The same prompt with the same answers is asked once.

    Raises:
        ValidationError: the campaign is closed, of another workspace, or shows another number of
            answers.
    """
    if campaign.workspace_id != prompt.workspace_id:
        raise ValidationError(_("The campaign belongs to another workspace."))
    if campaign.state == State.CLOSED:
        raise ValidationError(_("The campaign is closed. Open it again, or choose another one."))
    if campaign.kind in (*WRITES_PROMPTS, Kind.CONVERSATION):
        raise ValidationError(_("This campaign makes its items itself: none can be added."))
    rewritten = int(campaign.rewrites)  # a demonstration is written anew, or from one answer
    wanted = rewritten if campaign.kind in WRITES else campaign.answers
    if len({each.pk for each in completions}) != wanted:
        raise ValidationError(
            _("An item of this campaign shows %(wanted)d different answers; %(given)d are chosen.")
            % {"wanted": wanted, "given": len({each.pk for each in completions})}
        )
    if any(each.prompt_id != prompt.pk for each in completions):
        raise ValidationError(_("An answer belongs to another prompt."))
    shown = {each.pk for each in completions}
    for item in Item.objects.filter(campaign=campaign, prompt=prompt).prefetch_related("shown"):
        if {entry.completion_id for entry in item.shown.all()} == shown:
            return item
    item = Item.objects.create(campaign=campaign, prompt=prompt, pair_probability=pair_probability)
    ItemCompletion.objects.bulk_create(
        ItemCompletion(item=item, completion=each) for each in completions
    )
    Assignment.objects.bulk_create(
        Assignment(campaign=campaign, item=item) for _slot in range(campaign.overlap)
    )
    record(actor=by, action="campaign.add_item", target=campaign, workspace=campaign.workspace)
    return item
