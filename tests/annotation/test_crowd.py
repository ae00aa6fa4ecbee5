"""People from a crowd platform: in by a link, one campaign and nothing else, a code at the end."""

import uuid
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from annotation.actions.change_campaign import change_state
from annotation.actions.crowd import LinkPlan, begin, set_link, switch_off
from annotation.actions.set_check import set_check
from annotation.crowd import Sent, WrongIds, address_of, secret_of, sent_by
from annotation.domain import answers
from annotation.models import Assignment, Comparison, CrowdLink, CrowdWork
from annotation.models.campaigns import Kind, Purpose
from tests.access.world import routes
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, log_in, mia
from webapp.accounts.models import User

pytestmark = pytest.mark.django_db
IDS = {"PROLIFIC_PID": "p1", "STUDY_ID": "s1", "SESSION_ID": "one"}


def a_link(items: int = 5, each: int = 2, **fields: Any) -> CrowdLink:
    workspace = a_workspace()
    plan = {k: fields.pop(k) for k in ("training_pass", "kind", "answers", "cap") if k in fields}
    campaign = a_campaign(workspace, mia(workspace), items=items, **plan)
    fields = {"completion_code": "C0DE", "screen_out_code": "0UT", **fields}
    return set_link(campaign=campaign, by=mia(), plan=LinkPlan("prolific", each, **fields))


def door(link: CrowdLink) -> str:
    return reverse("crowd", args=[link.pk, secret_of(link)])


def come(client: Client, link: CrowdLink, **ids: str) -> Any:
    query = "&".join(f"{name}={value}" for name, value in {**IDS, **ids}.items())
    return client.post(f"{door(link)}?{query}")


def home(link: CrowdLink, tail: str = "") -> str:
    return f"/w/{link.campaign.workspace.slug}/work/{link.campaign_id}/{tail}"


def vote(client: Client, link: CrowdLink, choice: str = "left") -> Any:
    """Answer the item that is held."""
    held = Assignment.objects.get(state="leased", campaign=link.campaign)
    sent = {"key": str(uuid.uuid4()), "attempt": held.attempt, "choice": choice, "seconds": "9"}
    return client.post(home(link, f"{held.pk}/submit/"), sent)


def test_a_worker_comes_in_answers_and_gets_the_code(client: Client) -> None:
    link = a_link()
    assert "Begin" in client.get(f"{door(link)}?PROLIFIC_PID=p1&SESSION_ID=one").content.decode()
    assert not User.objects.filter(name__contains="p1").exists()  # a look begins nothing
    assert come(client, link)["Location"] == home(link)
    client.post(home(link, "next/"))
    vote(client, link)
    assert "C0DE" not in client.get(home(link)).content.decode()
    vote(client, link)
    page = client.get(home(link)).content.decode()
    assert "C0DE" in page
    assert "https://app.prolific.com/submissions/complete?cc=C0DE" in page
    work = CrowdWork.objects.get()
    assert (work.worker, work.external, work.ending) == ("p1", "one", "completed")
    assert Comparison.objects.filter(annotator=work.person).count() == 2
    client.post(home(link, "next/"))  # done is done
    client.post(home(link, "undo/"))
    assert not Assignment.objects.filter(state="leased").exists()


def test_each_assignment_of_the_platform_counts_once(client: Client) -> None:
    link = a_link(each=1)
    come(client, link)
    client.post(home(link, "next/"))
    vote(client, link)
    come(client, link)  # the same link again: the code again, no new work
    assert "C0DE" in client.get(home(link)).content.decode()
    assert CrowdWork.objects.count() == 1
    come(client, link, SESSION_ID="two")  # a second assignment of the same person
    client.post(home(link, "next/"))
    vote(client, link)
    assert User.objects.filter(limited_to__startswith="campaign").count() == 1
    assert list(CrowdWork.objects.values_list("external", "ending").order_by("pk")) == [
        ("one", "completed"),
        ("two", "completed"),
    ]
    with pytest.raises(ValidationError, match="belongs to somebody else"):
        begin(link=link, sent=Sent("thief", "s1", "one"))


