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
from annotation.actions.reopen import reopen
from annotation.actions.show_suggestion import note_suggestion
from annotation.boards.actions.draw_pairs import draw_more
from annotation.desk import Desk, HeldItem, desk_of, held_item, shown_of
from annotation.domain.gold import check_is_due
from annotation.models import Assignment, Campaign
from annotation.models.campaigns import Kind, Purpose
from annotation.queries import done_today, handed, held_assignment
from annotation.standings import training_of

# A check is one for everybody, so it needs no slot: the row is made when it is handed out. Hidden
# ones come in an order of each person's own.
CHECK = """
WITH handed AS (
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
RETURNING *)
"""

# Two traps, both seen: the planner reads `ORDER BY id` as leave to walk the primary key from its
# beginning, through everything that is answered already; `id + 0` is a column of one index only,
# that of the open slots. And it turns NOT EXISTS into a join with everything that this person ever
# did; a subquery that gives a value is asked once for each candidate, and there is mostly one.
CLAIM = """
WITH next AS (
    SELECT slot.id
    FROM annotation_assignment slot
    WHERE slot.campaign_id = %(campaign)s
      AND slot.state = 'open'
      AND (SELECT true FROM annotation_assignment done
           WHERE done.item_id = slot.item_id AND done.annotator_id = %(user)s
             AND done.repeat_of_id IS NULL) IS NULL
      AND (SELECT true FROM annotation_skip skip
           WHERE skip.item_id = slot.item_id AND skip.annotator_id = %(user)s) IS NULL
      AND NOT EXISTS (
          SELECT FROM annotation_itemcompletion shown
          JOIN annotation_completion answer ON answer.id = shown.completion_id
          WHERE shown.item_id = slot.item_id AND answer.author_id = %(user)s)
      {more}
    ORDER BY slot.id + 0
    LIMIT 1
    FOR UPDATE OF slot SKIP LOCKED
), handed AS (
UPDATE annotation_assignment slot
SET state = 'leased', annotator_id = %(user)s, attempt = slot.attempt + 1,
    lease_until = now() + make_interval(mins => %(minutes)s), claimed_at = now(),
    shown_order = COALESCE((
        SELECT array_agg(shown.completion_id ORDER BY random())
        FROM annotation_itemcompletion shown WHERE shown.item_id = slot.item_id), '{}')
FROM next
WHERE slot.id = next.id
RETURNING slot.*, set_config('synchronous_commit', %(commit)s, true))
"""

# In a conversation nobody reviews or answers a text of their own.
OWN_TURN = """
      AND NOT EXISTS (
          SELECT FROM annotation_item item JOIN annotation_turn turn ON turn.id = item.turn_id
          WHERE item.id = slot.item_id AND turn.annotator_id = %(user)s)
"""

REPEAT = """
WITH handed AS (
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
  AND NOT EXISTS (SELECT FROM annotation_decision decision
                  WHERE decision.item_id = first.item_id AND decision.taken_back_at IS NULL)
ORDER BY first.submitted_at
LIMIT 1
RETURNING *)
"""


def assign(*, campaign: Campaign, annotator: Any) -> Assignment | None:
    """The item that `annotator` is to work on: the one already held, else what a reviewer sent
    back, else the next one.

    None when there is nothing (more) for this person here. The caller has checked that the person
    may work in this campaign (annotation.access.campaigns_to_work_in).
    """
    if hand_out(campaign=campaign, annotator=annotator) is None:
        return None
    return held_assignment(annotator, campaign)


def hand_out(*, campaign: Campaign, annotator: Any, desk: Desk | None = None) -> HeldItem | None:
    """The same, with just what is shown of the item: one statement where nothing is mixed in.

    `desk`: what the caller has just read of it.
    """
    desk = desk or desk_of(campaign, annotator)
    if desk.held is not None:
        return held_item(desk.held)
    if desk.stopped:
        return None
    if desk.returned is not None and reopen(campaign=campaign, pk=desk.returned):
        return held_item(desk.returned)
    if not _may_take_more(campaign, annotator):
        return None
    item = _next(campaign, annotator, desk.trains)
    # The next batch of pairs is due, or what a conversation waited for.
    if item is None and (draw_more(campaign) or _went_on(campaign)):
        item = _next(campaign, annotator, desk.trains)
    if item is None:  # or another window of the same person got it meanwhile
        held = desk_of(campaign, annotator).held
        item = held_item(held) if held is not None else None
    if item is not None and campaign.suggests:
        note_suggestion(campaign=campaign, annotator=annotator, assignment=item.assignment)
    return item


def _next(campaign: Campaign, annotator: Any, trains: bool) -> HeldItem | None:
    """Training first, then the real work with repeats and checks between."""
    if trains:
        entry = training_of(annotator, campaign)
        if entry.open:
            return _run(CHECK, campaign, annotator, Purpose.TRAINING)
        if not entry.admitted:
            return None
    if campaign.gold_share or campaign.repeat_share or campaign.cap is not None:
        done = handed(annotator, campaign)
        if campaign.cap is not None and done.work >= campaign.cap:
            return None
        if check_is_due(campaign.pk, annotator.pk, done.all, campaign.gold_share):
            check = _run(CHECK, campaign, annotator, Purpose.GOLD)
            if check is not None:
                return check
        due = int(done.work * campaign.repeat_share)
        if done.repeats < due:
            again = _run(REPEAT, campaign, annotator)
            if again is not None:
                return again
    claim = CLAIM.replace("{more}", OWN_TURN if campaign.kind == Kind.CONVERSATION else "")
    claimed = _run(claim, campaign, annotator)
    if claimed is None:
        release_expired(campaign=campaign)  # only where the queue looks empty: it is a write
        claimed = _run(claim, campaign, annotator)
    return claimed


def _went_on(campaign: Campaign) -> bool:
    with transaction.atomic():
        return continue_waiting(campaign)


def _run(
    statement: str, campaign: Campaign, annotator: Any, purpose: str = Purpose.WORK
) -> HeldItem | None:
    """What the statement handed out; None too when a second tab was faster."""
    values = {
        "campaign": campaign.pk,
        "user": annotator.pk,
        "minutes": campaign.minutes,
        "purpose": purpose,
        "commit": "on" if connection.in_atomic_block else "off",
    }
    try:
        if not connection.in_atomic_block:  # a statement is a transaction; no BEGIN, no COMMIT
            return shown_of(statement, values)
        with transaction.atomic():
            return shown_of(statement, values)
    except IntegrityError:
        return None


def _may_take_more(campaign: Campaign, annotator: Any) -> bool:
    if campaign.deadline is not None and campaign.deadline < timezone.now():
        return False
    return campaign.daily is None or done_today(annotator, campaign) < campaign.daily
