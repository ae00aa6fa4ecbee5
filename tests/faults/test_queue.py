"""Faults of broker, workers and messages on trivial jobs: nothing is lost, nothing is done twice.

Each promise stands beside a control: the same fault without the protection does harm. What a
function without "test" in its name does is done on other brokers, too (test_real_brokers).
"""

import pickle
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from tests.cast import a_workspace, mia
from tests.faults.harness import Process, Rondo, said, until
from tests.faults.tasks import direct
from webapp.jobs import cancel, enqueue
from webapp.jobs.models import Job, Worker
from webapp.jobs.queries import Outlook
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.fault
Start = Callable[[], Process]  # a worker, begun anew or one that is there
ONLY_HINTS = {"JOBS_POLL_SECONDS": "60"}  # such a worker finds nothing by itself for a minute


def a_job(rondo: Rondo, kind: str = "steps", **arguments: Any) -> int:
    """A job without any hint: as if the broker had lost it."""
    arguments.setdefault("trace", str(rondo.folder / "trace"))
    return enqueue(kind=kind, owner=mia(), workspace=a_workspace(), arguments=arguments).pk


def send_direct(rondo: Rondo, times: int = 1) -> None:
    """The control of many tests: work that exists as a message alone."""
    with rondo.broker_connection() as broker:
        for _ in range(times):
            direct.apply_async(
                args=[str(rondo.folder / "trace")], queue="default", connection=broker
            )


# ---- C1: the broker is away, or forgets


def test_c1_a_request_succeeds_while_the_broker_is_down_and_its_job_runs(rondo: Rondo) -> None:
    web = rondo.start_web()
    rondo.start_worker(**ONLY_HINTS)
    rondo.start_reconciler()
    rondo.ready()
    ask_while_the_broker_is_down(rondo, web)


def ask_while_the_broker_is_down(rondo: Rondo, web: Process) -> None:
    rondo.stop_broker()
    job = rondo.cause()  # asserts 202
    with pytest.raises(Exception, match="onnect"):
        send_direct(rondo)  # the control: work in a message cannot even be asked for
    assert Job.objects.get(pk=job).state == "queued"

    def says_so() -> bool:
        if any("did not take a hint" in line for line in web.lines()):
            return True
        # A message to a broker that has just gone may end in the connection's buffer, the next not.
        rondo.cause(trace=str(rondo.folder / "aside"))
        return False

    until(says_so, "the web process says that the broker is away")
    assert "BROKER_URL" in said(web, "did not take a hint")
    rondo.start_broker()
    rondo.wait_for(job, seconds=30)  # the reconciler sends the hint that was lost
    assert rondo.trace() == ["begin", "end"]


def test_c1_without_any_broker_workers_find_jobs_by_themselves(rondo: Rondo) -> None:
    rondo.stop_broker()
    try:
        rondo.start_worker()
        rondo.wait_for(a_job(rondo))
    finally:
        rondo.start_broker()


def test_c1_a_broker_that_forgets_everything_loses_no_job(rondo: Rondo) -> None:
    rondo.start_web()
    rondo.ready()
    let_the_broker_forget(rondo, lambda: rondo.start_worker(slots=2))


def let_the_broker_forget(rondo: Rondo, start: Start) -> None:
    jobs = [rondo.cause(steps=0) for _ in range(100)]
    send_direct(rondo, times=100)
    rondo.flush_broker()
    start()
    until(lambda: not Job.objects.exclude(state="done").exists(), "all jobs are done")
    assert sorted(Job.objects.values_list("pk", flat=True)) == sorted(jobs)
    assert rondo.trace().count("end") == 100
    print(f"{rondo.trace().count('end')} of 100 jobs ran after FLUSHALL")
    assert rondo.trace().count("direct") == 0, "the control: plain messages are all gone"


# ---- C2: the cause is undone


