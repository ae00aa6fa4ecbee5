"""The short way of the two calls that programs make all day, beside the long way of all calls.

What it stores is what the long way stores; what it does not know is refused as ever.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.actions.assign import assign
from annotation.actions.change_campaign import change_state
from annotation.actions.review import send_back
from annotation.actions.save_draft import save_draft
from annotation.models import Assignment, Comparison, Demonstration, Draft, SentBack
from annotation.models.assignments import AssignmentState
from annotation.models.campaigns import Campaign, Kind, State
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, join, log_in, mia
from tests.webapp.webhooks.material import a_listener
from webapp.api.actions.token import create_token, revoke_token
from webapp.api.models import ApiToken
from webapp.audit.models import AuditEntry
from webapp.webhooks.events import Event
from webapp.webhooks.models import Delivery
from webapp.workspaces.models import Membership

pytestmark = pytest.mark.django_db


class Program:
    """Ann's program in one campaign."""

    def __init__(self, campaign: Campaign, client: Client) -> None:
        self.campaign, self.client = campaign, client
        self.base = f"/api/v1/workspaces/{campaign.workspace.slug}/campaigns/{campaign.pk}/"

    def call(self, tail: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        address = self.base + tail
        return self.client.post(
            address, body or {}, content_type="application/json", headers=headers
        )

    def item(self) -> dict[str, Any]:
        item: dict[str, Any] = self.call("claim/").json()["item"]
        return item

    def answer(
        self, item: dict[str, Any], headers: dict[str, str] | None = None, **more: Any
    ) -> Any:
        body = {"key": str(uuid.uuid4()), "attempt": item["attempt"], "choice": "left"} | more
        body = {name: value for name, value in body.items() if value is not None}
        return self.call(f"assignments/{item['assignment']}/submit/", body, **(headers or {}))


def a_program(scope: str = "write", **plan: Any) -> Program:
    """Its token was used a moment ago, so that nothing of it is due for an update."""
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), **{"items": 3, **plan})
    _row, secret = create_token(user=ann(workspace), name="at work", scope=scope, days=1)
    program = Program(campaign, Client(headers={"Authorization": f"Bearer {secret}"}))
    program.client.get("/api/v1/me/")
    return program


def asked(act: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        act()
    return len(queries)


@pytest.mark.django_db(transaction=True)
def test_an_ordinary_step_is_four_statements_and_three_in_one_request() -> None:
    program = a_program()
    items: list[dict[str, Any]] = []
    assert asked(lambda: items.append(program.item())) == 2
    assert asked(lambda: items.append(program.answer(items[0]).json())) == 2
    item = program.item()
    assert asked(lambda: items.append(program.answer(item, next=True).json())) == 3
    assert items[-1]["item"]["answers"]


def the_rows_of(program: Program, item: dict[str, Any]) -> dict[str, Any]:
    """Everything that an answer left, without numbers and times."""
    slot = Assignment.objects.get(pk=item["assignment"])
    model = Comparison if program.campaign.kind == Kind.COMPARISON else Demonstration
    row = model.objects.filter(assignment=slot).values().get()
    left = {"left_id": row.pop("left_id") == slot.shown_order[0]} if "left_id" in row else {}
    entry = AuditEntry.objects.latest("pk")
    assert entry.target == f"{model._meta.model_name} {row['id']}"
    assert slot.submitted_at is not None
    assert abs(slot.submitted_at - row["created_at"]) < timedelta(seconds=5)
    changing = {"id", "assignment_id", "prompt_id", "right_id", "idempotency_key", "created_at"}
    return {
        **{name: value for name, value in row.items() if name not in changing},
        **left,
        "slot": (slot.state, slot.annotator_id, slot.lease_until, slot.attempt),
        "entry": (entry.action, entry.actor_id, entry.workspace_id, entry.changes, entry.ip),
        "drafts": Draft.objects.count(),
    }


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (Kind.COMPARISON, {"choice": "right", "strength": "better", "comment": " Why. "}),
        (Kind.COMPARISON, {"choice": "both_bad", "seconds": 12.5}),
        (Kind.DEMONSTRATION, {"choice": None, "text": "  As it\nshould be. ", "seconds": 3}),
    ],
)
def test_the_short_way_leaves_the_rows_of_the_long_way(
    kind: Kind, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = a_program(kind=kind)
    left = []
    for way in ("short", "long"):
        if way == "long":
            monkeypatch.setattr("annotation.actions.submit.is_ordinary", lambda *_: False)
            monkeypatch.setattr("annotation.api.answer_given", lambda *_: None)
        item = program.item()
        held = Assignment.objects.get(pk=item["assignment"])
        save_draft(item=held.item, annotator=ann(), content={"comment": "W"}, seen=0)
        assert program.answer(item, **answer).status_code == 201
        left.append(the_rows_of(program, item))
    assert left[0] == left[1]
    assert left[0]["drafts"] == 0


def revoked(program: Program) -> None:
    revoke_token(token=ApiToken.objects.get(), by=ann())


def run_out(_program: Program) -> None:
    ApiToken.objects.update(expires_at=timezone.now())


def read_only(_program: Program) -> None:
    ApiToken.objects.update(scope="read")


def bound_elsewhere(_program: Program) -> None:
    ApiToken.objects.update(workspace=a_workspace("Tea spoons"))


def of_nobody_active(_program: Program) -> None:
    ann().__class__.objects.filter(pk=ann().pk).update(is_active=False)


def viewer(program: Program) -> None:
    join(program.campaign.workspace, ann(), "viewer")


def no_member(_program: Program) -> None:
    Membership.objects.filter(user=ann()).delete()


def archived(program: Program) -> None:
    workspace = program.campaign.workspace
    workspace.archived_at = timezone.now()
    workspace.save()


def gone(program: Program) -> None:
    program.base = program.base.replace(program.campaign.workspace.slug, "nowhere")


NOT_ORDINARY = [
    (revoked, 401),
    (run_out, 401),
    (of_nobody_active, 401),
    (read_only, 403),
    (viewer, 403),
    (archived, 403),
    (bound_elsewhere, 404),
    (no_member, 404),
    (gone, 404),
]


@pytest.mark.parametrize(("change", "status"), NOT_ORDINARY)
def test_who_may_not_is_refused_in_both_calls(
    change: Callable[[Program], None], status: int
) -> None:
    program = a_program()
    item = program.item()
    change(program)
    assert program.answer(item).status_code == status
    assert program.call("claim/").status_code == status
    assert Comparison.objects.count() == 0
    assert Assignment.objects.filter(state=AssignmentState.LEASED).count() == 1


def test_a_campaign_hands_out_nothing_to_whom_it_does_not_list() -> None:
    program = a_program()
    Campaign.objects.update(everyone=False)
    assert program.call("claim/").status_code == 404


def test_what_was_begun_is_taken_while_paused_and_nothing_new_is_handed_out() -> None:
    program = a_program()
    item = program.item()
    change_state(campaign=program.campaign, by=mia(), state=State.PAUSED)
    answer = program.answer(item, next=True)
    assert (answer.status_code, answer.json()["item"]) == (201, None)
    assert program.call("claim/").status_code == 404


def test_a_closed_campaign_takes_nothing_and_the_text_is_kept() -> None:
    program = a_program()
    item = program.item()
    change_state(campaign=program.campaign, by=mia(), state=State.CLOSED)
    assert program.answer(item).status_code in (404, 409)
    assert Comparison.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        {"choice": "middle"},
        {"choice": "tie", "strength": "better"},
        {"choice": None},
        {"choice": ["left"]},
        {"seconds": -1},
        {"comment": "a\0b"},
        {"attempt": True},
        {"colour": "red"},
        {"comment": "x" * 5001},
    ],
)
def test_a_body_that_cannot_be_taken_is_a_sentence(body: dict[str, Any]) -> None:
    program = a_program()
    answer = program.answer(program.item(), **body)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert Comparison.objects.count() == 0


