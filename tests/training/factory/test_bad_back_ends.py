"""A model's server that answers garbage, storms, or never (F5): bounded, told, resumed, not counted
twice. The server is real; the last test is the control, a server that behaves."""

import threading
from decimal import Decimal
from typing import Any

import pytest

from tests.cast import a_workspace, mia
from tests.training.factory import world
from tests.training.factory.world import a_run, carried_out, job_of, texts
from tests.training.generate import a_service as serving
from tests.training.generate.a_service import Behaviour, Service
from tests.training.generate.asking import an_endpoint
from training.factory.actions.steer import change_settings, go_on
from training.factory.queries import funnel, requests_by_step, spending
from training.generate import claims
from training.generate.session import FAILURES_IN_A_ROW, MOST_TRIES
from training.models import CandidateState, FactoryRequest, FactoryRun, FactoryStep

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]
release = threading.Event()
STORMS: dict[str, tuple[Behaviour, str, int]] = {  # behaviour, the reason, tries for a request
    "html": (
        serving.reply(b"<html>Welcome</html>", kind="text/html"),
        "a web page, not with JSON",
        1,
    ),
    "garbage": (serving.reply(b"data: {oops\n\n"), "This is not JSON", 1),
    "bytes": (serving.reply(b"\x00\xff\xfe" * 50, kind="application/json"), "not UTF-8", 1),
    "empty": (serving.well("", " \n"), "an empty text", 1),
    "nothing": (serving.reply(b"", kind="application/json"), "with nothing", MOST_TRIES),
    "429": (serving.status(429), "status 429", MOST_TRIES),
    "500": (serving.status(500, b"<html>"), "status 500", MOST_TRIES),
    "never": (serving.drip(b"", release), "within 1 s", MOST_TRIES),
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "pause_before", lambda tries, asked_for: 0.0)


def a_troubled_run(service: Service, **settings: Any) -> FactoryRun:
    workspace = a_workspace()
    endpoint = an_endpoint(workspace, base_url=service.base_url, seconds=1, at_once=8)
    return a_run(workspace, endpoint=endpoint, **({"at_once": 8} | settings))


@pytest.mark.parametrize("name", STORMS)
def test_a_server_that_never_answers_well_ends_the_job_with_the_reason(
    service: Service, name: str
) -> None:
    behaviour, reason, tries = STORMS[name]
    service.next = [behaviour]
    run = carried_out(a_troubled_run(service))
    job = job_of(run)
    assert job.state == "failed"
    assert reason in job.error, job.error
    # Bounded: the first eight requests, each as often as its trouble allows, and no more of them.
    assert FAILURES_IN_A_ROW == 8
    assert len(service.asked) <= 8 * tries
    assert not run.candidates.exists()
    figures = spending(run)
    assert (figures["answered"], figures["tokens_out"]) == (0, 0)
    assert reason in figures["last_error"]
    # The server is mended: the run goes on, with the same requests, each counted once.
    service.asked.clear()
    service.next = [world.scribe]
    run = carried_out(go_on(run=run, by=mia()))
    assert job_of(run).state == "done", job_of(run).error
    rows = {row["step"]: row for row in requests_by_step(run)}
    assert rows[FactoryStep.INSTRUCTIONS]["total"] == 8
    assert rows[FactoryStep.INSTRUCTIONS]["failed"] == 0
    assert spending(run)["tokens_in"] == 100 * len(service.asked)
    assert funnel(run)[0].count == 8 * 4, "every list has four parts and was read once"


def test_a_storm_in_the_middle_of_a_run_costs_nothing_twice(service: Service) -> None:
    """Every other request is refused by a busy server; the answers are those of a calm one."""
    number = 0
    lock = threading.Lock()

    def stormy(handler: Any, asked: dict[str, Any]) -> None:
        nonlocal number
        with lock:
            number += 1
            mine = number
        (serving.status(429) if mine % 2 else world.scribe)(handler, asked)

    service.next = [stormy]
    run = carried_out(a_troubled_run(service, at_once=2))
    assert job_of(run).state == "done", job_of(run).error
    service.next = [world.scribe]
    calm = carried_out(a_run(a_workspace("Second cups"), service.base_url))
    for step in (FactoryStep.INSTRUCTIONS, FactoryStep.INSTANCES):
        assert texts(run, step) == texts(calm, step)
    assert spending(run)["requests"] == FactoryRequest.objects.filter(run=run).count()
    assert spending(run)["requests"] == spending(calm)["requests"]
    assert spending(run)["tokens_in"] == spending(calm)["tokens_in"]


def test_some_answers_that_are_no_answers_are_passed_over_and_told(service: Service) -> None:
    def half(handler: Any, asked: dict[str, Any]) -> None:
        bad = asked["messages"][0]["content"].startswith("Come up") and asked["seed"] % 2
        (serving.reply(b"<p>no", kind="text/html") if bad else world.scribe)(handler, asked)

    service.next = [half]
    run = carried_out(a_troubled_run(service, at_once=4, wanted=4, most_requests=4))
    assert job_of(run).state == "done"
    rows = {row["step"]: row for row in requests_by_step(run)}
    assert (rows["instructions"]["answered"], rows["instructions"]["failed"]) == (2, 2)
    assert len(texts(run, state=CandidateState.KEPT)) == 4


def test_a_budget_stops_the_run_and_a_higher_one_lets_it_go_on(service: Service) -> None:
    service.next = [world.scribe]
    workspace = a_workspace()
    endpoint = an_endpoint(
        workspace, base_url=service.base_url, price_in=Decimal(10), price_out=Decimal(10), at_once=1
    )
    # A request may cost at most some 0.011; 120 tokens that were counted come to 0.0012.
    run = a_run(workspace, endpoint=endpoint, budget=Decimal("0.013"))
    run = carried_out(run)
    job = job_of(run)
    assert job.state == "failed"
    assert "The budget of this job is spent" in job.error
    assert spending(run)["cost"] <= Decimal("0.013")
    before = len(service.asked)
    assert before >= 1
    change_settings(run=run, by=mia(), changes={}, budget=Decimal(1))
    run = carried_out(go_on(run=run, by=mia()))
    assert job_of(run).state == "done", job_of(run).error
    assert spending(run)["cost"] == Decimal("0.0012") * len(service.asked)


def test_control_a_server_that_behaves_is_asked_once_for_each_request(service: Service) -> None:
    service.next = [world.scribe]
    run = carried_out(a_troubled_run(service))
    assert job_of(run).state == "done"
    figures = spending(run)
    assert (figures["failed"], figures["requests"]) == (0, len(service.asked))
    assert funnel(run)[0].count == 32
