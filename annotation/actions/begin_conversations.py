"""Lay out a campaign of conversations: one for each prompt that the filter found."""

from collections.abc import Iterator

from annotation.answerers import have_answered
from annotation.models import Assignment, Campaign, Conversation, Item
from annotation.models.campaigns import Step
from annotation.models.conversations import Growth

A_BATCH = 5000


def begin_conversations(campaign: Campaign, prompts: Iterator[int]) -> int:
    """Begin a conversation with each prompt (ids) and have it answered; how many there are.

    Called inside the transaction that makes the campaign. Slots are laid out slot-major, as those
    of other kinds (annotation.actions.assign).
    """
    state = Growth.WAITING if campaign.model_answers else Growth.GROWING
    begun = Conversation.objects.bulk_create(
        (Conversation(campaign=campaign, root_id=pk, asked_id=pk, state=state) for pk in prompts),
        batch_size=A_BATCH,
    )
    if campaign.model_answers:
        if begun:
            have_answered(campaign, [conversation.root_id for conversation in begun])
        return len(begun)
    items = Item.objects.bulk_create(
        (
            Item(campaign=campaign, prompt_id=one.root_id, conversation=one, step=Step.ANSWER)
            for one in begun
        ),
        batch_size=A_BATCH,
    )
    Assignment.objects.bulk_create(
        (
            Assignment(campaign=campaign, item=item)
            for _slot in range(campaign.answers)
            for item in items
        ),
        batch_size=A_BATCH,
    )
    return len(begun)