def test_an_assignment_that_was_left_for_another_ends(client: Client) -> None:
    link = a_link()
    come(client, link)
    come(client, link, SESSION_ID="two")
    assert list(CrowdWork.objects.values_list("ending", flat=True).order_by("pk")) == ["left", ""]


def test_who_fails_the_training_is_screened_out(client: Client) -> None:
    link = a_link(items=3, training_pass=1.0)
    item = link.campaign.items.order_by("pk")[0]
    shown = list(item.shown.order_by("pk").values_list("completion_id", flat=True))
    right = answers.comparison("left")
    set_check(item=item, by=mia(), purpose=Purpose.TRAINING, answer=right, shown=shown)
    come(client, link)
    client.post(home(link, "next/"))
    held = Assignment.objects.get(state="leased")
    assert "feedback" in vote(client, link, "right" if held.shown_order == shown else "left").url
    client.post(home(link, "next/"))
    page = client.get(home(link)).content.decode()
    assert "0UT" in page
    assert "C0DE" not in page
    assert CrowdWork.objects.get().ending == "screened_out"


def test_nothing_left_gives_no_code(client: Client) -> None:
    link = a_link(items=1, each=1)
    come(client, link)
    client.post(home(link, "next/"))
    vote(client, link)
    other = Client()
    come(other, link, PROLIFIC_PID="p2", SESSION_ID="two")
    other.post(home(link, "next/"))
    page = other.get(home(link)).content.decode()
    assert "return the assignment" in page
    assert "C0DE" not in page


def test_a_code_of_its_own_where_none_is_given(client: Client) -> None:
    link = a_link(items=2, each=1, completion_code="")
    come(client, link)
    client.post(home(link, "next/"))
    vote(client, link)
    page = client.get(home(link)).content.decode()
    listed = log_in(Client(), mia()).get(
        f"/w/{link.campaign.workspace.slug}/campaigns/{link.campaign_id}/crowd/file/"
    )
    row = b"".join(listed.streaming_content).decode().splitlines()[1].split(",")  # type: ignore[attr-defined]
    assert row[:3] == ["p1", "s1", "one"]
    assert row[5:7] == ["completed", "1"]
    assert len(row[7]) == 10
    assert row[7] in page


def test_a_worker_opens_nothing_else(client: Client) -> None:
    """Every address there is, asked as somebody who came by a link."""
    link = a_link()
    other = a_campaign(link.campaign.workspace, mia())
    come(client, link)
    slug = link.campaign.workspace.slug
    for path in (
        f"/w/{slug}/",
        f"/w/{slug}/campaigns/",
        f"/w/{slug}/work/",
        f"/w/{slug}/work/{other.pk}/",
        f"/w/{slug}/work/{link.campaign_id}/statistics/",
        f"/api/v1/workspaces/{slug}/campaigns/",
        "/account/profile/",
        "/",
    ):
        assert client.get(path).status_code == 404, path
    for name, method, parameters in routes():
        values = {one: link.campaign_id for one in parameters}
        values |= {"slug": slug} if "slug" in parameters else {}
        try:
            path = reverse(name, kwargs=values)
        except Exception:  # its parameters are of another kind
            continue
        if name.startswith("annotation:work") or name in ("crowd", "account_logout"):
            continue
        content = "application/json" if path.startswith("/api/") else None
        options = {"content_type": content} if content and method != "GET" else {}
        found = getattr(client, method.lower())(path, **options)
        assert found.status_code == 404, (name, method, found.status_code)
    page = client.get(home(link)).content.decode()
    assert f'href="/w/{slug}/"' not in page
    assert 'href="/"' not in page


def test_control_another_annotator_does_open_it() -> None:
    link = a_link()
    client = log_in(Client(), ann(link.campaign.workspace))
    assert client.get(f"/w/{link.campaign.workspace.slug}/campaigns/").status_code == 200