def test_sent_twice_is_one_answer_and_another_key_is_a_conflict() -> None:
    program = a_program()
    item, key = program.item(), str(uuid.uuid4())
    first, again = program.answer(item, key=key), program.answer(item, key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert program.answer(item, key=key, choice="right").status_code == 409
    assert program.answer(item).status_code == 409
    other = program.item()
    assert program.answer(other, key=key).status_code == 409, "a key names one answer"
    assert Comparison.objects.count() == 1
    assert program.answer(other).status_code == 201, "the refused one can still be answered"


def test_an_idempotency_key_gets_the_same_answer_again() -> None:
    program = a_program()
    item = program.item()
    headers, key = {"Idempotency-Key": "once"}, str(uuid.uuid4())
    first = program.answer(item, headers, key=key)
    again = program.answer(item, headers, key=key)
    assert again.content == first.content
    assert again["Idempotent-Replay"] == "true"


def test_a_webhook_that_listens_is_told() -> None:
    program = a_program()
    a_listener(program.campaign.workspace, mia(), Event.JUDGEMENT_SUBMITTED)
    assert program.answer(program.item()).status_code == 201
    assert Delivery.objects.get().event == Event.JUDGEMENT_SUBMITTED


def test_after_the_correction_of_what_came_back_the_next_item_is_another() -> None:
    program = a_program(review="everything")
    item = program.item()
    program.answer(item)
    slot = Assignment.objects.get(pk=item["assignment"])
    send_back(assignment=slot, by=mia(), comment="Look again.")
    back = program.item()
    assert back["assignment"] == item["assignment"]
    onward = program.answer(back, choice="right", next=True).json()["item"]
    assert onward["assignment"] != item["assignment"]
    assert SentBack.objects.get().ending == "corrected"


def test_nobody_gets_more_than_the_limit_of_a_minute(settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 4
    program = a_program()
    statuses = [program.call("claim/").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429], "one of the four was spent before"


def test_a_program_is_answered_with_the_headers_of_all_answers_and_no_cookie() -> None:
    program = a_program()
    answer = program.call("claim/")
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Request-ID"]
    assert not answer.cookies


def test_a_token_is_not_helped_by_a_session() -> None:
    program = a_program()
    client = log_in(Client(headers={"Authorization": "Bearer rondo_00000000_x"}), ann())
    assert Program(program.campaign, client).call("claim/").status_code == 401
    strict = log_in(Client(enforce_csrf_checks=True), ann())
    assert Program(program.campaign, strict).call("claim/").status_code == 403
    assert assign(campaign=program.campaign, annotator=ann()) is not None
