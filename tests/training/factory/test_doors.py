"""The same wizards from pages and from programs."""

import json
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation.models import Demonstration
from tests.cast import a_workspace, log_in, mia, vic
from tests.training.factory import world
from tests.training.factory.world import a_run, a_safe_run, carried_out, fresh, seeds
from tests.training.generate.a_service import Service
from tests.training.generate.asking import an_endpoint
from training.factory.actions.review import dismiss
from training.factory.queries import waiting_for_review
from training.models import FactoryRun, FactoryStep
from webapp.jobs.models import Job, State

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]


def at(name: str, run: FactoryRun) -> str:
    return reverse(f"training:{name}", args=[run.workspace.slug, run.pk])


def form_of(client: Client, address: str) -> dict[str, Any]:
    """What a browser would send of the page's form, unchanged."""
    form = client.get(address).context["form"]
    filled = {field.html_name: field.value() for field in form}
    return {
        name: value
        for name, value in filled.items()
        if value or (value == 0 and value is not False)
    }


def test_a_run_is_begun_in_the_browser_and_watched(client: Client, service: Service) -> None:
    service.next = [world.scribe]
    workspace = a_workspace()
    log_in(client, mia(workspace))
    address = reverse("training:self_instruct_new", args=[workspace.slug])
    page = client.get(address).content.decode()
    assert "There are no seeds yet" in page
    assert "There is no model yet" in page
    seeds(workspace)
    endpoint = an_endpoint(workspace, "small", base_url=service.base_url)
    sent = form_of(client, address) | {"name": "bees", "model": endpoint.pk, "wanted": "2"}
    sent |= {"seeds": "source=seeds", "at_once": "1", "human": "3", "machine": "1"}
    assert client.post(address, sent | {"temperature": "9"}).status_code == 422
    answer = client.post(address, sent)
    assert answer.status_code == 302, answer.context["form"].errors
    run = FactoryRun.objects.get()
    assert answer["Location"] == at("factory_run", run)
    going = client.get(at("factory_run", run), headers={"HX-Request": "true"})
    assert going.status_code == 200
    run = carried_out(run)
    ended = client.get(at("factory_run", run), headers={"HX-Request": "true"})
    assert ended.status_code == 286
    page = client.get(at("factory_run", run)).content.decode()
    assert "Instructions written" in page
    assert "needs more than text" in page
    assert "2 of 2 instructions kept" in page
    assert "Review 2" in page
    listed = client.get(reverse("training:factory", args=[workspace.slug])).content.decode()
    assert "bees" in listed
    log_in(client, vic(workspace))
    page = client.get(at("factory_run", run)).content.decode()
    assert "Change settings" not in page
    assert "Review 2" not in page


def test_a_run_is_stopped_set_and_let_go_on_in_the_browser(
    client: Client, service: Service
) -> None:
    service.next = [world.scribe]
    run = a_run(a_workspace(), service.base_url)
    log_in(client, mia())
    client.post(at("factory_act", run), {"act": "stop"})
    assert "Stopped" in client.get(at("factory_run", run)).content.decode()
    sent = form_of(client, at("factory_run", run)) | {"set-wanted": "2", "set-budget": "3"}
    assert client.post(at("factory_settings", run), sent | {"set-top_p": "7"}).status_code == 422
    done = client.post(at("factory_settings", run), sent)
    assert done.status_code == 302, done.context["form"].errors
    run = fresh(run)
    assert run.batch.budget == 3
    assert run.versions.count() == 2
    client.post(at("factory_act", run), {"act": "go-on"})
    run = carried_out(run)
    assert run.candidates.filter(step=FactoryStep.INSTRUCTIONS, state="kept").count() == 4
    told = client.post(at("factory_act", run), {"act": "dance"}, follow=True).content.decode()
    assert "Choose to stop or to go on" in told


def test_the_review_goes_through_what_waits(client: Client, service: Service) -> None:
    service.next = [world.scribe]
    run = carried_out(a_run(a_workspace(), service.base_url, wanted=2, at_once=1))
    log_in(client, mia())
    address = at("factory_review", run)
    first, second = list(waiting_for_review(run))
    page = client.get(address)
    assert page.context["candidate"] == first
    assert client.get(address, {"after": str(first.pk)}).context["candidate"] == second
    assert client.get(address, {"after": "x" * 30}).context["candidate"] == first
    refused = client.post(address, {"candidate": first.pk, "act": "reject", "text": first.text})
    assert refused.status_code == 422
    assert "Say why" in refused.content.decode()
    sent = {"instruction": "Say hello.", "input": "", "text": "Hello.", "act": "accept"}
    assert client.post(address, sent | {"candidate": first.pk}).status_code == 302
    assert Demonstration.objects.filter(text="Hello.", prompt__text="Say hello.").exists()
    rejected = {"candidate": second.pk, "act": "reject", "reason": "Wrong", "text": second.text}
    client.post(address, rejected)
    assert "Nothing waits for review" in client.get(address).content.decode()
    late = client.post(address, sent | {"candidate": second.pk}, follow=True)
    assert "decided meanwhile" in late.content.decode()