def test_c2_an_undone_cause_runs_nothing(rondo: Rondo) -> None:
    rondo.start_web()
    rondo.start_worker()
    rondo.ready()
    undo_a_cause(rondo)


def undo_a_cause(rondo: Rondo) -> None:
    rondo.cause(fail=True)
    rondo.wait_for(rondo.cause())
    assert Job.objects.count() == 1
    assert rondo.trace() == ["begin", "end"]
    try:
        with connection.cursor() as cursor:  # the control: sent inside what is then undone
            cursor.execute("BEGIN")
            send_direct(rondo)
    finally:
        connection.close()
    until(lambda: "direct" in rondo.trace(), "the message outlives its cause")


# ---- C3: nobody is there


def test_c3_a_job_without_a_worker_says_so(rondo: Rondo) -> None:
    rondo.start_web()
    worker = rondo.start_worker()
    rondo.ready()
    rondo.wait_for(a_job(rondo))
    ready = rondo.get("/health/ready")[2]
    assert "queue default" not in ready, "the control: with a worker there is no warning"
    worker.kill()
    job = Job.objects.get(pk=a_job(rondo))
    assert "no worker" not in Outlook().reason(job)
    Worker.objects.update(seen_at=Now() - timedelta(seconds=61))  # a minute later
    sentence = Outlook().reason(job)
    assert sentence.startswith("Waiting: no worker on queue default for 61 s.")
    assert "manage.py work --queue default" in sentence
    assert "No worker for queue default has reported for 60 s" in rondo.get("/health/ready")[2]
    cancel(job=job, by=mia())


# ---- C4: silence


def test_c4_a_killed_worker_loses_no_job(rondo: Rondo) -> None:
    reconciler = rondo.start_reconciler()
    kill_a_worker(rondo, reconciler, rondo.start_worker)


def kill_a_worker(rondo: Rondo, reconciler: Process, start: Start) -> None:
    first = start()
    job = a_job(rondo, steps=60)
    rondo.hint()
    rondo.wait_for(job, "running")
    first.kill()
    second = start()
    done = rondo.wait_for(job)
    assert (done.attempt, done.worker.endswith(f":{second.pid}")) == (2, True)
    assert rondo.trace() == ["begin", "begin", "end"]
    assert "see its log" in said(reconciler, f"job {job} ", "fell silent")


def test_c4_the_job_of_a_killed_worker_stays_without_a_reconciler(rondo: Rondo) -> None:
    """The control: it is the reconciler that takes it back."""
    worker = rondo.start_worker()
    job = a_job(rondo, steps=60)
    rondo.wait_for(job, "running")
    worker.kill()
    over = Job.objects.filter(pk=job, lease_until__lt=Now() - timedelta(seconds=2))
    until(over.exists, "the lease is over for two seconds")
    assert Job.objects.get(pk=job).state == "running"
    assert "no reconciler" in Outlook().reason(
        Job(state="running", heartbeat_at=Outlook().now - timedelta(seconds=50))
    )
    rondo.start_reconciler()
    rondo.wait_for(job, "queued")


def test_c4_work_that_hangs_is_ended_and_its_worker_goes_on(rondo: Rondo) -> None:
    rondo.start_reconciler()
    worker = rondo.start_worker()
    hung = a_job(rondo, "hang")
    failed = rondo.wait_for(hung, "failed")
    assert "fell silent during attempt 1" in failed.error
    rondo.wait_for(a_job(rondo))
    assert worker.child.poll() is None
    assert "call progress() or beat()" in said(worker, f"job {hung} ", "the work hangs")


# ---- C5: messages that come twice


def test_c5_doubled_hints_start_nothing_twice(rondo: Rondo) -> None:
    for _ in range(2):
        rondo.start_worker(slots=2, **ONLY_HINTS)
    rondo.ready()
    double_the_hints(rondo)


