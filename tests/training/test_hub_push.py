"""Pushing a model: what goes over the wire to a hub that notes everything, and what never does."""

import base64
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tests.cast import a_workspace, log_in, mia, vic
from tests.training.registry import a_model, a_run
from training.actions.push_model import push_model
from training.actions.register import make_ready, new_version
from training.models import HubPush, ModelVersion
from webapp.api.actions.token import create_token
from webapp.jobs.actions.retry import retry
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.heavy, pytest.mark.django_db(transaction=True)]
TOKEN = "letters-of-a-test"


@dataclass
class Hub:
    """`asked`: (method, path, headers, body) of every request; `has`: sha256 it has already."""

    address: str = ""
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    has: set[str] = field(default_factory=set)
    chunk: int = 0  # bytes of a part; 0: in one piece
    status: dict[str, int] = field(default_factory=dict)  # path's start -> what it answers

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        for start, status in self.status.items():
            if path.startswith(start):
                return status, {"error": "not today"}
        if path.endswith("/objects/batch"):
            return 200, {"objects": [self.wanted(json.loads(body)["objects"][0])]}
        if "/commit/" in path:
            return 200, {"commitUrl": f"{self.address}/owner/model/commit/1"}
        return 200, {}

    def wanted(self, file: dict[str, Any]) -> dict[str, Any]:
        if file["oid"] in self.has:
            return {"oid": file["oid"]}
        header: dict[str, str] = {"x-store": "one"}
        if self.chunk:
            header = {"chunk_size": str(self.chunk)}
            for number in range(1, -(-file["size"] // self.chunk) + 1):
                header[str(number)] = f"{self.address}/store/{number}"
        return {
            "oid": file["oid"],
            "actions": {"upload": {"href": f"{self.address}/store/all", "header": header}},
        }

    def to(self, start: str) -> list[tuple[str, str, dict[str, str], bytes]]:
        return [each for each in self.asked if each[1].startswith(start)]

    def committed(self) -> list[dict[str, Any]]:
        ((_method, _path, _headers, body),) = self.to("/api/models/owner/model/commit/main")
        return [json.loads(line) for line in body.splitlines()]


@pytest.fixture
def hub(settings: Any) -> Iterator[Hub]:
    found = Hub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def noted(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.asked.append((self.command, self.path, headers, body))
            status, said = found.answer(self.path, body)
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{len(found.asked)}"')
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PUT = noted

        def log_message(self, *_given: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port = server.server_address[1]
    found.address = settings.HUB_URL = f"http://127.0.0.1:{port}"
    settings.OUTBOUND_ALLOWED_HOSTS = [f"127.0.0.1:{port}"]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def pushed(version: ModelVersion, **given: Any) -> HubPush:
    push = push_model(
        version=version, by=mia(), **({"repository": "owner/model", "token": TOKEN} | given)
    )
    run_next(queue="default", worker="here")
    return HubPush.objects.select_related("job").get(pk=push.pk)


def weights_of(version: ModelVersion) -> dict[str, Any]:
    return next(e for e in version.manifest if e["file"].endswith(".safetensors"))


def test_weights_go_to_the_store_the_rest_with_the_commit_and_the_token_to_the_hub_alone(
    hub: Hub,
) -> None:
    workspace = a_workspace()
    version = a_model(workspace, mia(workspace), licence="apache-2.0")
    push = pushed(version)
    assert push.job is not None
    assert (push.job.state, push.address) == ("done", f"{hub.address}/owner/model/commit/1")
    assert push.token == ""
    ((_m, _p, _h, made),) = hub.to("/api/repos/create")
    wanted = {"name": "model", "organization": "owner", "type": "model", "private": True}
    assert json.loads(made) == wanted
    ((method, _path, headers, body),) = hub.to("/store/all")
    weights = weights_of(version)
    assert (method, headers["x-store"]) == ("PUT", "one")
    assert hashlib.sha256(body).hexdigest() == weights["sha256"]
    assert "authorization" not in headers, "the store gets no token"
    for _method, path, sent, _body in hub.asked:
        if not path.startswith("/store/"):
            assert sent["authorization"] == f"Bearer {TOKEN}"
    header, *lines = hub.committed()
    assert header["key"] == "header"
    by_path = {line["value"]["path"]: line for line in lines}
    assert by_path["model.safetensors"]["value"]["oid"] == weights["sha256"]
    config = base64.b64decode(by_path["config.json"]["value"]["content"])
    assert json.loads(config)["model_type"] == "llama"
    card = base64.b64decode(by_path["README.md"]["value"]["content"]).decode()
    assert 'license: "apache-2.0"' in card
    assert version.sha256 in card
    assert TOKEN not in json.dumps(list(Job.objects.values("arguments", "result", "error")))


def test_large_files_go_in_parts_and_the_store_is_told_of_all(hub: Hub) -> None:
    workspace = a_workspace()
    version = a_model(workspace, mia(workspace))
    hub.chunk = 50
    pushed(version)
    weights = weights_of(version)
    parts = [each for each in hub.to("/store/") if each[0] == "PUT"]
    assert [len(body) for _m, _p, _h, body in parts[:-1]] == [50] * (len(parts) - 1)
    whole = b"".join(body for _m, _p, _h, body in parts)
    assert hashlib.sha256(whole).hexdigest() == weights["sha256"]
    ((_method, _path, _headers, end),) = (e for e in hub.to("/store/all") if e[0] == "POST")
    told = json.loads(end)
    assert told["oid"] == weights["sha256"]
    assert [part["partNumber"] for part in told["parts"]] == list(range(1, len(parts) + 1))
    assert all(part["etag"] for part in told["parts"])


def test_what_the_hub_has_is_not_sent_again(hub: Hub) -> None:
    workspace = a_workspace()
    version = a_model(workspace, mia(workspace))
    hub.has = {weights_of(version)["sha256"]}
    assert pushed(version).address
    assert hub.to("/store/") == []
    assert "lfsFile" in [line["key"] for line in hub.committed()], "it is committed all the same"


def test_a_token_that_may_not_write_is_refused_and_another_try_goes_on(hub: Hub) -> None:
    workspace = a_workspace()
    version = a_model(workspace, mia(workspace))
    hub.status = {"/api/repos/create": 403}
    push = pushed(version)
    assert push.job is not None
    assert push.job.state == "failed"
    assert "does not let this token write to owner/model (status 403)" in push.job.error
    assert push.pushed_at is None
    hub.status = {"/api/repos/create": 409}  # it is there already
    retry(job=push.job, by=mia())
    run_next(queue="default", worker="here")
    push.refresh_from_db()
    assert (push.token, bool(push.address)) == ("", True)


def test_the_token_is_not_readable_in_the_database_and_goes_with_the_next_push(hub: Hub) -> None:
    from django.db import connection

    workspace = a_workspace()
    version = a_model(workspace, mia(workspace))
    hub.status = {"/": 500}
    first = pushed(version)
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM training_hubpush WHERE id = %s", [first.pk])
        (stored,) = cursor.fetchone()
    assert stored
    assert TOKEN not in stored
    hub.status = {}
    pushed(version)
    assert HubPush.objects.filter(version=version).count() == 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"repository": "model"}, "Write it as on the hub: owner/name"),
        ({"repository": "../../etc"}, "Write it as on the hub"),
        ({"token": "with a space in it"}, "printable characters and no space"),
        ({"token": "line\nbreak-in-it"}, "printable characters and no space"),
    ],
)
def test_what_cannot_be_pushed_is_refused(wrong: dict[str, str], sentence: str) -> None:
    workspace = a_workspace()
    version = a_model(workspace, mia(workspace))
    given = {"repository": "owner/model", "token": TOKEN} | wrong
    with pytest.raises(ValidationError, match=sentence):
        push_model(version=version, by=mia(), **given)  # type: ignore[arg-type]