def test_a_wrong_secret_and_a_switched_off_link_are_not_there(client: Client) -> None:
    link = a_link()
    good = door(link)
    assert client.get(reverse("crowd", args=[link.pk, "0" * 40])).status_code == 404
    switch_off(link=link, by=mia())
    assert client.get(good).status_code == 404
    again = set_link(campaign=link.campaign, by=mia(), plan=LinkPlan("prolific", 2))
    assert door(again) != good


def test_a_member_is_not_turned_into_a_worker() -> None:
    link = a_link()
    client = log_in(Client(), mia())
    page = come(client, link)
    assert "private window" in page.content.decode()
    assert not CrowdWork.objects.exists()


def test_places_and_a_paused_campaign_end_the_coming(client: Client) -> None:
    link = a_link(places=1)
    come(client, link)
    late = come(Client(), link, PROLIFIC_PID="p2", SESSION_ID="two")
    assert late.status_code == 422
    assert "All places of this study are taken" in late.content.decode()
    change_state(campaign=link.campaign, by=mia(), state="paused")
    CrowdLink.objects.update(places=5)
    late = come(Client(), link, PROLIFIC_PID="p2", SESSION_ID="two")
    assert "not open at the moment" in late.content.decode()
    assert CrowdWork.objects.count() == 1


def test_one_place_begins_thirty_in_an_hour() -> None:
    link = a_link()
    for number in range(30):
        assert come(Client(), link, SESSION_ID=f"s{number}").status_code == 302
    assert come(Client(), link, SESSION_ID="s30").status_code == 429


def test_ids_are_read_by_the_platforms_own_names() -> None:
    given = {"workerId": "W", "assignmentId": "A", "hitId": "H"}
    assert sent_by("mturk", given) == Sent("W", "H", "A")
    assert sent_by("mturk", {"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE"}) is None
    for query, sentence in (
        ({"SESSION_ID": "1"}, "nothing for PROLIFIC_PID"),
        ({"PROLIFIC_PID": "<b>", "SESSION_ID": "1"}, "'<b>' for PROLIFIC_PID"),
        ({"PROLIFIC_PID": "p" * 101, "SESSION_ID": "1"}, "1 to 100 letters"),
    ):
        with pytest.raises(WrongIds, match=sentence):
            sent_by("prolific", query)


def test_without_its_ids_the_page_says_what_is_missing(client: Client) -> None:
    link = a_link()
    page = client.get(door(link))
    assert "nothing for PROLIFIC_PID" in page.content.decode()
    assert "Begin</button>" not in page.content.decode()


def test_the_link_over_rest() -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), kind=Kind.BEST_WORST, answers=4)
    client = log_in(Client(), mia())
    root = f"/api/v1/workspaces/{workspace.slug}/campaigns/{campaign.pk}/crowd/"
    assert client.get(root).status_code == 404
    body = {"platform": "mturk", "answers": 3, "completion_url": "https://x.test/done"}
    made = client.post(root, body, content_type="application/json")
    assert made.status_code == 200
    assert "workerId=${workerId}" in made.json()["address"]
    bad = client.post(root, {**body, "completion_url": "http://x"}, content_type="application/json")
    assert bad.status_code == 400
    begin(
        link=CrowdLink.objects.get(), sent=sent_by("mturk", {"workerId": "W", "assignmentId": "A"})
    )  # type: ignore[arg-type]
    (row,) = client.get(f"{root}assignments/").json()["results"]
    assert (row["worker"], row["assignment"], row["answers"]) == ("W", "A", 0)
    assert client.delete(root).status_code == 204
    assert address_of(CrowdLink.objects.get()) == ""


def test_the_managers_page_makes_the_link(client: Client) -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace))
    log_in(client, mia())
    url = reverse("annotation:crowd_page", args=[workspace.slug, campaign.pk])
    sent = {
        "platform": "prolific",
        "answers": "4",
        "places": "9",
        "completion_url": "http://x.test",
    }
    assert "begins with https" in client.post(url, sent).content.decode()
    assert client.post(url, {**sent, "completion_url": ""}).status_code == 302
    page = client.get(url).content.decode()
    assert "PROLIFIC_PID={{%PROLIFIC_PID%}}" in page