def double_the_hints(rondo: Rondo) -> None:
    jobs = [a_job(rondo, steps=20) for _ in range(10)]
    for _ in range(3 * len(jobs)):
        rondo.hint()
    # Not "some job runs": on a busy machine all of them may be done before anybody looks.
    until(lambda: Job.objects.exclude(state="queued").exists(), "some job has begun")
    for _ in range(10):
        rondo.hint()  # and again during the runs
    until(lambda: not Job.objects.exclude(state="done").exists(), "all jobs are done")
    assert rondo.trace().count("begin") == len(jobs)
    assert set(Job.objects.values_list("attempt", flat=True)) == {1}
    send_direct(rondo, times=2)  # the control: a message delivered twice is work done twice
    until(lambda: rondo.trace().count("direct") == 2, "the control runs twice")


# ---- C6: a worker that comes back


@pytest.mark.parametrize("fence", [True, False])
def test_c6_a_worker_that_comes_back_writes_nothing(rondo: Rondo, fence: bool) -> None:
    rondo.start_reconciler()
    pause_a_worker(rondo, rondo.start_worker, fence=fence)


def pause_a_worker(rondo: Rondo, start: Start, *, fence: bool) -> None:
    sleeper = start()
    go = rondo.folder / f"go-{fence}"
    go.unlink(missing_ok=True)
    job = a_job(rondo, "zombie", go=str(go), fence=fence)
    rondo.hint()
    rondo.wait_for(job, "running")
    sleeper.pause()
    rondo.wait_for(job, "queued")
    start()
    assert rondo.wait_for(job).attempt == 2
    go.touch()
    sleeper.go_on()
    until(lambda: len(rondo.trace()) == 4, "the zombie has tried to write")
    wrote = Workspace.objects.get(pk=Job.objects.get(pk=job).workspace_id).description
    if fence:
        assert rondo.trace() == ["begin", "begin", "wrote", "refused"]
        assert wrote == "written by attempt 2"
        until(lambda: any("lost its lease" in line for line in sleeper.lines()), "it says so")
    else:  # the control: the same write, unfenced, replaces what the owner of the job wrote
        assert wrote == "written by attempt 1"
    assert Job.objects.get(pk=job).result == {"attempt": 2}


# ---- C7: messages that make no sense


def test_c7_poisoned_messages_are_refused_counted_and_survived(rondo: Rondo) -> None:
    worker = rondo.start_worker()
    rondo.ready()
    poison_a_worker(rondo, worker)


def poison_a_worker(rondo: Rondo, worker: Process) -> None:
    before = Worker.objects.get(pid=worker.pid).refused
    touched = rondo.folder / "touched"
    touched.unlink(missing_ok=True)
    pickled = b"cposix\nsystem\n(S'touch " + str(touched).encode() + b"'\ntR."
    headers = {"lang": "py", "task": "rondo.look", "id": "1", "argsrepr": "", "kwargsrepr": ""}
    messages = [
        (b"{not json", "application/json", headers),
        (b'[["default"], {}, {}]', "application/json", {**headers, "task": "no.such.task"}),
        (pickled, "application/x-python-serialize", headers),
        (b"[]", "application/json", {}),
    ]
    with rondo.broker_connection() as broker:
        producer = broker.Producer()
        for body, kind, head in messages:
            producer.publish(
                body,
                routing_key="default",
                exchange="default",
                content_type=kind,
                content_encoding="utf-8" if "json" in kind else "binary",
                headers=head,
            )
    job = a_job(rondo)
    rondo.hint()
    rondo.wait_for(job)

    def refused() -> int:
        return Worker.objects.get(pid=worker.pid).refused - before

    until(lambda: refused() == len(messages), "all four are counted")
    assert worker.child.poll() is None
    assert not touched.exists()
    pickle.loads(pickled)
    assert touched.exists(), "the control: the same bytes, unpickled, do touch the file"


# ---- C8: an end to trying


def test_c8_trying_again_has_an_end(rondo: Rondo) -> None:
    try_to_the_end(rondo, rondo.start_worker())


