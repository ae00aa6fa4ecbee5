"""What a person has on the desk in one campaign, read in as few statements as it takes.

These are the reads of every claim and every submission, so they are SQL by hand; everything that is
asked less often goes through annotation.queries.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from annotation.models import Assignment, Campaign, Item
from webapp.database.planned import planned_row
from webapp.joined_rows import columns, instances
from webapp.workspaces.models import Workspace

DESK = """
SELECT
    (SELECT id FROM annotation_assignment
     WHERE annotator_id = %(user)s AND campaign_id = %(campaign)s AND state = 'leased'),
    EXISTS (SELECT FROM annotation_standing
            WHERE campaign_id = %(campaign)s AND user_id = %(user)s
              AND state IN ('paused', 'excluded')),
    EXISTS (SELECT FROM annotation_item
            WHERE campaign_id = %(campaign)s AND purpose = 'training'),
    (SELECT assignment_id FROM annotation_sentback
     WHERE annotator_id = %(user)s AND campaign_id = %(campaign)s AND ended_at IS NULL
     ORDER BY id LIMIT 1)
"""

# `handed` is a statement's own name for the slots that it has just handed out.
SHOWN = """
SELECT handed.id, handed.attempt, handed.lease_until, prompt.messages, item.use_case,
    ARRAY(SELECT answer.text
          FROM unnest(handed.shown_order) WITH ORDINALITY AS shown (id, place)
          JOIN annotation_completion answer ON answer.id = shown.id
          ORDER BY shown.place),
    (SELECT sent.comment FROM annotation_sentback sent
     WHERE sent.assignment_id = handed.id AND sent.ended_at IS NULL)
FROM handed
JOIN annotation_item item ON item.id = handed.item_id
LEFT JOIN annotation_prompt prompt ON prompt.id = item.prompt_id
"""

HELD = "WITH handed AS (SELECT * FROM annotation_assignment WHERE id = %(assignment)s)"

MAY_WORK = """
campaign.state = 'open' AND (campaign.everyone OR EXISTS (
    SELECT FROM annotation_campaignworker worker
    WHERE worker.campaign_id = campaign.id AND worker.user_id = %(user)s))
"""


@dataclass(frozen=True)
class Desk:
    held: int | None  # the assignment that the person has
    stopped: bool  # paused or excluded here
    trains: bool  # the campaign begins with a training
    returned: int | None = None  # the assignment that a reviewer sent back first


@dataclass(frozen=True)
class HeldItem:
    """What a person sees of the item they hold. texts: the answers, first (left) one first."""

    assignment: int
    attempt: int
    lease_until: datetime | None
    messages: list[dict[str, Any]]  # none where the person writes the prompt
    use_case: str  # what an own prompt is to be for
    texts: list[str]
    returned: str = ""  # what a reviewer says who sent the answer back


def desk_of(campaign: Campaign, user: Any) -> Desk:
    row = planned_row(DESK, {"campaign": campaign.pk, "user": user.pk})
    assert row is not None  # it has no FROM
    return Desk(*row)


def shown_of(statement: str, values: Mapping[str, Any]) -> HeldItem | None:
    """What is shown of the slot that `statement` calls `handed`; None where it is none."""
    row = planned_row(statement + SHOWN, values)
    if row is None:
        return None
    assignment, attempt, lease_until, messages, use_case, texts, returned = row
    turns = json.loads(messages) if messages else []
    return HeldItem(assignment, attempt, lease_until, turns, use_case, texts, returned or "")


def held_item(assignment: int) -> HeldItem | None:
    return shown_of(HELD, {"assignment": assignment})


def campaign_at_work(
    user: Any, workspace: Workspace, pk: int
) -> tuple[Campaign, Desk] | tuple[None, None]:
    """The open campaign `pk` of `workspace`, if `user` may be handed work in it, and the desk."""
    statement = f"""SELECT {columns(Campaign, "campaign")}, desk.*
        FROM annotation_campaign campaign, ({DESK}) desk (held, stopped, trains, returned)
        WHERE campaign.id = %(campaign)s AND campaign.workspace_id = %(workspace)s
          AND {MAY_WORK}"""  # noqa: S608 - constants; the values are parameters
    values = {"user": user.pk, "workspace": workspace.pk, "campaign": pk}
    row = planned_row(statement, values)
    if row is None:
        return None, None
    (campaign,), desk = instances(row, Campaign)
    campaign.workspace = workspace
    return campaign, Desk(*desk)


def assignment_at_work(
    user: Any, workspace: Workspace, campaign: int, pk: int
) -> Assignment | None:
    """The assignment, with item and campaign, if `user` may work in the campaign or holds it.

    One that was given on since is still found by who may work there, so that a late answer can be
    kept as a draft; it is refused by the attempt.
    """
    statement = f"""SELECT {columns(Assignment, "slot")}, {columns(Item, "item")},
            {columns(Campaign, "campaign")}
        FROM annotation_assignment slot
        JOIN annotation_item item ON item.id = slot.item_id
        JOIN annotation_campaign campaign ON campaign.id = slot.campaign_id
        WHERE slot.id = %(assignment)s AND campaign.id = %(campaign)s
          AND campaign.workspace_id = %(workspace)s
          AND ((slot.annotator_id = %(user)s AND slot.state = 'leased') OR ({MAY_WORK}))
        """  # noqa: S608 - constants; the values are parameters
    values = {"user": user.pk, "workspace": workspace.pk, "campaign": campaign, "assignment": pk}
    row = planned_row(statement, values)
    if row is None:
        return None
    (slot, item, found), _rest = instances(row, Assignment, Item, Campaign)
    found.workspace = workspace
    item.campaign = slot.campaign = found
    slot.item = item
    return slot
