"""Who asks and what they have on the desk, read in one statement: for the two calls that programs
make all day.

Only the ordinary case is found: a token that works and may write, a member whose role works here, a
body of plain fields. Everything else is None, before anything was written, and is asked again step
by step (annotation.api), which has a sentence for every refusal.
"""

import functools
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from annotation.access import WORKS
from annotation.desk import DESK, MAY_WORK, Desk
from annotation.models import Assignment, Campaign, Item
from annotation.models.assignments import AssignmentState
from webapp.accounts.models import User
from webapp.api.authentication import EXACT_TO, parts_of, works_for
from webapp.api.models import ApiToken
from webapp.api.throttling import from_block
from webapp.clean_json import CleanJSONError, clean_json
from webapp.database.planned import planned_row
from webapp.joined_rows import columns, instances
from webapp.workspaces.models import Workspace

MOST_BYTES = 200_000  # of a body that is read here
PLAIN = {  # what an answer may say here, and in which type
    "key": (str,),
    "attempt": (int,),
    "choice": (str,),
    "strength": (str,),
    "text": (str,),
    "rationale": (str,),
    "ranking": (str,),
    "comment": (str,),
    "seconds": (int, float),
    "took_suggestion": (bool,),
    "next": (bool,),
}
A_DAY = 86_400
LONGEST_RANKING = 200


@functools.cache
def _statement(*more: Any) -> str:
    """`more`: Assignment and Item, where one is named in the address."""
    here = {"%(user)s": "person.id", "%(campaign)s": "campaign.id"}
    desk, may_work = DESK, MAY_WORK
    for given, column in here.items():
        desk, may_work = desk.replace(given, column), may_work.replace(given, column)
    slot = """JOIN annotation_assignment slot
            ON slot.id = %(assignment)s AND slot.campaign_id = campaign.id
        JOIN annotation_item item ON item.id = slot.item_id"""
    read = [(ApiToken, "token"), (User, "person"), (Workspace, "workspace"), (Campaign, "campaign")]
    read += [(Assignment, "slot"), (Item, "item")] if more else []
    return f"""SELECT {", ".join(columns(model, alias) for model, alias in read)},
            membership.role, {may_work}, desk.*
        FROM api_apitoken token
        JOIN accounts_user person ON person.id = token.user_id
        JOIN workspaces_workspace workspace ON workspace.slug = %(slug)s
        JOIN workspaces_membership membership
            ON membership.workspace_id = workspace.id AND membership.user_id = person.id
        JOIN annotation_campaign campaign
            ON campaign.id = %(campaign)s AND campaign.workspace_id = workspace.id
        {slot if more else ""}
        CROSS JOIN LATERAL ({desk}) desk
        WHERE token.prefix = %(prefix)s"""  # noqa: S608 - constants; the values are parameters


def campaign_asked(
    request: HttpRequest, slug: str, campaign: int
) -> tuple[User, Campaign, Desk] | None:
    """A claim: who asks, the open campaign in which they may be handed work, and the desk."""
    found = _read(request, {"slug": slug, "campaign": campaign})
    if found is None:
        return None
    person, where, may_work, desk, _more = found
    return (person, where, desk) if may_work else None


def answer_given(
    request: HttpRequest, slug: str, campaign: int, assignment: int
) -> tuple[User, Assignment, dict[str, Any], Desk | None] | None:
    """A submission: who sends it, the assignment that they hold, the body, and the desk behind it
    where more work may be handed out."""
    body = _plain_body(request)
    if body is None:
        return None
    values = {"slug": slug, "campaign": campaign, "assignment": assignment}
    found = _read(request, values, Assignment, Item)
    if found is None:
        return None
    person, where, may_work, desk, (slot, item) = found
    held = slot.annotator_id == person.pk and slot.state == AssignmentState.LEASED
    if not held or slot.attempt != body["attempt"]:
        return None
    item.campaign = slot.campaign = where
    slot.item = item
    after = Desk(None, desk.stopped, desk.trains, desk.returned) if may_work else None
    return person, slot, body, after


def _read(request: HttpRequest, values: dict[str, Any], *more: Any) -> Any:
    if "HTTP_IDEMPOTENCY_KEY" in request.META:
        return None
    kind, _space, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    prefix, secret = parts_of(text.strip()) if kind.lower() == "bearer" else ("", "")
    if not prefix:
        return None
    row = planned_row(_statement(*more), {**values, "prefix": prefix})
    if row is None:
        return None
    models = (ApiToken, User, Workspace, Campaign, *more)
    (token, person, workspace, campaign, *others), (role, may_work, *desk) = instances(row, *models)
    token.user = person
    if not works_for(token, secret) or not _may_write(token, workspace, role):
        return None
    if not from_block(f"token {token.pk}"):
        return None
    workspace.role = role
    campaign.workspace = workspace
    return person, campaign, may_work, Desk(*desk), others


def _may_write(token: ApiToken, workspace: Workspace, role: str) -> bool:
    return (
        token.scope == ApiToken.Scope.WRITE
        and token.workspace_id in (None, workspace.pk)
        and token.last_used_at is not None
        and timezone.now() - token.last_used_at <= EXACT_TO
        and role in WORKS
        and workspace.archived_at is None
        and workspace.deleted_at is None
    )


def _plain_body(request: HttpRequest) -> dict[str, Any] | None:
    """An answer of the fields in PLAIN, each of its type, with `next`."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if request.content_type != "application/json" or not length.isdigit():
        return None
    if int(length) > MOST_BYTES:
        return None
    try:
        body = clean_json(request.body)
    except CleanJSONError:
        return None
    if not isinstance(body, dict) or not {"key", "attempt"} <= body.keys():
        return None
    if not all(type(value) in PLAIN.get(name, ()) for name, value in body.items()):
        return None
    if not 0 <= body.get("seconds", 0) <= A_DAY or body.get("text") == "":
        return None
    if not 0 < len(body.get("ranking", "A")) <= LONGEST_RANKING:
        return None
    body["comment"] = body.get("comment", "").strip()
    return {"next": False, **body}
