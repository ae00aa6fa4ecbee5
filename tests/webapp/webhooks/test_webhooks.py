"""Webhooks: what is sent, by whom it is signed, how often it is tried, and who may say so."""

import contextlib
import http.server
import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.actions.assign import assign
from annotation.actions.change_campaign import change_state
from annotation.actions.submit import Submission, submit
from annotation.domain import answers
from annotation.models.campaigns import State
from tests.annotation.material import a_campaign
from tests.cast import a_workspace, ann, log_in, mia
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next
from webapp.webhooks.actions.announce import announce
from webapp.webhooks.actions.change_webhooks import (
    add_webhook,
    remove_webhook,
    resend,
    rotate_secret,
)
from webapp.webhooks.events import Event
from webapp.webhooks.models import Delivery, Webhook
from webapp.webhooks.signing import signature
from webapp.workspaces.models import Workspace

pytestmark = [pytest.mark.heavy, pytest.mark.django_db]
EVERYTHING = list(Event.values)


@dataclass
class Receiver:
    """The other program: what it was sent, and what it answers next (200 when nothing is said)."""

    url: str
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _headers, body in self.got]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(found.answers.pop(0) if found.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        host = f"127.0.0.1:{server.server_port}"
        settings.OUTBOUND_ALLOWED_HOSTS = [host]
        found = Receiver(f"http://{host}/hook")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


def work_off() -> None:
    """Run what is queued; pauses between attempts are skipped, not waited for."""
    while True:
        Job.objects.filter(state="queued").update(not_before=timezone.now() - timedelta(days=1))
        if run_next(queue="default", worker="default@test:1") is None:
            return


def a_webhook(receiver: Receiver, workspace: Workspace, *events: str) -> Webhook:
    chosen = list(events) or EVERYTHING
    return add_webhook(workspace=workspace, by=mia(workspace), url=receiver.url, events=chosen)


def test_a_signature_is_that_of_the_standards_example() -> None:
    assert (
        signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_campaign_tells_of_its_opening_its_answers_and_its_end(receiver: Receiver) -> None:
    workspace = a_workspace()
    webhook = a_webhook(receiver, workspace)
    campaign = a_campaign(workspace, mia(workspace), items=1)
    held = assign(campaign=campaign, annotator=ann(workspace))
    assert held is not None
    sent = Submission(answers.comparison("left"), uuid.uuid4(), held.attempt)
    submit(assignment=held, annotator=ann(), submission=sent)
    change_state(campaign=campaign, by=mia(), state=State.PAUSED)
    change_state(campaign=campaign, by=mia(), state=State.CLOSED)
    work_off()
    assert receiver.types() == [
        "campaign.opened",
        "judgement.submitted",
        "campaign.finished",
        "campaign.paused",
        "campaign.closed",
    ]
    headers, body = receiver.got[1]
    timestamp = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == signature(
        webhook.secret, headers["webhook-id"], timestamp, body
    )
    told = json.loads(body)
    assert (told["workspace"], told["data"]["assignment"]) == (workspace.slug, held.pk)
    assert set(Delivery.objects.values_list("state", "status")) == {("delivered", 200)}


def test_nobody_is_told_what_was_rolled_back(receiver: Receiver) -> None:
    workspace = a_workspace()
    a_webhook(receiver, workspace)
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        announce(workspace, Event.RUN_FAILED, {"run": 1})
        raise ZeroDivisionError
    announce(workspace, Event.RUN_FINISHED, {"run": 2})
    work_off()
    assert receiver.types() == ["run.finished"]


def test_only_what_was_asked_for_is_sent_and_only_in_the_own_workspace(receiver: Receiver) -> None:
    workspace, other = a_workspace(), a_workspace("Tea spoons")
    a_webhook(receiver, workspace, "run.failed")
    for place in (workspace, other):
        announce(place, Event.RUN_FINISHED, {})
        announce(place, Event.RUN_FAILED, {"run": place.pk})
    work_off()
    assert [json.loads(body)["data"] for _headers, body in receiver.got] == [{"run": workspace.pk}]
    with pytest.raises(ValueError, match=r"Allowed: campaign\.opened"):
        announce(workspace, "run.exploded", {})


def test_it_is_tried_again_under_the_same_id_until_it_is_taken(receiver: Receiver) -> None:
    workspace = a_workspace()
    a_webhook(receiver, workspace)
    receiver.answers = [500, 503]
    announce(workspace, Event.RUN_FAILED, {})
    work_off()
    assert len({headers["webhook-id"] for headers, _body in receiver.got}) == 1
    assert len({body for _headers, body in receiver.got}) == 1
    row = Delivery.objects.get()
    assert (len(receiver.got), row.state, row.attempts, row.error) == (3, "delivered", 3, "")


def test_it_is_given_up_after_the_last_attempt_and_can_be_sent_again(receiver: Receiver) -> None:
    workspace = a_workspace()
    a_webhook(receiver, workspace)
    receiver.answers = [500] * 8
    announce(workspace, Event.RUN_FAILED, {})
    with pytest.raises(ValidationError, match="still being tried"):
        resend(delivery=Delivery.objects.get(), by=mia())
    work_off()
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.status) == ("failed", 8, 500)
    again = resend(delivery=row, by=mia())
    work_off()
    again.refresh_from_db()
    assert (again.state, again.message_id, again.body) == ("delivered", row.message_id, row.body)
    assert len(receiver.got) == 9


def test_one_that_is_gone_is_told_nothing_more_until_somebody_sends_again(
    receiver: Receiver,
) -> None:
    workspace = a_workspace()
    a_webhook(receiver, workspace)
    receiver.answers = [410]
    announce(workspace, Event.RUN_FAILED, {})
    work_off()
    announce(workspace, Event.RUN_FAILED, {})
    work_off()
    assert (len(receiver.got), Delivery.objects.get().state) == (1, "failed")
    resend(delivery=Delivery.objects.get(), by=mia())
    announce(workspace, Event.RUN_FAILED, {})
    work_off()
    assert len(receiver.got) == 3


def test_both_secrets_sign_for_a_day(receiver: Receiver) -> None:
    workspace = a_workspace()
    first = a_webhook(receiver, workspace).secret
    webhook = rotate_secret(webhook=Webhook.objects.get(), by=mia())
    assert webhook.secret != first
    announce(workspace, Event.RUN_FAILED, {})
    work_off()
    Webhook.objects.update(old_secret_until=timezone.now())
    announce(workspace, Event.RUN_FAILED, {})
    work_off()
    expected = []
    for (headers, body), secrets in zip(
        receiver.got, ([webhook.secret, first], [webhook.secret]), strict=True
    ):
        told = headers["webhook-id"], int(headers["webhook-timestamp"]), body
        expected.append(" ".join(signature(secret, *told) for secret in secrets))
    assert [headers["webhook-signature"] for headers, _body in receiver.got] == expected


def test_a_secret_is_not_readable_in_the_database(receiver: Receiver) -> None:
    webhook = a_webhook(receiver, a_workspace())
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM webhooks_webhook")
        assert webhook.secret not in cursor.fetchone()[0]


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "http://example.org/", "https://10.0.0.1/x", "ftp://a", "", "x"]
)
def test_it_refuses_an_address_that_leads_inside(db: None, url: str) -> None:
    workspace = a_workspace()
    with pytest.raises(ValidationError) as refused:
        add_webhook(workspace=workspace, by=mia(workspace), url=url, events=["run.failed"])
    assert list(refused.value.message_dict) == ["url"]
    assert not Webhook.objects.exists()


