"""kill -9 of the worker in the middle of a run of the factory: it is resumed, what was answered is
not asked again, and nothing is counted twice."""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cast import a_workspace, mia
from tests.faults.harness import Process, Rondo, until
from tests.training.factory import world
from tests.training.factory.world import a_run, fresh, texts
from tests.training.generate.a_service import Service, echo
from tests.training.generate.asking import an_endpoint
from training.factory.queries import funnel, spending
from training.models import FactoryRequest, FactoryRun, FactoryStep, Generation, GenerationState
from webapp.jobs import enqueue
from webapp.jobs.models import Job

pytestmark = pytest.mark.fault
AT_ONCE = 2


class Gate:
    """Answers by `behave`; from the request after `most` on it waits until it is opened."""

    def __init__(self, most: int, behave: Any) -> None:
        self.most, self.behave = most, behave
        self.opened = threading.Event()
        self.kept: list[tuple[str, int]] = []  # requests that waited
        self._seen = 0
        self._lock = threading.Lock()

    def __call__(self, handler: Any, asked: dict[str, Any]) -> None:
        with self._lock:
            self._seen += 1
            waits = self._seen > self.most and not self.opened.is_set()
            if waits:
                self.kept.append(known_by(asked))
        if waits:
            self.opened.wait(120)
        self.behave(handler, asked)


def known_by(asked: dict[str, Any]) -> tuple[str, int]:
    return asked["messages"][-1]["content"], asked["seed"]


@pytest.fixture
def model() -> Iterator[Service]:
    with Service() as found:
        yield found


def a_worker(rondo: Rondo, model: Service) -> Process:
    worker = rondo.start_worker(OUTBOUND_ALLOWED_HOSTS=model.host)
    rondo.ready(worker)
    return worker


def a_run_here(name: str, model: Service) -> FactoryRun:
    workspace = a_workspace(name)
    mia(workspace)
    endpoint = an_endpoint(workspace, base_url=model.base_url, at_once=AT_ONCE)
    return a_run(workspace, endpoint=endpoint)


def answers_of(run: FactoryRun) -> Any:
    return Generation.objects.filter(entries__batch=run.batch_id, state=GenerationState.DONE)


def test_a_worker_killed_in_the_middle_asks_again_only_what_was_under_way(
    rondo: Rondo, model: Service
) -> None:
    model.next = [world.scribe]
    calm = a_run_here("Calm cups", model)
    first = a_worker(rondo, model)
    assert calm.job_id is not None
    rondo.wait_for(calm.job_id)
    first.end()
    calm_asked = Counter(map(known_by, model.asked))
    assert set(calm_asked.values()) == {1}
    model.asked.clear()

    # Both lists and two of the questions are answered, two more are under way: the middle.
    gate = Gate(4, world.scribe)
    model.next = [gate]
    run = a_run_here("Cups to kill", model)
    assert run.job_id is not None
    worker = a_worker(rondo, model)
    until(
        lambda: len(gate.kept) == AT_ONCE and answers_of(run).count() == 4,
        "four requests are answered and two are under way",
    )
    answered = {row.pk: (row.text, row.tokens_in, row.finished_at) for row in answers_of(run)}
    worker.end()  # SIGKILL, of all its processes
    assert Job.objects.get(pk=run.job_id).state == "running", "nobody has noticed yet"
    gate.opened.set()
    rondo.ready(rondo.start_reconciler())
    a_worker(rondo, model)
    job = rondo.wait_for(run.job_id)
    assert job.attempt == 2

    asked = Counter(map(known_by, model.asked))
    assert sorted(each for each, times in asked.items() if times > 1) == sorted(gate.kept)
    assert set(asked.values()) == {1, 2}
    assert asked.keys() == calm_asked.keys()
    again = {row.pk: (row.text, row.tokens_in, row.finished_at) for row in answers_of(run)}
    assert answered.items() <= again.items(), "what was answered stayed as it was"
    # Counted once, all of it: the figures are those of the run that nobody killed.
    run, calm = fresh(run), fresh(calm)
    for step in (FactoryStep.INSTRUCTIONS, FactoryStep.INSTANCES):
        assert sorted(texts(run, step)) == sorted(texts(calm, step))
    assert [stage.count for stage in funnel(run)] == [stage.count for stage in funnel(calm)]
    made = FactoryRequest.objects.filter(run=run)
    assert made.count() == len(asked)
    assert not made.filter(taken_at=None).exists()
    figures = spending(run)
    assert (figures["requests"], figures["failed"]) == (len(asked), 0)
    assert figures["tokens_in"] == 100 * len(asked) == spending(calm)["tokens_in"]


def test_control_a_job_that_keeps_no_rows_asks_everything_again(
    rondo: Rondo, model: Service
) -> None:
    gate = Gate(2, echo)
    model.next = [gate]
    workspace = a_workspace("Cups without rows")
    manager = mia(workspace)
    endpoint = an_endpoint(workspace, base_url=model.base_url)
    job = enqueue(
        kind="careless asking",
        owner=manager,
        workspace=workspace,
        arguments={
            "endpoint_id": endpoint.pk,
            "texts": ["one", "two", "three"],
            "trace": str(rondo.folder / "trace"),
        },
    )
    worker = a_worker(rondo, model)
    until(lambda: len(gate.kept) == 1, "two are answered and one is under way")
    worker.end()
    gate.opened.set()
    rondo.ready(rondo.start_reconciler())
    a_worker(rondo, model)
    rondo.wait_for(job.pk)
    assert Counter(text for text, _seed in map(known_by, model.asked)) == {
        "one": 2,
        "two": 2,
        "three": 2,
    }
