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
from annotation.actions.grow import continue_waiting
from annotation.boards.actions.draw_pairs import draw_more
from annotation.domain.gold import check_is_due
from annotation.models import Assignment, Campaign
from annotation.models.campaigns import Kind, Purpose
from annotation.queries import done_today, handed, held_assignment
from annotation.standings import is_stopped, training_of

# A check is one for everybody, so it needs no slot: the row is made when it is handed out. Hidden
# ones come in an order of each person's own.
CHECK = """
INSERT INTO annotation_assignment
    (campaign_id, item_id, state, annotator_id, attempt, lease_until, claimed_at, purpose,
     shown_order)
SELECT item.campaign_id, item.id, 'leased', %(user)s, 1,
       now() + make_interval(mins => %(minutes)s), now(), item.purpose,
       COALESCE((SELECT array_agg(shown.completion_id ORDER BY random())
                 FROM annotation_itemcompletion shown WHERE shown.item_id = item.id), '{}')
FROM annotation_item item
WHERE item.campaign_id = %(campaign)s AND item.purpose = %(purpose)s
  AND NOT EXISTS (
      SELECT FROM annotation_assignment done
      WHERE done.item_id = item.id AND done.annotator_id = %(user)s AND done.state <> 'withdrawn')
  AND NOT EXISTS (
      SELECT FROM annotation_skip skip
      WHERE skip.item_id = item.id AND skip.annotator_id = %(user)s)
ORDER BY CASE item.purpose WHEN 'training' THEN '' ELSE md5(item.id || ':' || %(user)s) END, item.id
LIMIT 1
RETURNING id
"""

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
      {more}
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

# In a conversation nobody reviews or answers a text of their own.
OWN_TURN = """
      AND NOT EXISTS (
          SELECT FROM annotation_item item JOIN annotation_turn turn ON turn.id = item.turn_id
          WHERE item.id = slot.item_id AND turn.annotator_id = %(user)s)
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
  AND first.state = 'submitted' AND first.repeat_of_id IS NULL AND first.purpose = 'work'
  AND first.submitted_at < now() - interval '10 minutes'
  AND NOT EXISTS (SELECT FROM annotation_assignment again WHERE again.repeat_of_id = first.id)
ORDER BY first.submitted_at
LIMIT 1
RETURNING id
"""


def assign(*, campaign: Campaign, annotator: Any) -> Assignment | None:
    """The item that `annotator` is to work on: the one already held, else the next one.

    None when there is nothing (more) for this person here. The caller has checked that the person
    may work in this campaign (annotation.access.campaigns_to_work_in).
    """
    held = held_assignment(annotator, campaign)
    if held is not None or not _may_take_more(campaign, annotator):
        return held
    # Nothing: or another window of the same person got it, or the next batch of pairs is due.
    if not _hand_out(campaign, annotator) and (draw_more(campaign) or _went_on(campaign)):
        _hand_out(campaign, annotator)
    return held_assignment(annotator, campaign)


def _hand_out(campaign: Campaign, annotator: Any) -> bool:
    """Training first, then the real work with repeats and checks between; whether there was any."""
    entry = training_of(annotator, campaign)
    if entry.open:
        return _run(CHECK, campaign, annotator, Purpose.TRAINING)
    if not entry.admitted:
        return False
    if campaign.gold_share or campaign.repeat_share or campaign.cap is not None:
        done = handed(annotator, campaign)
        if campaign.cap is not None and done.work >= campaign.cap:
            return False
        if check_is_due(campaign.pk, annotator.pk, done.all, campaign.gold_share) and _run(
            CHECK, campaign, annotator, Purpose.GOLD
        ):
            return True
        due = int(done.work * campaign.repeat_share)
        if done.repeats < due and _run(REPEAT, campaign, annotator):
            return True
    claim = CLAIM.replace("{more}", OWN_TURN if campaign.kind == Kind.CONVERSATION else "")
    if _run(claim, campaign, annotator):
        return True
    release_expired(campaign=campaign)  # only where the queue looks empty: it is a write
    return _run(claim, campaign, annotator)


def _went_on(campaign: Campaign) -> bool:
    with transaction.atomic():
        return continue_waiting(campaign)


def _run(statement: str, campaign: Campaign, annotator: Any, purpose: str = Purpose.WORK) -> bool:
    """Whether the statement handed something out; False too when a second tab was faster."""
    values = {
        "campaign": campaign.pk,
        "user": annotator.pk,
        "minutes": campaign.minutes,
        "purpose": purpose,
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
    if campaign.daily is not None and done_today(annotator, campaign) >= campaign.daily:
        return False
    return not is_stopped(annotator, campaign)