def test_an_address_that_leads_inside_later_is_not_asked(receiver: Receiver, settings: Any) -> None:
    workspace = a_workspace()
    a_webhook(receiver, workspace)
    settings.OUTBOUND_ALLOWED_HOSTS = []
    announce(workspace, Event.RUN_FAILED, {})
    work_off()
    row = Delivery.objects.get()
    assert (receiver.got, row.state, row.attempts) == ([], "failed", 1)


def test_a_removed_webhook_is_told_nothing(receiver: Receiver) -> None:
    workspace = a_workspace()
    webhook = a_webhook(receiver, workspace)
    announce(workspace, Event.RUN_FAILED, {})
    remove_webhook(webhook=webhook, by=mia())
    work_off()
    assert (receiver.got, Job.objects.get().state) == ([], "done")


def test_the_page_shows_a_secret_once(receiver: Receiver) -> None:
    workspace = a_workspace()
    client = log_in(Client(), mia(workspace))
    page = f"/w/{workspace.slug}/webhooks/"
    assert client.post(page, {"url": receiver.url}).status_code == 422
    made = client.post(page, {"url": receiver.url, "events": ["run.failed"]})
    secret = Webhook.objects.get().secret
    assert made.content.decode().count(secret) >= 1
    assert "no-store" in made["Cache-Control"]
    client.post(f"{page}{Webhook.objects.get().pk}/test/")
    work_off()
    assert receiver.types() == ["webhook.test"]
    shown = client.get(page).content.decode()
    assert "webhook.test" in shown
    assert secret not in shown


def test_the_list_takes_as_many_queries_for_many_as_for_few(receiver: Receiver) -> None:
    workspace = a_workspace()
    client = log_in(Client(), mia(workspace))
    client.get(f"/w/{workspace.slug}/webhooks/")  # a session's first request writes
    counts = []
    for _ in range(2):
        for _ in range(3):
            a_webhook(receiver, workspace)
            announce(workspace, Event.RUN_FAILED, {})
        with CaptureQueriesContext(connection) as asked:
            client.get(f"/w/{workspace.slug}/webhooks/")
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_it_works_over_rest(receiver: Receiver) -> None:
    workspace = a_workspace()
    client = log_in(Client(), mia(workspace))
    base = f"/api/v1/workspaces/{workspace.slug}/webhooks/"

    def post(path: str, body: Any = None) -> Any:
        return client.post(path, body or {}, content_type="application/json")

    assert post(base, {"url": receiver.url, "events": ["tea"]}).status_code == 400
    made = post(base, {"url": receiver.url, "events": ["run.failed"]}).json()
    assert made["secret"].startswith("whsec_")
    assert "secret" not in client.get(base).json()["results"][0]
    announce(workspace, Event.RUN_FAILED, {})
    work_off()
    sent = client.get(f"{base}sent/?state=delivered").json()["results"]
    assert [row["event"] for row in sent] == ["run.failed"]
    again = post(f"{base}sent/{sent[0]['id']}/again/")
    assert (again.status_code, again.json()["message_id"]) == (201, sent[0]["message_id"])
    assert post(f"{base}{made['id']}/secret/").json()["secret"] != made["secret"]
    assert client.delete(f"{base}{made['id']}/").status_code == 204
    assert not Webhook.objects.exists()
