"""Asking a service: the answer as it comes, and every way in which a server can misbehave (F5)."""

import gzip
import threading
from decimal import Decimal
from typing import Any

import pytest

from annotation.actions.add_texts import add_prompt
from annotation.models import Completion, Prompt
from tests.cast import a_workspace, mia
from tests.training.generate import a_service as serving
from tests.training.generate.a_service import Service
from tests.training.generate.asking import a_batch, an_endpoint, asked, one, work
from training.actions.sample import SamplePlan, sample
from training.generate import claims
from training.model_queries import batches_in
from training.models import Generation, GenerationState
from webapp.jobs import Work, retry

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are right (see test_pauses_double) and would only cost time here."""
    monkeypatch.setattr(claims, "pause_before", lambda tries, asked_for: 0.0)


def answer_of(row: Generation) -> Generation:
    work()
    row.refresh_from_db()
    return row


def test_an_answer_comes_with_its_tokens_and_its_cost(service: Service) -> None:
    endpoint = an_endpoint(
        a_workspace(),
        base_url=service.base_url,
        model="small",
        key="sk-a-long-secret-key",
        price_in=Decimal(3),
        price_out=Decimal(15),
    )
    row = answer_of(asked(endpoint, "Good day", temperature=0.3, seed=4, max_tokens=50))
    assert (row.state, row.text, row.finish) == ("done", "You said: Good day", "stop")
    # 7 tokens in at 3 per million and 5 out at 15 per million: (21 + 75) / 1,000,000
    assert (row.tokens_in, row.tokens_out, row.cost) == (7, 5, Decimal("0.000096"))
    assert row.reserved == 0
    sent = service.asked[0]
    assert service.paths == ["/v1/chat/completions"]
    assert service.headers[0]["Authorization"] == "Bearer sk-a-long-secret-key"
    assert sent["messages"] == [{"role": "user", "content": "Good day"}]
    assert (sent["model"], sent["temperature"], sent["seed"]) == ("small", 0.3, 4)
    assert sent["max_tokens"] == 50


def test_the_same_request_is_made_once(service: Service) -> None:
    endpoint = an_endpoint(a_workspace(), base_url=service.base_url)
    first = answer_of(asked(endpoint, seed=1))
    assert asked(endpoint, seed=1).pk == first.pk
    assert len(service.asked) == 1
    assert answer_of(asked(endpoint, seed=2)).pk != first.pk, "another seed is another request"


def test_a_server_that_does_not_stream_is_understood(service: Service) -> None:
    whole = b'{"choices": [{"message": {"content": "Paris."}, "finish_reason": "stop"}]}'
    service.next = [serving.reply(whole, kind="application/json")]
    row = answer_of(asked(an_endpoint(a_workspace(), base_url=service.base_url)))
    assert (row.state, row.text, row.tokens_estimated) == ("done", "Paris.", True)


COMMENT = b": " + b" " * 100_000 + b"\n"  # a line that means nothing
BOMB = gzip.compress(COMMENT * 100, 9)
LONG_PIECE = serving.events("x" * 60_000).partition(b"\n\n")[0] + b"\n\n"
PERMANENT = {
    "html": (serving.reply(b"<html>Hello</html>", kind="text/html"), "a web page, not with JSON"),
    "not json": (serving.reply(b"data: {oops\n\n"), "This is not JSON"),
    "nan": (serving.reply(b'data: {"choices": [NaN]}\n\n'), "only finite numbers"),
    "a list": (serving.reply(b"[1, 2]", kind="application/json"), "not a JSON object"),
    "no choices": (serving.reply(b'{"id": 1}', kind="application/json"), "without choices"),
    "wrong choices": (serving.reply(b'data: {"choices": [7]}\n\n'), "choices that are no objects"),
    "empty text": (serving.well("", " \n"), "an empty text"),
    "deep": (serving.reply(b"data: " + b"[" * 5000 + b"\n\n"), "nested too deeply"),
    "long line": (serving.endless(b"data: " + b"x" * 65_536), "a line of more than"),
    "long text": (serving.endless(LONG_PIECE), "more than 400000"),
    "no key": (serving.status(401), "Check the key"),
    "nowhere": (serving.status(404), "usually ends in /v1"),
    "refused": (serving.status(400, b'{"error": "max_tokens is too large"}'), "too large"),
}


@pytest.mark.parametrize("name", PERMANENT)
def test_what_is_no_answer_is_refused_once_with_the_reason(service: Service, name: str) -> None:
    behaviour, reason = PERMANENT[name]
    service.next = [behaviour]
    row = answer_of(asked(an_endpoint(a_workspace(), base_url=service.base_url)))
    assert row.state == GenerationState.FAILED
    assert reason in row.error
    assert service.host in row.error
    assert len(service.asked) == 1, "asking again would change nothing"


release = threading.Event()
TEMPORARY = {
    "busy": (serving.status(429), "status 429: Too busy"),
    "broken": (serving.status(500, b"<html>"), "status 500"),
    "nothing": (serving.reply(b"", kind="application/json"), "with nothing"),
    "closes": (serving.raw(b""), "Remote end closed connection"),
    "breaks off": (
        serving.reply(serving.events("half an ans", "wer")[:100]),
        "in the middle of its answer",
    ),
    "error in the stream": (
        serving.reply(b'data: {"error": {"message": "overloaded"}}\n\n'),
        "broke off with an error: overloaded",
    ),
    "large header": (
        serving.raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n"),
        "header",
    ),
    "many headers": (
        serving.raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"),
        "headers",
    ),
    "gzip bomb": (serving.reply(BOMB, Content_Encoding="gzip"), "larger than"),
    "endless": (serving.endless(COMMENT), "larger than"),
    "never": (serving.drip(b"", release), "did not finish its answer within 1 s"),
    "slow": (serving.drip(b'data: {"choices": []}\n\n', release), "within 1 s"),
}


@pytest.mark.parametrize("name", TEMPORARY)
def test_trouble_is_bounded_tried_again_and_reported(service: Service, name: str) -> None:
    behaviour, reason = TEMPORARY[name]
    service.next = [behaviour]
    seconds = 1 if "within 1 s" in reason else 120
    endpoint = an_endpoint(a_workspace(), base_url=service.base_url, seconds=seconds)
    row = answer_of(asked(endpoint))
    assert row.state == GenerationState.FAILED
    assert reason in row.error
    assert "Tried 3 times." in row.error
    assert len(service.asked) == 3
    assert row.reserved == 0


def test_trouble_that_ends_is_forgotten(service: Service) -> None:
    service.next = [serving.status(429), serving.status(503), serving.echo]
    row = answer_of(asked(an_endpoint(a_workspace(), base_url=service.base_url)))
    assert (row.state, row.text, row.error, row.tries) == ("done", "You said: Hello?", "", 3)


def test_an_error_never_shows_the_key(service: Service) -> None:
    key = "sk-0123456789abcdef"
    told = f'{{"error": {{"message": "Incorrect API key: {key}"}}}}'.encode()
    service.next = [serving.status(401, told)]
    row = answer_of(asked(an_endpoint(a_workspace(), base_url=service.base_url, key=key)))
    assert "Incorrect API key: …" in row.error
    assert key not in row.error


def test_a_host_that_nobody_allowed_is_not_asked(service: Service, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = []
    row = answer_of(asked(an_endpoint(a_workspace(), base_url=service.base_url)))
    assert "OUTBOUND_ALLOWED_HOSTS" in row.error
    assert service.asked == []


def test_a_batch_gives_up_a_dead_endpoint_and_goes_on_when_it_is_back(service: Service) -> None:
    workspace = a_workspace()
    endpoint = an_endpoint(workspace, base_url=service.base_url, at_once=1)
    service.next = [serving.echo, serving.echo, serving.status(401)]
    batch = a_batch(endpoint, [f"Question {n}" for n in range(20)], by=mia(workspace))
    job = work()
    assert job.state == "failed"
    assert "8 times in a row no answer" in job.error
    assert len(service.asked) == 10, "two answers, eight refusals, and no more"
    service.next = [serving.echo]
    retry(job=job, by=mia())
    job = work()
    assert (job.state, job.result["answered"], job.result["failed"]) == ("done", 20, 0)
    answered = [sent["messages"][0]["content"] for sent in service.asked if sent]
    assert answered.count("Question 0") == 1, "what was answered is not asked again"
    assert batch.entries.filter(generation__state="done").count() == 20


def test_a_storm_of_errors_is_survived_without_asking_anything_twice(service: Service) -> None:
    workspace = a_workspace()
    endpoint = an_endpoint(workspace, base_url=service.base_url, at_once=1)
    storm = [serving.status(429), serving.status(500), serving.raw(b""), serving.echo]
    service.next = storm * 3
    service.next.append(serving.echo)
    batch = a_batch(endpoint, [f"Question {n}" for n in range(12)], by=mia(workspace))
    job = work()
    assert (job.state, job.result["answered"]) == ("done", 12)
    texts = batch.entries.values_list("generation__text", flat=True)
    assert sorted(texts) == sorted(f"You said: Question {n}" for n in range(12))


def test_a_budget_stops_the_job_before_it_is_overspent(service: Service) -> None:
    workspace = a_workspace()
    # Each answer may have 100 tokens at 10 per million: 0.001; the echo says that it took 5.
    endpoint = an_endpoint(
        workspace, base_url=service.base_url, at_once=1, price_out=Decimal(10), most_tokens=100
    )
    batch = a_batch(
        endpoint, [f"Question {n}" for n in range(30)], by=mia(workspace), budget=Decimal("0.0015")
    )
    job = work()
    assert job.state == "failed"
    assert "The budget of this job is spent" in job.error
    # 0.00005 each; the eleventh fits (0.0005 + 0.001), the twelfth does not.
    assert len(service.asked) == 11
    assert claims.spent_in(batch) == Decimal("0.00055")


def test_who_waits_is_told_that_the_endpoints_budget_is_spent(service: Service) -> None:
    endpoint = an_endpoint(
        a_workspace(), base_url=service.base_url, price_out=Decimal(10), budget=Decimal("0.0001")
    )
    row = answer_of(asked(endpoint))
    assert "budget of" in row.error
    assert "A manager can raise it" in row.error
    assert service.asked == []


def test_pauses_double_with_jitter_and_obey_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for tries, middle in ((1, 1), (2, 2), (3, 4), (9, 60)):
        drawn = {claims.pause_before(tries, None) for _ in range(20)}
        assert len(drawn) > 1
        assert all(0.5 * middle <= pause <= 1.5 * middle for pause in drawn)
    assert claims.pause_before(1, 30.0) == 30.0


def test_a_sampling_says_answered_of_what_is_kept(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = a_workspace()
    endpoint = an_endpoint(workspace, base_url=service.base_url)
    for number in range(3):
        add_prompt(workspace=workspace, messages=one(f"Say {number}"), by=None, source="test")
    prompts = Prompt.objects.filter(workspace=workspace)
    sample(
        workspace=workspace, by=mia(workspace), plan=SamplePlan("S", (endpoint,)), prompts=prompts
    )
    told = []
    progress = Work.progress

    def noted(self: Work, done: int, *rest: Any) -> None:
        told.append((done, Completion.objects.count(), batches_in(workspace).get().answered))
        progress(self, done, *rest)

    monkeypatch.setattr(Work, "progress", noted)
    assert work().state == "done"
    assert all(done == kept == shown for done, kept, shown in told)
    assert told[-1][0] == 3, "all are kept before the process that answers is ended"
