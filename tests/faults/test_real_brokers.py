"""A broker that is away or forgets everything, on Redis and RabbitMQ as Debian has them. The
scenarios, with their controls, are those of the embedded broker (test_queue)."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults import test_queue as embedded
from tests.faults.harness import Rondo
from tests.faults.real_brokers import PACKAGES, RondoOn, beside, missing

pytestmark = pytest.mark.fault
SCENARIOS: list[Callable[[Rondo], None]] = [
    embedded.test_c1_a_request_succeeds_while_the_broker_is_down_and_its_job_runs,
    embedded.test_c1_a_broker_that_forgets_everything_loses_no_job,
]


@pytest.fixture(scope="module", params=PACKAGES)
def on_a_real_broker(request: pytest.FixtureRequest, world: Rondo) -> Iterator[RondoOn]:
    if sentence := missing(request.param):
        pytest.skip(sentence)
    with beside(world, request.param) as rondo:
        yield rondo


@pytest.fixture
def rondo(on_a_real_broker: RondoOn) -> Iterator[RondoOn]:
    on_a_real_broker.clean()
    on_a_real_broker.flush_broker()
    yield on_a_real_broker
    on_a_real_broker.check()
    on_a_real_broker.end_processes()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__[5:])
def test_on_a_broker_of_debian(rondo: RondoOn, scenario: Callable[[Rondo], None]) -> None:
    scenario(rondo)
