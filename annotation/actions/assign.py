"""Hand a person the next item of a campaign: one claim is one statement.

FOR UPDATE SKIP LOCKED lets any number of people claim at once without waiting and without meeting;
behind it stand the constraints "a person has an item once" and "a person holds one item at a time".
Slots are laid out slot-major (every item's first slot before any second one), so that the head of
the queue holds work for everybody and a claim stays cheap however much somebody has done.

A reservation is the one write that need not survive a crash (the item is then simply free again),
so the claim commits without waiting for the disk, unless it is part of a larger transaction.
"""

from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotation.actions.give_back import release_expired
from annotation.models import Assignment, Campaign
from annotation.models.assignments import AssignmentState
from annotation.queries import held_assignment

CLAIM = """
WITH next AS (
    SELECT slot.id
    FROM annotation_assignment slot
    WHERE slot.campaign_id = %(campaign)s
      AND slot.state = 'open'
      AND NOT EXISTS (
          SELECT FROM annotation_assignment done
          WHERE done.item_id = slot.item_id AND done.annotator_id = %(user)s)
      AND NOT EXISTS (
          SELECT FROM annotation_skip skip
          WHERE skip.item_id = slot.item_id AND skip.annotator_id = %(user)s)
      AND NOT EXISTS (
          SELECT FROM annotation_itemcompletion shown
          JOIN annotation_completion answer ON answer.id = shown.completion_id
          WHERE shown.item_id = slot.item_id AND answer.author_id = %(user)s)
    ORDER BY slot.id
    LIMIT 1
    FOR UPDATE OF slot SKIP LOCKED
)
UPDATE annotation_assignment slot
SET state = 'leased', annotator_id = %(user)s, attempt = slot.attempt + 1,
    lease_until = now() + make_interval(mins => %(minutes)s), claimed_at = now(),
    shown_order = COALESCE((
        SELECT array_agg(shown.completion_id ORDER BY random())
        FROM annotation_itemcompletion shown WHERE shown.item_id = slot.item_id), '{}')
FROM next
WHERE slot.id = next.id
RETURNING slot.id, set_config('synchronous_commit', %(commit)s, true)
"""

REPEAT = """
INSERT INTO annotation_assignment
    (campaign_id, item_id, state, annotator_id, repeat_of_id, attempt, lease_until, claimed_at,
     shown_order)
SELECT first.campaign_id, first.item_id, 'leased', first.annotator_id, first.id, 1,
       now() + make_interval(mins => %(minutes)s), now(),
       ARRAY(SELECT id FROM unnest(first.shown_order) WITH ORDINALITY AS t(id, place)
             ORDER BY place DESC)
FROM annotation_assignment first
WHERE first.campaign_id = %(campaign)s AND first.annotator_id = %(user)s
  AND first.state = 'submitted' AND first.repeat_of_id IS NULL
  AND first.submitted_at < now() - interval '10 minutes'
  AND NOT EXISTS (SELECT FROM annotation_assignment again WHERE again.repeat_of_id = first.id)
ORDER BY first.submitted_at
LIMIT 1
RETURNING id
"""


def assign(*, campaign: Campaign, annotator: Any) -> Assignment | None:
    """The item that `annotator` is to work on: the one already held, else the next free one.

    None when there is nothing (more) for this person here. The caller has checked that the person
    may work in this campaign (annotation.access.campaigns_to_work_in).
    """
    held = held_assignment(annotator, campaign)
    if held is not None or not _may_take_more(campaign, annotator):
        return held
    if _repeat_is_due(campaign, annotator) and _run(REPEAT, campaign, annotator):
        return held_assignment(annotator, campaign)
    if not _run(CLAIM, campaign, annotator):
        release_expired(campaign=campaign)  # only where the queue looks empty: it is a write
        _run(CLAIM, campaign, annotator)
    return held_assignment(annotator, campaign)


def _run(statement: str, campaign: Campaign, annotator: Any) -> bool:
    """Whether the statement handed something out; False too when a second tab was faster."""
    values = {
        "campaign": campaign.pk,
        "user": annotator.pk,
        "minutes": campaign.minutes,
        "commit": "on" if connection.in_atomic_block else "off",
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone() is not None
    except IntegrityError:
        return False


def _may_take_more(campaign: Campaign, annotator: Any) -> bool:
    if campaign.deadline is not None and campaign.deadline < timezone.now():
        return False
    if campaign.cap is None:
        return True
    return _submitted(campaign, annotator, repeats=False) < campaign.cap


def _repeat_is_due(campaign: Campaign, annotator: Any) -> bool:
    """Whether fewer repeats were given than the campaign's share asks for."""
    if not campaign.repeat_share:
        return False
    first = _submitted(campaign, annotator, repeats=False)
    again = _submitted(campaign, annotator, repeats=True)
    return again < int(first * campaign.repeat_share)


def _submitted(campaign: Campaign, annotator: Any, *, repeats: bool) -> int:
    return Assignment.objects.filter(
        campaign=campaign,
        annotator=annotator,
        state=AssignmentState.SUBMITTED,
        repeat_of__isnull=not repeats,
    ).count()
