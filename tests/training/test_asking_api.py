"""Models for programs: the same acts as the pages, blind where the pages are."""

import json
import uuid
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from annotation.actions.add_texts import add_completion, add_prompt
from annotation.models import Completion, Prompt
from tests.cast import a_workspace, ann, log_in, mia
from tests.training.generate.asking import an_endpoint, one, work
from training.models import Batch, ModelEndpoint
from webapp.jobs import follow as jobs_follow
from webapp.jobs.actions.claim import claim
from webapp.jobs.actions.finish import fail
from webapp.jobs.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_models(settings: Any) -> None:
    settings.MODELS_WARM_SECONDS = 0
    workspace = a_workspace()
    prompt = add_prompt(workspace=workspace, messages=one("Hello?"), by=None, source="test")
    for name in ("first-model", "second-model"):
        add_completion(prompt=prompt, said=[f"{name[0]}: hello."], generator=name, settings={})
        an_endpoint(workspace, name, in_arena=True)


def ask(client: Client, path: str, body: dict[str, Any]) -> Any:
    address = f"/api/v1/workspaces/paper-cups/{path}"
    return client.post(address, json.dumps(body), content_type="application/json")


def test_a_battle_over_rest_is_blind_until_its_vote(client: Client) -> None:
    log_in(client, ann(a_workspace()))
    begun = ask(client, "battles/", {})
    assert begun.status_code == 201
    key = begun.json()["key"]
    work()
    shown = client.get(f"/api/v1/workspaces/paper-cups/battles/{key}/")
    assert {a["state"] for a in shown.json()["turns"][0]["answers"]} == {"done"}
    assert shown.json()["models"] is None
    assert "-model" not in shown.content.decode()
    voted = ask(client, f"battles/{key}/vote/", {"choice": "tie", "key": str(uuid.uuid4())})
    assert set(voted.json()["models"].values()) == {"first-model", "second-model"}
    assert voted.json()["choice"] == "tie"


def test_a_trial_over_rest(client: Client) -> None:
    log_in(client, mia(a_workspace()))
    begun = ask(client, "trials/", {"prompt": "Hello?", "models": ["first-model"]})
    assert begun.json()["answers"][0]["state"] == "queued"
    work()
    shown = client.get(f"/api/v1/workspaces/paper-cups/trials/{begun.json()['id']}/").json()
    assert shown["answers"][0]["text"] == "f: hello."
    refused = ask(client, "trials/", {"prompt": "Hello?", "models": ["nobody"]})
    assert refused.status_code == 400
    assert "first-model" in refused.content.decode(), "what is allowed is said"


def test_the_command_queues_what_the_page_queues() -> None:
    mia(a_workspace())
    an_endpoint(a_workspace(), "copy", model="first-model")
    call_command("sample", workspace="paper-cups", by="mia@rondo.test", model=["copy"], seed=[0, 1])
    batch = Batch.objects.get()
    assert batch.settings["seeds"] == [0, 1]
    job = work()
    assert (job.state, job.result["answered"]) == ("done", 2)
    made = Completion.objects.get(generator="copy")
    assert made.text == "f: hello."
    assert (made.settings["temperature"], made.settings["model"]) == (0.7, "first-model")
    assert batch.entries.filter(completion=made).count() == 2, "one text is one completion"
    with pytest.raises(CommandError, match="Allowed: copy, first-model"):
        call_command("sample", workspace="paper-cups", by="mia@rondo.test", model=["nobody"])


