"""Claim, submit and skip over REST, as a program with a token does it."""

import uuid
from typing import Any

import pytest
from django.test import Client

from annotation.models import Comparison, Draft, Ranking, Skip
from annotation.models.campaigns import Campaign, Kind
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, eve, log_in, mia

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
