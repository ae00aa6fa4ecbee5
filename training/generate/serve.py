"""The two ways in which a job makes requests: for people who wait, and for a batch to its end."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _

from training.generate import claims
from training.generate.local import Local, process_folder, run_process
from training.generate.session import Session
from training.models import Batch, EndpointKind, Generation, GenerationState, Server
from webapp.jobs.errors import JobFailed
from webapp.jobs.models import Job, Queue
from webapp.jobs.models import State as JobState
from webapp.jobs.work import Work

PAUSE_SECONDS = 0.05
KEEP_SECONDS = 1.0
IDLE_SECONDS = 20.0  # a job without weights costs nothing to begin again
LEAVES_FOR_OTHERS_SECONDS = 2.0  # people read before they ask on; a training run can wait for that
MOST_PROCESSES = 3  # model processes that may die in one job before it gives up
KINDS = {
    Queue.DEFAULT.value: (EndpointKind.SERVICE.value, EndpointKind.RECORDED.value),
    Queue.GPU.value: (EndpointKind.REGISTERED.value,),
}


def serve(work: Work) -> dict[str, Any]:
    """Answer whoever waits for endpoints of this queue, until nobody has for a while.

    On the gpu queue the models stay loaded meanwhile; when other work waits for the worker, it is
    left as soon as nobody waits for an answer.
    """
    queue = work.job.queue
    session = Session(work, kinds=KINDS[queue])

    def tick() -> bool:
        """True when it is time to leave."""
        session.tick()
        done = session.ended["done"]
        work.progress(done, None, _("Answering") if session.held else _("Waiting for questions"))
        return not session.held and _may_leave(session, queue)

    try:
        if queue == Queue.GPU:
            _with_models(session, tick)
        else:
            while not tick():
                time.sleep(PAUSE_SECONDS)
    finally:
        session.close()
    return {"answered": session.ended["done"], "failed": session.ended["failed"]}


def _may_leave(session: Session, queue: str) -> bool:
    idle = time.monotonic() - session.last_busy
    warm = float(settings.MODELS_WARM_SECONDS)
    if queue != Queue.GPU:
        warm = min(warm, IDLE_SECONDS)
    elif idle >= LEAVES_FOR_OTHERS_SECONDS and _others_wait(queue):
        warm = 0.0
    if idle < warm:
        return False
    with transaction.atomic():
        claims.lock(queue)
        if session.has_more():
            return False
        Server.objects.filter(queue=queue, job=session.work.job).update(job=None)
    return True


def _others_wait(queue: str) -> bool:
    return Job.objects.filter(queue=queue, state=JobState.QUEUED).exists()


def generate(
    work: Work,
    batch: Batch,
    *,
    keep: Callable[[], None] = lambda: None,
    more: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Make every request of `batch`, each once; what an earlier attempt did is not done again.

    `keep` is called while answers come, KEEP_SECONDS apart, and after the last one before the model
    process is ended, which takes seconds. `more` is called when all requests have their end: it may
    add some to the batch, and says whether it did. Progress, the job's, counts what was kept.
    Returns how many were answered and failed, tokens, and cost.

    Raises:
        JobFailed: a budget is spent, or an endpoint gave no answer again and again. What was
            answered is kept, and the job can be started again.
    """
    _ask_failed_again(work, batch)
    session = Session(work, batch=batch)
    # An earlier attempt may have left answers from which requests follow.
    if not session.has_more() and not more():
        return counts(batch)
    total = batch.entries.count()
    before = total - claims.waiting(batch).count()
    kept, next_keep = 0, 0.0

    def tick() -> bool:
        nonlocal kept, next_keep, total
        session.tick()
        over, now = not session.has_more(), time.monotonic()
        if session.ended["done"] > kept and (over or now >= next_keep):
            answered = session.ended["done"]
            keep()
            kept, next_keep = answered, now + KEEP_SECONDS
        work.progress(min(before + kept + session.ended["failed"], total), total, _("Asking"))
        if over and not session.broken and more():
            total = batch.entries.count()
            return False
        return over

    try:
        local = Generation.objects.filter(
            entries__batch=batch,
            endpoint__kind=EndpointKind.REGISTERED,
            state__in=[GenerationState.QUEUED, GenerationState.RUNNING],
        )
        if local.exists():
            _with_models(session, tick)
        else:
            while not tick():
                time.sleep(PAUSE_SECONDS)
    finally:
        session.close()
    if session.broken:
        raise JobFailed(" ".join(session.broken.values())[:500])
    return counts(batch)


def counts(batch: Batch) -> dict[str, Any]:
    """How the requests of a batch stand: by state, tokens, cost."""
    found = Generation.objects.filter(entries__batch=batch).aggregate(
        answered=Count("pk", filter=Q(state=GenerationState.DONE)),
        failed=Count("pk", filter=Q(state=GenerationState.FAILED)),
        tokens_in=Sum("tokens_in", default=0),
        tokens_out=Sum("tokens_out", default=0),
    )
    return {**found, "cost": str(claims.spent_in(batch).normalize())}


def _ask_failed_again(work: Work, batch: Batch) -> None:
    """Whoever starts the job again wants the failed requests tried again, not passed over."""
    failed = Generation.objects.filter(
        entries__batch=batch, state__in=[GenerationState.FAILED, GenerationState.STOPPED]
    )
    failed.update(state=GenerationState.QUEUED, tries=0, error="", not_before=work.job.created_at)


def _with_models(session: Session, tick: Callable[[], bool]) -> None:
    """Run the model process, again when it died, and `tick` in it until that says to leave."""
    for _number in range(MOST_PROCESSES):
        with process_folder() as folder:
            local = Local(folder)
            local.session, session.local = session, local
            leaving = False

            def step(local: Local = local) -> None:
                nonlocal leaving
                if leaving:
                    session.work.beat()
                elif tick():
                    leaving = True
                    local.leave()

            said = run_process(local, step)
            detail = (folder / "log").read_text(errors="replace")[-4000:]
        if not said:
            return
        session.lost_the_models(said)
        if not session.has_more():
            return
    raise JobFailed(said, detail)