def test_one_push_of_a_model_at_a_time_and_none_without_files() -> None:
    workspace = a_workspace()
    version = a_model(workspace, mia(workspace))
    push_model(version=version, by=mia(), repository="owner/model", token=TOKEN)
    with pytest.raises(ValidationError, match="is being pushed already"):
        push_model(version=version, by=mia(), repository="owner/model", token=TOKEN)
    empty = new_version(workspace=workspace, name="empty", by=mia(), kind="policy")
    with pytest.raises(ValidationError, match="has no files to push"):
        push_model(version=empty, by=mia(), repository="owner/model", token=TOKEN)


def test_the_page_says_what_it_means_before_it_does_it() -> None:
    workspace = a_workspace()
    client = log_in(Client(), mia(workspace))
    run = a_run(workspace, mia())
    version = new_version(workspace=workspace, name="tuned", by=mia(), kind="policy", run=run)
    make_ready(version=version, place="models/none", sha256="0" * 64)
    address = reverse("training:model_push", args=[workspace.slug, version.pk])
    text = client.get(address).content.decode()
    assert "It learned from the snapshot “of base-sft-1”." in text
    assert "cannot be called back" in text
    assert not HubPush.objects.exists()
    form = {"repository": "owner/model", "token": "no"}
    assert client.post(address, form).status_code == 422
    assert client.post(address, {**form, "token": TOKEN}).status_code == 302
    assert HubPush.objects.get().private, "nobody said that everybody may have it"
    page = client.get(reverse("training:model", args=[workspace.slug, version.pk]))
    assert "owner/model" in page.content.decode()
    assert TOKEN not in page.content.decode()
    assert log_in(Client(), vic(workspace)).get(address).status_code == 403


