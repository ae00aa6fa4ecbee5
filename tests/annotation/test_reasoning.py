"""Demonstrations with their reasoning: asked for, typed, kept, corrected, read again."""

import uuid
from typing import Any

import pytest
from django.test import Client

from annotation.actions.undo import undo
from annotation.models import Assignment, Campaign, Demonstration, Draft
from annotation.models.campaigns import Kind
from annotation.queries import current
from annotation.reviews import said_of
from tests.annotation.material import a_campaign, a_prompt
from tests.cast import a_workspace, ann, log_in, mia
from webapp.api.actions.token import create_token

pytestmark = pytest.mark.django_db
SUM = {"text": "9", "rationale": "23 - 20 = 3.\n3 + 6 = 9."}


def a_reasoned_campaign(**more: Any) -> Campaign:
    """As a manager opens it on its page."""
    workspace = a_workspace()
    a_prompt(workspace, "The cafeteria had 23 apples, used 20 and bought 6. How many are there?")
    manager = log_in(Client(), mia(workspace))
    form = {"name": "Apples", "kind": Kind.DEMONSTRATION, "answers": "2", "overlap": "1"}
    form |= {"minutes": "60", "repeats": "0", "rationales": "on"} | more
    answer = manager.post(f"/w/{workspace.slug}/campaigns/new/", form)
    assert answer.status_code == 302, answer.context["form"].errors
    return workspace.campaigns.get(name="Apples")


def at_work(campaign: Campaign) -> tuple[Client, str, Assignment]:
    client = log_in(Client(), ann(campaign.workspace))
    base = f"/w/{campaign.workspace.slug}/work/{campaign.pk}/"
    client.post(f"{base}next/")
    return client, base, Assignment.objects.get(annotator=ann())


def send(client: Client, base: str, held: Assignment, **typed: str) -> Any:
    held.refresh_from_db()
    form = {"key": str(uuid.uuid4()), "attempt": str(held.attempt)} | typed
    return client.post(f"{base}{held.pk}/submit/", form)


def test_reasoning_is_typed_beside_the_answer_and_kept_through_a_correction() -> None:
    campaign = a_reasoned_campaign()
    client, base, held = at_work(campaign)
    assert 'name="rationale"' in client.get(base).content.decode()
    refused = send(client, base, held, text="9")
    assert refused.status_code == 422
    assert "The reasoning is empty." in refused.content.decode()
    assert send(client, base, held, **SUM).status_code == 302
    row = Demonstration.objects.get()
    assert (row.text, row.metadata) == ("9", {"rationale": SUM["rationale"]})
    undo(campaign=campaign, annotator=ann())
    page = client.get(base).content.decode()
    assert "3 + 6 = 9.</textarea>" in page, "a correction begins with what was written"
    assert Draft.objects.get().content["rationale"] == SUM["rationale"]
    send(client, base, held, text="9", rationale="3 and 6 are 9.")
    assert current(Demonstration.objects.all()).get().metadata == {"rationale": "3 and 6 are 9."}


def test_a_reader_sees_the_reasoning_before_the_answer() -> None:
    campaign = a_reasoned_campaign(review="everything")
    client, base, held = at_work(campaign)
    send(client, base, held, **SUM)
    [said] = said_of(held.item, [])
    assert said.texts == [("reasoning", SUM["rationale"]), ("answer", "9")]
    manager = log_in(Client(), mia())
    where = f"/w/{campaign.workspace.slug}"
    page = manager.get(f"{where}/campaigns/{campaign.pk}/review/{held.item_id}/").content.decode()
    assert page.index("Reasoning") < page.index("23 - 20 = 3.") < page.index(">Answer<")
    shown = manager.get(f"{where}/campaigns/{campaign.pk}/").content.decode()
    assert "their reasoning, in a field of its own" in shown


def test_a_campaign_that_asks_for_none_refuses_it() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), kind=Kind.DEMONSTRATION)
    client, base, held = at_work(campaign)
    assert 'name="rationale"' not in client.get(base).content.decode()
    refused = send(client, base, held, **SUM)
    assert refused.status_code == 422
    assert "asks for no reasoning" in refused.content.decode()
    assert not Demonstration.objects.exists()


@pytest.mark.parametrize("with_token", [True, False])
def test_a_program_is_told_and_sends_it(with_token: bool) -> None:
    """With a token it is answered at once, with a session step by step."""
    campaign = a_reasoned_campaign()
    person = ann(campaign.workspace)
    client = Client() if with_token else log_in(Client(), person)
    headers = {}
    if with_token:
        _row, secret = create_token(user=person, name="work", scope="write", days=1)
        headers = {"Authorization": f"Bearer {secret}"}
    at = f"/api/v1/workspaces/{campaign.workspace.slug}/campaigns/{campaign.pk}/"

    def call(tail: str, body: dict[str, Any]) -> Any:
        return client.post(at + tail, body, content_type="application/json", headers=headers)

    item = call("claim/", {}).json()["item"]
    assert item["rationale"] is True
    where = f"assignments/{item['assignment']}/submit/"
    body = {"key": str(uuid.uuid4()), "attempt": item["attempt"], "text": "9"}
    missing = call(where, body)
    assert (missing.status_code, "reasoning is empty" in missing.json()["detail"]) == (400, True)
    assert call(where, body | SUM).status_code == 201
    assert call(where, body | SUM).status_code == 201, "sent again"
    other = call(where, body | SUM | {"rationale": "Something else."})
    assert other.status_code == 409
    assert Demonstration.objects.get().metadata == {"rationale": SUM["rationale"]}