def try_to_the_end(rondo: Rondo, worker: Process) -> None:
    job = rondo.wait_for(a_job(rondo, "fails"), "failed")
    assert job.attempt == 3
    assert "the disk is on fire" in job.error
    assert rondo.trace() == ["begin"] * 3
    assert "the disk is on fire" in said(worker, f"job {job.pk} ", ": failed")


def test_c8_a_job_that_kills_its_worker_has_an_end_too(rondo: Rondo) -> None:
    rondo.start_reconciler()
    worker = rondo.start_worker()
    job = rondo.wait_for(a_job(rondo, "poison"), "failed")
    assert (job.attempt, rondo.trace()) == (2, ["begin"] * 2)
    assert "fell silent during attempt 2" in job.error
    rondo.wait_for(a_job(rondo))
    assert worker.child.poll() is None


# ---- C9: an orderly stop


def stop_during(
    rondo: Rondo,
    kind: str,
    number: signal.Signals,
    start: Start | None = None,
    **arguments: Any,
) -> Job:
    """Send `number` to a worker in the middle of a job; that job when the worker is gone."""
    worker = start() if start else rondo.start_worker()
    job = a_job(rondo, kind, **arguments)
    rondo.hint()
    rondo.wait_for(job, "running")
    until(lambda: rondo.trace() != [], "the work has begun")
    worker.send(number)
    assert worker.child.wait(60) is not None
    return Job.objects.get(pk=job)


def test_c9_a_short_job_is_finished_before_the_worker_leaves(rondo: Rondo) -> None:
    job = stop_during(rondo, "steps", signal.SIGTERM, steps=20)
    assert (job.state, job.attempt) == ("done", 1)
    assert Worker.objects.get().stopped_at is not None


def test_c9_a_long_job_is_handed_back_within_the_grace_time(rondo: Rondo) -> None:
    job = stop_during(rondo, "steps", signal.SIGTERM, steps=200)
    assert (job.state, job.attempt, job.max_attempts) == ("queued", 1, 4), "no attempt is lost"
    cancel(job=job, by=mia())


def test_c9_a_resumable_job_leaves_at_once_and_is_resumed(rondo: Rondo) -> None:
    stop_and_resume(rondo, rondo.start_worker)


def stop_and_resume(rondo: Rondo, start: Start) -> None:
    job = stop_during(rondo, "resumable steps", signal.SIGTERM, start, steps=40)
    assert job.state == "queued"
    begun = rondo.trace().count("step")
    assert begun < 40, "it did not wait for the grace time to end"
    start()
    done = rondo.wait_for(job.pk)
    assert (done.result["began_at"], rondo.trace().count("step")) == (begun, 40)


def test_c9_kill_instead_of_term_costs_the_attempt(rondo: Rondo) -> None:
    """The control of the three above."""
    job = stop_during(rondo, "steps", signal.SIGKILL, steps=200)
    assert job.state == "running"
    rondo.start_reconciler()
    back = rondo.wait_for(job.pk, "queued")
    assert (back.attempt, back.max_attempts) == (1, 3)


# ---- H7: clocks


@pytest.mark.parametrize("hours", [-1, 1])
def test_h7_leases_do_not_depend_on_the_clocks_of_workers(rondo: Rondo, hours: int) -> None:
    skewed = {"CLOCK_OFFSET": str(3600 * hours)}
    rondo.start_worker(**skewed)
    rondo.start_reconciler()
    job = a_job(rondo, steps=100)
    rondo.wait_for(job, "running")
    until(lambda: Job.objects.get(pk=job).done > 30, "it is well on its way")
    row = Job.objects.get(pk=job)
    now = Outlook().now
    assert timedelta(0) < row.lease_until - now < timedelta(seconds=4)
    done = rondo.wait_for(job)
    assert done.attempt == 1, "nobody took it for dead"
    assert done.created_at < done.started_at < done.finished_at < Outlook().now
