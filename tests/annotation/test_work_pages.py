"""The annotation pages as requests: what they cost, keep, refuse and hide."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.actions.assign import assign
from annotation.actions.save_draft import keep_as_draft
from annotation.models import Assignment, Comparison, Draft
from annotation.models.campaigns import Campaign, Kind, State
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, join, log_in, mia, person, vic
from webapp.accounts.models import User

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12  # for the work itself, the session, the user and the workspace included


def anns(**plan: Any) -> tuple[Client, Campaign, str]:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), **plan)
    client = log_in(Client(), ann(workspace))
    return client, campaign, f"/w/{workspace.slug}/work/{campaign.pk}/"


def form(held: Assignment, **fields: str) -> dict[str, str]:
    return {"key": str(uuid.uuid4()), "attempt": str(held.attempt), "seconds": "3", **fields}


def test_a_page_shows_the_item_and_asking_again_changes_nothing() -> None:
    client, campaign, address = anns(items=2)
    assert "Start" in client.get(address).content.decode()
    assert not Assignment.objects.filter(state="leased").exists()
    client.post(address + "next/")
    assert "Answer A" in client.get(address).content.decode()
    assert campaign.assignments.filter(state="leased").count() == 1


@pytest.mark.parametrize("items", [3, 300])
def test_a_step_costs_the_same_few_queries_whatever_the_size(items: int) -> None:
    client, campaign, address = anns(items=items)
    client.post(address + "next/")
    held = Assignment.objects.get(state="leased")
    with CaptureQueriesContext(
        connection,
    ) as submitting:
        client.post(f"{address}{held.pk}/submit/", form(held, choice="left"))
    with CaptureQueriesContext(connection) as showing:
        client.get(address)
    asked = [
        query["sql"]
        for query in [*submitting.captured_queries, *showing.captured_queries]
        if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))
    ]
    assert len(asked) <= 2 * MOST_QUERIES, "\n".join(asked)


def test_what_is_missing_is_said_and_what_was_typed_stays() -> None:
    client, campaign, address = anns()
    held = assign(campaign=campaign, annotator=ann())
    assert held is not None
    answer = client.post(f"{address}{held.pk}/submit/", form(held, comment="Half a thought"))
    assert answer.status_code == 422
    assert "Choose A, B, tie or both bad" in answer.content.decode()
    assert "Half a thought" in answer.content.decode()
    assert not Comparison.objects.exists()


def test_a6_two_windows_never_overwrite_each_other() -> None:
    client, campaign, address = anns(kind=Kind.DEMONSTRATION)
    held = assign(campaign=campaign, annotator=ann())
    assert held is not None
    draft = f"{address}{held.pk}/draft/"
    first = client.post(draft, {"text": "from one", "draft_version": "0"})
    assert first.json() == {"version": 1}
    second = client.post(draft, {"text": "from the other", "draft_version": "0"})
    assert (second.status_code, second.json()["content"]) == (409, {"text": "from one"})
    assert Draft.objects.get().content == {"text": "from one"}
    assert client.post(draft, {"text": "on", "draft_version": "1"}).json() == {"version": 2}


def test_a6_the_control_saving_without_the_version_overwrites_in_silence() -> None:
    """The harm that the version prevents: two tabs, one text left."""
    _client, campaign, _address = anns(kind=Kind.DEMONSTRATION)
    held = assign(campaign=campaign, annotator=ann())
    assert held is not None
    for text in ("from one", "from the other"):
        keep_as_draft(item=held.item, annotator=ann(), content={"text": text})
    assert Draft.objects.get().content == {"text": "from the other"}


def test_a9_who_leaves_with_an_item_in_hand_loses_it_to_somebody_else() -> None:
    """Removed or deactivated: no answer is taken, and the item goes on when its time is over."""
    client, campaign, address = anns()
    held = assign(campaign=campaign, annotator=ann())
    assert held is not None
    bob = join(campaign.workspace, person("bob@rondo.test"), "annotator").user
    campaign.workspace.memberships.filter(user=ann()).delete()
    assert client.post(f"{address}{held.pk}/submit/", form(held, choice="left")).status_code == 404
    join(campaign.workspace, ann(), "annotator")
    User.objects.filter(pk=ann().pk).update(is_active=False)
    sent = client.post(f"{address}{held.pk}/submit/", form(held, choice="left"))
    assert (sent.status_code, "/login/" in sent["Location"]) == (302, True)
    assert not Comparison.objects.exists()
    assert assign(campaign=campaign, annotator=bob) is None  # it is still reserved
    Assignment.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    his = assign(campaign=campaign, annotator=bob)
    assert his is not None
    assert his.pk == held.pk


def test_a9_the_control_who_stays_is_taken() -> None:
    client, campaign, address = anns()
    held = assign(campaign=campaign, annotator=ann())
    assert held is not None
    assert client.post(f"{address}{held.pk}/submit/", form(held, choice="left")).status_code == 302
    assert Comparison.objects.count() == 1


def test_a7_a_late_autosave_does_not_touch_what_was_submitted() -> None:
    client, campaign, address = anns(kind=Kind.DEMONSTRATION)
    held = assign(campaign=campaign, annotator=ann())
    assert held is not None
    client.post(f"{address}{held.pk}/submit/", form(held, text="Done."))
    client.post(f"{address}{held.pk}/draft/", {"text": "old", "draft_version": "0"})
    held.refresh_from_db()
    assert held.state == "submitted"
    assert held.demonstrations.get().text == "Done."


def test_a_viewer_may_watch_and_not_work() -> None:
    _client, campaign, address = anns()
    viewer = log_in(Client(), vic(campaign.workspace))
    assert viewer.get(f"/w/{campaign.workspace.slug}/campaigns/{campaign.pk}/").status_code == 200
    assert viewer.get(address).status_code == 403


def test_a_campaign_for_others_is_not_there() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), workers=(mia(),))
    client = log_in(Client(), ann(workspace))
    assert client.get(f"/w/{workspace.slug}/work/{campaign.pk}/").status_code == 404
    assert campaign.name not in client.get(f"/w/{workspace.slug}/campaigns/").content.decode()


def test_a_manager_opens_pauses_and_changes_a_campaign() -> None:
    workspace = a_workspace()
    a_campaign(workspace, mia(workspace), items=3)  # prompts with answers
    client = log_in(Client(), mia())
    base = f"/w/{workspace.slug}/campaigns/"
    plan = {
        "name": "Second round",
        "kind": "ranking",
        "guidelines": "Be *kind*.",
        "answers": "2",
        "overlap": "2",
        "repeats": "10",
        "minutes": "30",
        "most": "2",
    }
    assert client.post(base + "new/", {**plan, "name": ""}).status_code == 422
    opened = client.post(base + "new/", plan)
    campaign = Campaign.objects.get(name="Second round")
    assert opened.status_code == 302
    assert campaign.assignments.count() == 4
    assert "There is already a campaign" in client.post(base + "new/", plan).content.decode()
    client.post(f"{base}{campaign.pk}/state/", {"state": "paused"})
    campaign.refresh_from_db()
    assert campaign.state == State.PAUSED
    client.post(f"{base}{campaign.pk}/guidelines/", {"text": "Be kind and brief."})
    page = client.get(f"{base}{campaign.pk}/").content.decode()
    assert "version 2" in page
    assert "Be kind and brief." in page
