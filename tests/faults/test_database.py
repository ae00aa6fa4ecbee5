"""The database is away, full or slow: pages say so and come back by themselves, jobs go on."""

import contextlib
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from tests.faults.harness import Rondo, until
from tests.faults.test_queue import a_job
from webapp.jobs.models import Job

pytestmark = pytest.mark.fault
OUTAGE_SECONDS = 30.0  # ten leases of these tests


def test_b5_pages_say_that_the_database_is_away_and_come_back_by_themselves(rondo: Rondo) -> None:
    web = rondo.start_web()
    rondo.start_reconciler()
    rondo.start_worker()
    rondo.ready()
    job = a_job(rondo, steps=600)
    until(lambda: Job.objects.get(pk=job).done > 5, "a job is in the middle of its work")
    rondo.stop_database()
    end = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < end:
        began = time.monotonic()
        status, headers, text = rondo.get("/account/login/?next=/w/")
        assert status == 503
        assert int(headers["Retry-After"]) > 0
        assert "<html" in text
        assert time.monotonic() - began < 10
        assert rondo.get("/health/live")[0] == 200
        assert rondo.get("/health/ready")[0] == 503
        time.sleep(0.5)
    rondo.start_database()
    assert rondo.get("/test/ask")[0] == 200, "the first request after its return"
    assert web.child.poll() is None
    done = rondo.wait_for(job)
    assert (done.attempt, rondo.trace()) == (1, ["begin", "end"]), "the job went on all the while"


def test_b5_without_health_checks_the_first_request_would_fail(rondo: Rondo) -> None:
    """The control: a connection that is trusted blindly is dead."""
    rondo.start_web(CONTROL_HEALTH_CHECKS="off", WEB_THREADS="1")
    rondo.ready()
    assert rondo.get("/test/ask")[0] == 200
    rondo.stop_database()
    rondo.start_database()
    assert rondo.get("/test/ask")[0] == 503


@contextlib.contextmanager
def every_connection_taken(rondo: Rondo) -> Iterator[int]:
    taken: list[psycopg.Connection] = []
    try:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                taken.append(
                    psycopg.connect(host=str(rondo.socket_folder), dbname="rondo", user="postgres")
                )
        yield len(taken)
    finally:
        for one in taken:
            one.close()


def test_b6_too_many_connections_are_a_503_within_ten_seconds(rondo: Rondo) -> None:
    rondo.start_web()
    rondo.ready()
    connection.close()
    with every_connection_taken(rondo) as taken:
        assert taken > 30
        began = time.monotonic()
        statuses = [rondo.get("/test/ask")[0] for _ in range(12)]
        assert 503 in statuses, "threads that hold a connection may still answer"
        assert set(statuses) <= {200, 503}
        assert time.monotonic() - began < 10
    until(lambda: rondo.get("/test/ask")[0] == 200, "it answers again")


def test_b6_a_lock_and_a_long_question_end_in_a_503_and_hold_nothing(rondo: Rondo) -> None:
    rondo.start_web()
    rondo.ready()
    with psycopg.connect(host=str(rondo.socket_folder), dbname="rondo", user="postgres") as other:
        other.execute("LOCK TABLE workspaces_workspace IN ACCESS EXCLUSIVE MODE")
        for question in ("SELECT+count(*)+FROM+workspaces_workspace", "SELECT+1,pg_sleep(60)"):
            began = time.monotonic()
            status, headers, _ = rondo.get(f"/test/ask?sql={question}")
            assert (status, "Retry-After" in headers) == (503, True)
            assert time.monotonic() - began < 12
        other.rollback()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'")
        assert cursor.fetchone() == (0,)
    assert rondo.get("/test/ask?sql=SELECT+count(*)+FROM+workspaces_workspace")[0] == 200
