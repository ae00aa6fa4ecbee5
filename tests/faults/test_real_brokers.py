"""The faults of the queue on Redis and RabbitMQ as Debian has them: the broker is a hint there.

The scenarios are those of the embedded broker (test_queue), where their controls are that need no
broker. One broker, web server and reconciler serve all of them, and a worker lives on until a
scenario ends it; it is told of jobs by the broker alone. Not repeated are C3 (a job without a
worker says so) and C8 (trying again has an end): the first reads who has reported, the second when
a job is due again, both from the database, and no message has a part in either.
"""

from collections.abc import Iterator

import pytest

from tests.faults import test_queue as scenarios
from tests.faults.harness import Process
from tests.faults.real_brokers import PACKAGES, RondoOn, beside, missing
from tests.faults.test_queue import ONLY_HINTS

pytestmark = pytest.mark.fault


class Running:
    """What runs on one broker from scenario to scenario."""

    def __init__(self, rondo: RondoOn) -> None:
        self.rondo = rondo
        self.web = rondo.start_web()
        self.reconciler = rondo.start_reconciler()
        self._worker: Process | None = None
        rondo.ready()

    def worker(self) -> Process:
        """The one that lives, else a new one."""
        if self._worker is None or self._worker.child.poll() is not None:
            return self.new_worker()
        return self._worker

    def new_worker(self) -> Process:
        self._worker = self.rondo.start_worker(slots=2, **ONLY_HINTS)
        self.rondo.ready(self._worker)
        return self._worker


@pytest.fixture(scope="module", params=PACKAGES)
def running(request: pytest.FixtureRequest, world: RondoOn) -> Iterator[Running]:
    if sentence := missing(request.param):
        pytest.skip(sentence)
    with beside(world, request.param) as rondo:
        yield Running(rondo)


@pytest.fixture
def rondo(running: Running) -> Iterator[RondoOn]:
    running.rondo.forget_jobs()
    yield running.rondo
    running.rondo.check()


def test_c1_a_broker_that_forgets_everything_loses_no_job(rondo: RondoOn, running: Running) -> None:
    scenarios.let_the_broker_forget(rondo, running.new_worker)


def test_c2_an_undone_cause_runs_nothing(rondo: RondoOn, running: Running) -> None:
    running.worker()
    scenarios.undo_a_cause(rondo)


def test_c5_doubled_hints_start_nothing_twice(rondo: RondoOn, running: Running) -> None:
    running.worker()
    scenarios.double_the_hints(rondo)


def test_c7_poisoned_messages_are_refused_counted_and_survived(
    rondo: RondoOn, running: Running
) -> None:
    scenarios.poison_a_worker(rondo, running.worker())


def test_c4_a_killed_worker_loses_no_job(rondo: RondoOn, running: Running) -> None:
    scenarios.kill_a_worker(rondo, running.reconciler, running.worker)


def test_c6_a_worker_that_comes_back_writes_nothing(rondo: RondoOn, running: Running) -> None:
    sleeper = running.worker()
    workers = iter([lambda: sleeper, running.new_worker])
    scenarios.pause_a_worker(rondo, lambda: next(workers)(), fence=True)
    sleeper.end()


def test_c9_a_resumable_job_leaves_at_once_and_is_resumed(rondo: RondoOn, running: Running) -> None:
    scenarios.stop_and_resume(rondo, running.worker)


def test_c1_a_request_succeeds_while_the_broker_is_down_and_its_job_runs(
    rondo: RondoOn, running: Running
) -> None:
    # A worker looks once when it begins, and would find the job without any hint: it has one behind
    # it before the broker goes.
    running.worker()
    rondo.wait_for(rondo.cause(steps=0))
    rondo.forget_jobs()
    scenarios.ask_while_the_broker_is_down(rondo, running.web)
