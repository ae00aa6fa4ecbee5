"""Many workers at one queue, each with a connection of its own: no job is claimed twice."""

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connections

from tests.webapp.jobs.trivial import a_job
from webapp.jobs.actions.claim import claim
from webapp.jobs.models import Job

pytestmark = [pytest.mark.heavy, pytest.mark.django_db(transaction=True)]
WORKERS, JOBS = 12, 120


def at_once(act: Callable[[str], None]) -> None:
    start, errors = threading.Barrier(WORKERS), []

    def run(name: str) -> None:
        try:
            start.wait(30)
            act(name)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[f"worker-{n}"]) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if errors:
        raise errors[0]


def test_each_job_is_claimed_once_and_the_queue_empties() -> None:
    for _ in range(JOBS):
        a_job()
    claimed: list[int] = []

    def take_all(name: str) -> None:
        while (job := claim(queue="default", worker=name)) is not None:
            claimed.append(job.pk)

    at_once(take_all)
    assert Counter(Counter(claimed).values()) == {1: JOBS}
    assert set(Job.objects.values_list("state", "attempt")) == {("running", 1)}


def test_the_control_looking_first_and_taking_later_takes_doubles() -> None:
    for _ in range(JOBS):
        a_job()
    looked = threading.Barrier(WORKERS)
    taken: list[int] = []

    def naive(name: str) -> None:
        job = Job.objects.filter(state="queued").order_by("pk").first()
        looked.wait(30)
        assert job is not None
        taken.append(job.pk)

    at_once(naive)
    assert len(set(taken)) < len(taken)
