"""Claim, submit and skip over REST, as a program with a token does it."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation.actions.assign import CLAIM
from annotation.models import Comparison, Draft, Ranking, Skip
from annotation.models.campaigns import Campaign, Kind
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, eve, log_in, mia
from webapp.api.actions.token import create_token

pytestmark = pytest.mark.django_db


def call(client: Client, campaign: Campaign, tail: str, **body: Any) -> Any:
    address = f"/api/v1/workspaces/{campaign.workspace.slug}/campaigns/{campaign.pk}/{tail}"
    return client.post(address, body, content_type="application/json")


def anns() -> tuple[Client, Campaign]:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=2)
    return log_in(Client(), ann(workspace)), campaign


def test_an_item_is_claimed_answered_and_listed() -> None:
    client, campaign = anns()
    item = call(client, campaign, "claim/").json()["item"]
    assert [answer["letter"] for answer in item["answers"]] == ["A", "B"]
    assert "generator" not in str(item)
    body = {"key": str(uuid.uuid4()), "attempt": item["attempt"], "choice": "right"}
    address = f"assignments/{item['assignment']}/submit/"
    assert call(client, campaign, address, **body).status_code == 201
    assert call(client, campaign, address, **body).status_code == 201
    assert Comparison.objects.get().choice == "right"
    listed = client.get(f"/api/v1/workspaces/{campaign.workspace.slug}/campaigns/").json()
    assert [(row["slots"], row["finished"]) for row in listed["results"]] == [(2, 1)]


def test_a_ranking_is_sent_as_letters() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), kind=Kind.RANKING, answers=3)
    client = log_in(Client(), ann(workspace))
    item = call(client, campaign, "claim/").json()["item"]
    sent = {"key": str(uuid.uuid4()), "attempt": item["attempt"]}
    address = f"assignments/{item['assignment']}/submit/"
    refused = call(client, campaign, address, **sent, ranking="A ≥ B > C")
    assert refused.status_code == 400
    assert "Write '>'" in refused.json()["detail"]
    assert call(client, campaign, address, **sent, ranking="B > A = C").status_code == 201
    assert Ranking.objects.get().entries.filter(tier=2).count() == 2


def test_a_second_key_for_an_answered_item_is_a_conflict_and_keeps_the_text() -> None:
    client, campaign = anns()
    item = call(client, campaign, "claim/").json()["item"]
    address = f"assignments/{item['assignment']}/submit/"
    sent = {"attempt": item["attempt"], "choice": "left"}
    call(client, campaign, address, key=str(uuid.uuid4()), **sent)
    again = call(client, campaign, address, key=str(uuid.uuid4()), **sent)
    assert again.status_code == 409
    assert Draft.objects.get().content["choice"] == "left"


def test_a_skip_needs_a_reason() -> None:
    client, campaign = anns()
    item = call(client, campaign, "claim/").json()["item"]
    address = f"assignments/{item['assignment']}/skip/"
    assert call(client, campaign, address).status_code == 400
    assert call(client, campaign, address, reason="Private data.", flagged=True).status_code == 200
    assert Skip.objects.get().flagged


def test_a_stranger_finds_nothing() -> None:
    _client, campaign = anns()
    stranger = log_in(Client(), eve(a_workspace("Tea spoons")))
    assert call(stranger, campaign, "claim/").status_code == 404


def answer_of(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"key": str(uuid.uuid4()), "attempt": item["attempt"], "choice": "left", **more}


def test_the_next_item_comes_with_the_answer_when_it_is_asked_for() -> None:
    client, campaign = anns()
    first = call(client, campaign, "claim/").json()["item"]
    path = f"assignments/{first['assignment']}/submit/"
    body = answer_of(first, next=True)
    second = call(client, campaign, path, **body).json()["item"]
    assert second["assignment"] != first["assignment"]
    assert call(client, campaign, path, **body).json()["item"] == second  # sent twice: the same
    path = f"assignments/{second['assignment']}/submit/"
    done = call(client, campaign, path, **answer_of(second, next=True)).json()
    assert done["item"] is None


def steps_of(workspace: Any, items: int, done: int) -> tuple[int, int]:
    """How many statements a claim and a submission send after `done` others."""
    campaign = a_campaign(workspace, mia(workspace), items=items)
    _row, secret = create_token(user=ann(workspace), name="steps", scope="write", days=1)
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    sent = (0, 0)
    for _ in range(done + 1):
        with CaptureQueriesContext(connection) as claim:
            item = call(client, campaign, "claim/").json()["item"]
        path = f"assignments/{item['assignment']}/submit/"
        with CaptureQueriesContext(connection) as submission:
            assert call(client, campaign, path, **answer_of(item)).status_code == 201
        sent = len(claim), len(submission)
    return sent


@pytest.mark.django_db(transaction=True)
def test_a_step_takes_four_statements_however_much_there_is() -> None:
    workspace = a_workspace()
    few, many = steps_of(workspace, items=3, done=2), steps_of(workspace, items=40, done=20)
    assert few == many
    assert sum(many) == 4


def test_a_claim_looks_at_the_open_slots_only() -> None:
    """Neither at what is answered already nor at everything that this person did."""
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=2)
    values = {"campaign": campaign.pk, "user": ann(workspace).pk, "minutes": 5, "commit": "on"}
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO annotation_assignment
                (campaign_id, item_id, state, attempt, shown_order, purpose)
            SELECT campaign_id, id, 'open', 0, '{}', 'work'
            FROM annotation_item, generate_series(1, 3000)"""
        )
        cursor.execute("ANALYZE annotation_assignment")
        claim = CLAIM.replace("{more}", "")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {claim} SELECT FROM handed", values)
        plan = str(cursor.fetchone()[0])
    assert "'Index Name': 'assignment_queue'" in plan
    assert "assignment_of_a_person" not in plan
    assert "annotator_id_" not in plan
