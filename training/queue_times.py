"""When the runs that wait for a worker will begin, as far as anybody can say."""

import heapq

from training.models import ModelVersion, Purpose, TrainingRun
from training.run_estimate import estimate
from webapp.jobs.models import Queue, State
from webapp.jobs.queries import Outlook

MOST_RUNS = 20  # that are looked at; who stands further behind is told nothing


def expected_starts(outlook: Outlook) -> dict[int, int]:
    """job id -> seconds, for queued runs in their order.

    A worker is free when its run says it will be; a run that waits takes what past runs from its
    base took for a row. Behind a run of which neither is known its worker is not counted on, and
    other work of the queue, which is short, is left out.
    """
    workers = outlook.there.get(Queue.GPU, 0)
    runs = TrainingRun.objects.filter(
        job__queue=Queue.GPU, job__state__in=(State.RUNNING, State.QUEUED)
    ).order_by("job_id")
    found = runs.select_related("job").prefetch_related("models__version", "data__snapshot")
    at_work = [run for run in found[:MOST_RUNS] if run.state == State.RUNNING]
    free = [run.eta_seconds for run in at_work if run.eta_seconds is not None]
    free += [0.0] * max(0, workers - len(at_work))
    heapq.heapify(free)
    starts: dict[int, int] = {}
    for run in found[:MOST_RUNS]:
        if run.state != State.QUEUED or run.job_id is None or not free:
            continue
        begins = heapq.heappop(free)
        starts[run.job_id] = int(begins)
        if (takes := needed(run)) is not None:
            heapq.heappush(free, begins + takes)
    return starts


def needed(run: TrainingRun) -> float | None:
    """Seconds that a run will take, by past runs; None where there is none like it."""
    if run.purpose != Purpose.RUN:
        return None
    base: ModelVersion | None = next(
        (u.version for u in run.models.all() if u.role == "base"), None
    )
    if base is None:
        return None
    rows = sum(p.snapshot.splits.get("train", 0) for p in run.data.all() if p.role == "train")
    found = estimate(base, run.method, run.config, rows or None)
    known = [each.seconds for each in found.machines if each.seconds is not None] if found else []
    return max(known, default=None)
