"""Trivial work for real workers. Each leaves a line in `trace`, so that a test can count runs."""

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from webapp.celery import app
from webapp.faultpoint import faultpoint
from webapp.jobs import LeaseLost, Work, job_kind
from webapp.jobs.models import Queue
from webapp.workspaces.models import Workspace


def trace(work: Work, word: str) -> None:
    """Append "word attempt pid": one short line is written whole."""
    with open(work.arguments["trace"], "a") as file:
        file.write(f"{word} {work.attempt} {os.getpid()}\n")


@job_kind("steps", label="Steps", max_attempts=3)
def steps(work: Work) -> dict[str, Any]:
    """`steps` steps of `seconds` each; begins anew in each attempt."""
    trace(work, "begin")
    total = work.arguments.get("steps", 1)
    for number in range(total):
        work.progress(number, total, "Stepping")
        time.sleep(work.arguments.get("seconds", 0.05))
    work.progress(total, total)
    trace(work, "end")
    return {"steps": total, "attempt": work.attempt}


@job_kind("resumable steps", label="Resumable steps", resumable=True)
def resumable_steps(work: Work) -> dict[str, Any]:
    """Goes on after the last step that the trace holds."""
    total = work.arguments["steps"]
    file = Path(work.arguments["trace"])
    known = file.read_text().count("step ") if file.exists() else 0
    for number in range(known, total):
        work.progress(number, total, "Stepping")
        time.sleep(work.arguments.get("seconds", 0.05))
        trace(work, "step")
    return {"began_at": known}


@job_kind("hang", label="Hanging", max_attempts=1)
def hang(work: Work) -> None:
    """Says nothing any more, for ever."""
    trace(work, "begin")
    time.sleep(3600)


@job_kind("poison", label="Poisoned", max_attempts=2)
def poison(work: Work) -> None:
    """Takes its process with it."""
    trace(work, "begin")
    os._exit(9)


@job_kind("zombie", label="Zombie", max_attempts=3)
def zombie(work: Work) -> dict[str, Any]:
    """Its first attempt sleeps until a file is there, then writes as if it still owned the job.

    The thing written is the description of the job's workspace; without `fence` the write is plain.
    """
    trace(work, "begin")
    while work.attempt == 1 and not Path(work.arguments["go"]).exists():
        with contextlib.suppress(LeaseLost):  # a zombie does not listen
            work.beat()
        time.sleep(0.05)
    try:
        with work.fenced() if work.arguments["fence"] else contextlib.nullcontext():
            mine = Workspace.objects.filter(pk=work.job.workspace_id)
            mine.update(description=f"written by attempt {work.attempt}")
    except LeaseLost:
        trace(work, "refused")
        raise
    trace(work, "wrote")
    return {"attempt": work.attempt}


@job_kind("fails", label="Failing", max_attempts=3)
def fails(work: Work) -> None:
    trace(work, "begin")
    raise RuntimeError("the disk is on fire")


@job_kind("gpu steps", label="Steps on the GPU queue", queue=Queue.GPU)
def gpu_steps(work: Work) -> dict[str, Any]:
    return steps(work)


@app.task(name="test.direct")
def direct(file: str) -> None:
    """The control: work that lives in the message alone, as a plain Celery task does."""
    with open(file, "a") as out:
        out.write("direct 0 0\n")


@job_kind("careless asking", label="Careless asking", max_attempts=5)
def careless_asking(work: Work) -> None:
    """What a run of the factory would be without rows: what was answered is known at its end."""
    from training.generate import Sampling, service
    from training.models import ModelEndpoint

    endpoint = ModelEndpoint.objects.get(pk=work.arguments["endpoint_id"])
    for text in work.arguments["texts"]:
        asked = [{"role": "user", "content": text}]
        list(service.ask(endpoint, asked, Sampling(), is_stopped=lambda: False))
    trace(work, "noted")


@job_kind("careless sampling", label="Careless sampling", max_attempts=5)
def careless_sampling(work: Work) -> None:
    """What a round's step would be without its transaction: made first, noted afterwards."""
    from annotation.models import Prompt
    from training.actions.sample import SamplePlan, sample
    from training.models import ModelEndpoint

    endpoint = ModelEndpoint.objects.get(pk=work.arguments["endpoint_id"])
    sample(
        workspace=endpoint.workspace,
        by=endpoint.created_by,
        plan=SamplePlan("Carelessly sampled", (endpoint,)),
        prompts=Prompt.objects.filter(workspace=endpoint.workspace),
    )
    faultpoint("careless")
    trace(work, "noted")