def test_the_same_over_rest_whose_answers_never_hold_the_token(hub: Hub) -> None:
    workspace = a_workspace()
    version = a_model(workspace, mia(workspace))
    _row, key = create_token(user=mia(), name="pushes", scope="write", days=1)
    client = Client(headers={"Authorization": f"Bearer {key}"})
    address = reverse("api_pushes", args=[workspace.slug, version.pk])
    body = {"repository": "owner/model", "token": TOKEN}
    refused = client.post(address, {**body, "repository": "model"}, "application/json")
    assert refused.status_code == 400
    assert "owner/name" in refused.content.decode()
    made = client.post(address, body, "application/json")
    assert (made.status_code, made.json()["private"], made.json()["address"]) == (201, True, "")
    run_next(queue="default", worker="here")
    listed = client.get(address)
    (push,) = listed.json()["results"]
    assert push["address"] == f"{hub.address}/owner/model/commit/1"
    assert push["pushed_at"]
    assert TOKEN not in made.content.decode() + listed.content.decode()


def test_the_same_by_command_asks_first_and_takes_the_token_from_no_argument(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = a_workspace()
    a_model(workspace, mia(workspace))
    given = ("push", workspace.slug, "base", "owner/model", "--by", mia().email, "--no-wait")
    monkeypatch.setenv("HUB_TOKEN", TOKEN)
    monkeypatch.setattr("builtins.input", lambda asked: "n")
    with pytest.raises(CommandError, match=r"Nothing was pushed."):
        call_command(*given)
    assert "cannot be called back" in capsys.readouterr().out
    assert not HubPush.objects.exists()
    call_command(*given, "--yes", "--public")
    run_next(queue="default", worker="here")
    push = HubPush.objects.get()
    assert (push.private, push.token) == (False, "")
    assert push.address.endswith("/owner/model/commit/1")
    with pytest.raises(CommandError, match="no registered model"):
        call_command("push", workspace.slug, "nobody", "owner/model", "--by", mia().email, "--yes")
