"""Work on the gpu queue. torch is loaded in subprocesses only, never in a worker."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training.actions.sample import store_answers
from training.generate.serve import counts, generate, serve
from training.models import Batch, Generation
from webapp.jobs import JobFailed, Work, job_kind
from webapp.jobs.models import Job, Queue
from webapp.jobs.supervise import Tail

STORE_EVERY = 50  # answers between two writes of completions
STALL_SECONDS = 180.0  # importing torch on a loaded machine takes a minute


@job_kind("gpu probe", label=gettext_lazy("GPU measurement"), queue=Queue.GPU, max_attempts=1)
def probe_gpu(work: Work) -> dict[str, Any]:
    """Ask torch, in a process of its own, what it computes on and how fast."""
    work.progress(0, None, _("Loading PyTorch and multiplying matrices"))
    lines: list[bytes] = []
    with tempfile.TemporaryDirectory(prefix="rondo-probe-") as name:
        folder = Path(name)
        log = folder / "log"
        ended = work.supervise(
            [sys.executable, "-m", "training.trainers.probe", str(folder / "events.jsonl")],
            folder=settings.BASE_DIR,
            log=log,
            events=Tail(folder / "events.jsonl"),
            on_lines=lines.extend,
            stall_seconds=STALL_SECONDS,
        )
        said = log.read_text(errors="replace")
    if ended.code or not lines:
        raise JobFailed(
            _("PyTorch could not be asked: its process ended with code %(code)s.")
            % {"code": ended.code},
            detail=said,
        )
    result: dict[str, Any] = json.loads(lines[-1])
    return result


@job_kind(
    "answer", label=gettext_lazy("Answers for people who wait"), max_attempts=3, resumable=True
)
def answer(work: Work) -> dict[str, Any]:
    """Asks services; begun and ended by training.actions.ask."""
    return serve(work)


@job_kind(
    "answer with models",
    label=gettext_lazy("Answers of registered models"),
    queue=Queue.GPU,
    max_attempts=3,
    resumable=True,
)
def answer_with_models(work: Work) -> dict[str, Any]:
    """Keeps registered models loaded while people ask them."""
    return serve(work)


def _page_of_batch(job: Job) -> str | None:
    batch = job.arguments.get("batch")
    if job.workspace is None or batch is None:
        return None
    return reverse("training:sampling", args=[job.workspace.slug, batch])


@job_kind(
    "sample",
    label=gettext_lazy("Sampling answers"),
    max_attempts=5,
    resumable=True,
    page=_page_of_batch,
)
def sample(work: Work) -> dict[str, Any]:
    """Answers of services, and recorded ones."""
    return _sample(work)


def _sample(work: Work) -> dict[str, Any]:
    """Ask every request of a batch and keep the answers as completions."""
    batch = Batch.objects.get(pk=work.arguments["batch"])
    unstored = 0

    def answered(_row: Generation) -> None:
        nonlocal unstored
        unstored += 1
        if unstored >= STORE_EVERY:
            unstored = 0
            with work.fenced():
                store_answers(batch=batch)

    try:
        generate(work, batch, on_done=answered)
    finally:
        while store_answers(batch=batch):
            pass
    return counts(batch)


@job_kind(
    "sample with models",
    label=gettext_lazy("Sampling answers"),
    queue=Queue.GPU,
    max_attempts=5,
    resumable=True,
    page=_page_of_batch,
)
def sample_with_models(work: Work) -> dict[str, Any]:
    """The same, where weights have to be loaded."""
    return _sample(work)
