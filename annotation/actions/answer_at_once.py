"""Take an ordinary answer in one statement: what annotation.actions.submit does in a transaction of
eight, for the first answer to a real question that is one row and moves nothing else.

One statement is one transaction: slot, answer, draft and audit entry stand or fall together, and
the connection is asked once instead of ten times.
"""

import functools
from typing import Any

from django.db import IntegrityError, connection, transaction

from annotation.models import Assignment, Comparison, Demonstration
from annotation.models.campaigns import Purpose, ReviewStep
from annotation.ratings import Ratings
from webapp.audit.actions.record import ENTRY, entry_values
from webapp.database.planned import planned_row
from webapp.joined_rows import insertion, stored_values
from webapp.webhooks.actions.announce import LISTENED

# Without a join in the UPDATE, as in annotation.actions.submit: the conditions are looked at again
# after waiting for a row that somebody else has just released. A webhook that is to be told needs a
# transaction of more than this.
ANSWER = """
WITH held AS (
    UPDATE annotation_assignment slot
    SET state = 'submitted', submitted_at = clock_timestamp(), lease_until = NULL
    WHERE slot.id = %(slot)s AND slot.annotator_id = %(annotator_id)s
      AND slot.attempt = %(attempt)s AND slot.state = 'leased' AND slot.submitted_at IS NULL
      AND slot.campaign_id IN (
          SELECT id FROM annotation_campaign campaign
          WHERE campaign.id = slot.campaign_id AND campaign.state <> 'closed')
      AND {listened} = '{{}}'
    RETURNING slot.item_id, slot.annotator_id
), dropped AS (
    DELETE FROM annotation_draft draft USING held
    WHERE draft.item_id = held.item_id AND draft.annotator_id = held.annotator_id
), judged AS (
    INSERT INTO {table} ({columns}) SELECT {values} FROM held RETURNING id
), entry AS ({entry})
SELECT id FROM judged
"""


def is_ordinary(assignment: Assignment, ratings: Ratings) -> bool:
    """Whether nothing but the row of the answer follows from an answer to it."""
    campaign = assignment.campaign
    return (
        assignment.purpose == Purpose.WORK
        and assignment.submitted_at is None
        and assignment.item.conversation_id is None
        and campaign.review != ReviewStep.EVERYTHING
        and campaign.stops_with_id is None
        and not ratings.scores
        and not ratings.parts
    )


def answer_at_once(
    row: Comparison | Demonstration, *, assignment: Assignment, attempt: int, events: list[str]
) -> bool:
    """Store `row` and close its slot; whether it was done, and if not, nothing was.

    It is not where the slot is not held any more, where a webhook listens to one of `events`, or
    where the row breaks a constraint: annotation.actions.submit then finds out which.
    """
    values = {
        **stored_values(row),
        **entry_values(
            actor=row.annotator,
            action=f"{assignment.asks}.submit",
            target=row._meta.model_name or "",
            workspace=assignment.campaign.workspace,
        ),
        "slot": assignment.pk,
        "attempt": attempt,
        "workspace": assignment.campaign.workspace_id,
        "events": events,
    }
    try:
        if connection.in_atomic_block:
            with transaction.atomic():
                made = planned_row(_statement(type(row)), values)
        else:
            made = planned_row(_statement(type(row)), values)
    except IntegrityError:
        return False
    if made is not None:
        row.pk, row._state.adding = made[0], False
    return made is not None


@functools.cache
def _statement(model: Any) -> str:
    columns, values = insertion(model)
    return ANSWER.format(
        listened=LISTENED.strip(),
        table=model._meta.db_table,
        columns=columns,
        values=values,
        entry=ENTRY.format(rows="judged"),
    )