def test_a_refusal_is_confirmed_in_three_points_on_the_page(
    client: Client, service: Service
) -> None:
    service.next = [world.scribe]
    run = carried_out(a_safe_run(a_workspace(), service.base_url))
    log_in(client, mia())
    address = at("factory_review", run)
    refusal = waiting_for_review(run).filter(step=FactoryStep.REFUSALS)[0]
    page = client.get(address, {"after": str(refusal.pk - 1)}).content.decode()
    assert "An answer that complied" in page
    sent = {"candidate": refusal.pk, "act": "accept", "text": refusal.text, "checks": ["refuses"]}
    refused = client.post(address, sent)
    assert refused.status_code == 422
    assert "Not confirmed: no_detail, offers_help" in refused.content.decode()
    sent["checks"] = ["refuses", "no_detail", "offers_help"]
    assert client.post(address, sent).status_code == 302
    page = client.get(at("factory_run", run)).content.decode()
    assert "How often it refuses when simply asked" in page


def test_the_report_and_everything_written_can_be_downloaded(
    client: Client, service: Service
) -> None:
    service.next = [world.scribe]
    run = carried_out(a_run(a_workspace(), service.base_url))
    log_in(client, mia())
    report = json.loads(client.get(at("factory_report", run)).content)
    assert report["seeds"] == 5
    assert report["funnel"][0] == {
        "step": "instructions", "stage": "Instructions written", "count": 8, "lost": 0,
    }  # fmt: skip
    assert {row["rule"]: row["count"] for row in report["rejections"]} == {
        "needs more than text": 2,
        "too short": 2,
    }
    body: Any = client.get(at("factory_candidates", run))
    lines = [json.loads(line) for line in body.getvalue().splitlines()]
    assert len(lines) == run.candidates.count()
    assert lines[0]["similarity"] is not None
    assert lines[0]["shown"]["seeds"]


def test_the_pages_ask_the_same_number_of_queries_whatever_there_is(
    client: Client, service: Service
) -> None:
    service.next = [world.scribe]
    workspace = a_workspace()
    small = carried_out(a_run(workspace, service.base_url, wanted=2, at_once=1))
    large = carried_out(a_run(workspace, service.base_url, name="large", wanted=8, most_requests=5))
    dismiss(candidate=waiting_for_review(large)[0], by=mia(), reason="One of many")
    log_in(client, mia())
    client.get(at("factory_run", large))
    counts = []
    for run in (small, large):
        with CaptureQueriesContext(connection) as asked:
            client.get(at("factory_run", run))
        counts.append(len(asked))
    assert counts[0] == counts[1]


def rest(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    address = f"/api/v1/workspaces/paper-cups/factory/{path}"
    sent = () if method == "get" else (json.dumps(body or {}),)
    answer = getattr(client, method)(address, *sent, content_type="application/json")
    return answer.status_code, answer.json()


def test_a_program_begins_changes_stops_and_reviews(client: Client, service: Service) -> None:
    service.next = [world.scribe]
    workspace = a_workspace()
    log_in(client, mia(workspace))
    seeds(workspace)
    an_endpoint(workspace, "small", base_url=service.base_url)
    wanted = {"name": "bees", "wizard": "self_instruct", "model": "small"}
    code, told = rest(client, "post", "", wanted | {"settings": {"wanted": "many"}})
    assert (code, "wanted is many" in str(told)) == (400, True)
    code, _told = rest(client, "post", "", wanted | {"model": "gone"})
    assert code == 400
    settings = {"wanted": 2, "at_once": 1, "human": 3, "machine": 1}
    code, made = rest(client, "post", "", wanted | {"settings": settings, "budget": "2"})
    assert (code, made["state"], made["settings"]["wanted"]) == (201, "going", 2)
    assert made["budget"] == "2.000000"
    path = f"{made['id']}/"
    assert rest(client, "post", path + "stop/")[1]["state"] == "stopped"
    assert rest(client, "post", path + "stop/")[0] == 400
    changed = {"settings": {"wanted": 4}, "budget": None}
    assert rest(client, "patch", path, changed)[1]["settings_version"] == 2
    assert rest(client, "post", path + "go-on/")[1]["state"] == "going"
    carried_out(FactoryRun.objects.get())
    code, found = rest(client, "get", path + "candidates/?state=waiting")
    assert code == 200
    assert len(found["results"]) == 5
    one = next(row for row in found["results"] if row["instruction"] == world.NEW_TASKS[0])
    code, done = rest(client, "post", path + f"candidates/{one['id']}/", {"act": "accept"})
    assert (code, done["state"]) == (200, "accepted")
    assert done["demonstration"]
    other = next(row["id"] for row in found["results"] if row["id"] != one["id"])
    assert rest(client, "post", path + f"candidates/{other}/", {"act": "reject"})[0] == 400
    code, whole = rest(client, "get", path)
    assert whole["report"]["funnel"][-1]["count"] == 1
    assert rest(client, "get", "?wizard=safe_responses")[1]["results"] == []


def test_the_page_says_why_a_run_stands_still(client: Client, service: Service) -> None:
    run = a_run(a_workspace(), service.base_url)
    Job.objects.filter(pk=run.job_id).update(
        state=State.FAILED, error="The budget is spent.", finished_at=Now()
    )
    log_in(client, mia())
    page = client.get(at("factory_run", run)).content.decode()
    assert "The budget is spent." in page
    assert "counts nothing twice" in page
