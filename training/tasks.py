"""Work on the gpu queue. torch is loaded in subprocesses only, never in a worker."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.jobs import JobFailed, Work, job_kind
from webapp.jobs.models import Queue
from webapp.jobs.supervise import Tail

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
