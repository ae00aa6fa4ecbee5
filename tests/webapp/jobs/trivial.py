"""Kinds of work that only tests know, and the shortest ways to have a job in some state."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from tests.cast import a_workspace, mia
from webapp.jobs import JobFailed, Work, enqueue, job_kind
from webapp.jobs.actions.claim import claim
from webapp.jobs.actions.reap import reap
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next


@job_kind("count", label="Counting", max_attempts=3)
def count(work: Work) -> dict[str, Any]:
    """Counts to `to`, a heartbeat for each number."""
    to = work.arguments.get("to", 3)
    for number in range(to):
        work.progress(number, to, "Counting")
    work.progress(to, to)
    return {"counted": to}


@job_kind("break", label="Breaking", max_attempts=2)
def break_down(work: Work) -> None:
    raise KeyError("the third wheel")


@job_kind("refuse", label="Refusing", max_attempts=5)
def refuse(work: Work) -> None:
    raise JobFailed("The file is empty. Choose another one.", detail="0 bytes")


def a_job(kind: str = "count", **arguments: Any) -> Job:
    workspace = a_workspace()
    return enqueue(kind=kind, owner=mia(workspace), workspace=workspace, arguments=arguments)


def claimed(worker: str = "w1") -> Job:
    """The oldest due job, held by `worker`."""
    job = claim(queue="default", worker=worker)
    assert job is not None, "no job was due"
    return job


def run(queue: str = "default") -> Job:
    """Run the oldest due job here and now; returns its row afterwards."""
    job = run_next(queue=queue, worker="here")
    assert job is not None, "no job was due"
    job.refresh_from_db()
    return job


def expire(job: Job) -> None:
    """As if the worker had been silent for a lease and more."""
    Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))


def reap_now() -> list[Job]:
    """The reconciler's pass over dead leases; the tests' database has only just been started."""
    return reap(server_up_for=0)


def due_now(job: Job) -> None:
    """As if the pause before the next attempt were over."""
    Job.objects.filter(pk=job.pk).update(not_before=Now())