@pytest.mark.parametrize("broken", [False, True])
def test_the_command_follows_its_job_to_the_end(
    monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    mia(a_workspace())
    an_endpoint(a_workspace(), "copy", model="first-model")
    out = StringIO()

    def meanwhile(_seconds: float) -> None:  # where it waits for its next look, a worker works
        if broken:
            fail(job=claimed(), error="The worker's disk is full.")
        else:
            work()

    monkeypatch.setattr(jobs_follow.time, "sleep", meanwhile)
    given = {"workspace": "paper-cups", "by": "mia@rondo.test", "model": ["copy"], "follow": True}
    if broken:
        with pytest.raises(CommandError, match="The worker's disk is full"):
            call_command("sample", stdout=out, **given)
        return
    call_command("sample", stdout=out, **given)
    looks = out.getvalue().split("\r")[1:]
    assert looks[0].startswith(f"[{' ' * 40}] 0/? "), "nothing is done at the first look"
    assert looks[-1].startswith(f"[{'#' * 40}] 1/1 ")


def claimed() -> Job:
    job = claim(queue="default", worker="test")
    assert job is not None
    return job


def test_a_sampling_over_rest_takes_a_filter(client: Client) -> None:
    log_in(client, mia(a_workspace()))
    body = {"name": "All", "models": ["first-model"], "prompts": {"search": "goodbye"}}
    refused = ask(client, "samplings/", body)
    assert refused.status_code == 400
    assert "finds no prompt" in refused.content.decode()
    made = ask(client, "samplings/", body | {"prompts": {"search": "hello"}})
    assert (made.status_code, made.json()["total"]) == (201, Prompt.objects.count())


def change(client: Client, path: str, body: dict[str, Any]) -> Any:
    address = f"/api/v1/workspaces/paper-cups/{path}"
    return client.patch(address, json.dumps(body), content_type="application/json")


def test_an_endpoint_is_added_changed_retired_and_restored(client: Client, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1:8000"]
    log_in(client, mia(a_workspace()))
    body = {
        "name": "Served", "kind": "service", "model": "m-7b", "key": "secret-1234",
        "base_url": "http://127.0.0.1:8000/v1", "price_in": "2.5", "stop": ["\nUser:"],
    }  # fmt: skip
    made = ask(client, "endpoints/", body)
    assert made.status_code == 201, made.content
    assert "secret-1234" not in made.content.decode()
    pk = made.json()["id"]
    row = ModelEndpoint.objects.get(pk=pk)
    assert (row.key, row.price_in, row.stop) == ("secret-1234", Decimal("2.5"), ["\nUser:"])
    changed = change(client, f"endpoints/{pk}/", {"in_arena": True})
    assert changed.json()["in_arena"] is True
    row.refresh_from_db()
    assert (row.key, row.model, row.stop) == ("secret-1234", "m-7b", ["\nUser:"]), "the rest stays"
    assert ask(client, f"endpoints/{pk}/retire/", {}).json()["retired_at"] is not None
    row.refresh_from_db()
    assert (row.key, row.in_arena) == ("", False)
    assert ask(client, f"endpoints/{pk}/restore/", {}).json()["retired_at"] is None


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"name": "first-model", "kind": "recorded", "model": "x"}, "already a model named"),
        ({"name": "x", "kind": "recorded"}, "Say which model"),
        ({"name": "x", "kind": "oracle", "model": "x"}, "not a valid choice"),
        ({"name": "x", "kind": "service", "model": "x", "base_url": "ftp://x"}, "base_url"),
        ({"name": "x", "kind": "registered", "version": 999999}, "no model 999999"),
        ({"name": "x", "kind": "recorded", "model": "x", "wings": 2}, "no such field"),
        ({"name": "x", "kind": "recorded", "model": "x", "most_tokens": 0}, "1 to 32768"),
    ],
)
def test_a_wrong_endpoint_is_refused_with_a_sentence(
    client: Client, body: dict[str, Any], sentence: str
) -> None:
    log_in(client, mia(a_workspace()))
    refused = ask(client, "endpoints/", body)
    assert refused.status_code == 400
    assert sentence in refused.content.decode()
    assert ModelEndpoint.objects.count() == 2


def test_one_column_of_a_trial_is_asked_again_or_stopped(client: Client) -> None:
    an_endpoint(a_workspace(), "silent", model="nobody")
    log_in(client, mia(a_workspace()))
    begun = ask(client, "trials/", {"prompt": "Hello?", "models": ["first-model", "silent"]})
    work()
    trial = begun.json()["id"]
    shown = client.get(f"/api/v1/workspaces/paper-cups/trials/{trial}/").json()["answers"]
    states = {one["model"]: (one["id"], one["state"]) for one in shown}
    assert states["silent"][1] == "failed"
    address = f"trials/{trial}/columns/{states['silent'][0]}/"
    again = {
        one["model"]: one["state"]
        for one in ask(client, address, {"act": "again"}).json()["answers"]
    }
    assert again == {"first-model": "done", "silent": "queued"}, "one column, and no other"
    stopped = ask(client, address, {"act": "stop"}).json()["answers"]
    assert {one["model"]: one["state"] for one in stopped}["silent"] == "stopped"
    refused = ask(client, address, {"act": "sing"})
    assert (refused.status_code, "valid choice" in refused.content.decode()) == (400, True)
    done = f"trials/{trial}/columns/{states['first-model'][0]}/"
    kept = ask(client, done, {"act": "again"}).json()["answers"]
    assert {one["model"]: one["text"] for one in kept}["first-model"] == "f: hello.", "it stays"
