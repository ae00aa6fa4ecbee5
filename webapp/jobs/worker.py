"""What a Celery worker does for jobs: it looks, works, says that it is there, and leaves in order.

Each process of the prefork pool has one slot: a thread that runs jobs, and a lookout that writes
the worker's row and ends the process when a job hangs for good. A hint from the broker wakes the
slot; without any broker it wakes by itself every few seconds. torch is never imported here.
"""

import ctypes
import logging
import mmap
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from celery import signals
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from webapp.jobs.actions.register_worker import register_worker, worker_left
from webapp.jobs.gpu import describe_gpus
from webapp.jobs.kinds import JobKind
from webapp.jobs.models import Queue
from webapp.jobs.runner import run_next
from webapp.jobs.work import Work

logger = logging.getLogger("rondo.jobs")

HANGS_AFTER_LEASES = 2  # by then the reconciler gave the job to somebody else
SAY_SO_SECONDS = 4.0  # models.AWAY_SECONDS allows for a few that were missed
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Identity:
    name: str  # queue@host:pid
    queue: str
    host: str
    pid: int
    slots: int
    gpu: str


class SharedNote:
    """Two numbers that the worker's main process writes and its pool processes read.

    They lie in memory mapped before the fork, because the pool's processes are reached by no
    signal that Celery leaves alone.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)

    @property
    def leave_by(self) -> float:
        """0.0, or the time.monotonic() by which every job must have left (one clock per host)."""
        return float(struct.unpack_from("d", self._memory, 0)[0])

    @leave_by.setter
    def leave_by(self, value: float) -> None:
        struct.pack_into("d", self._memory, 0, value)

    @property
    def refused(self) -> int:
        """Messages that were no hint of ours: bad JSON, another serialiser, an unknown task."""
        return int(struct.unpack_from("q", self._memory, 8)[0])

    def count_refused(self) -> None:
        struct.pack_into("q", self._memory, 8, self.refused + 1)


class Slot:
    """Runs one job at a time, all of them in the same thread."""

    def __init__(self, me: Identity, note: SharedNote) -> None:
        self.me = me
        self.note = note
        self.work: Work | None = None
        self._change = threading.Condition()
        self._wanted, self._served = 1, 0  # look when starting: hints may have been missed
        self._ending = False
        self._runner = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._lookout = threading.Thread(target=self._look_out, name="lookout", daemon=True)

    def start(self) -> None:
        self._runner.start()
        self._lookout.start()

    def look(self) -> None:
        """Return when everything that was due has been worked on."""
        with self._change:
            self._wanted += 1
            ticket = self._wanted
            self._change.notify_all()
            self._change.wait_for(lambda: self._served >= ticket or self._ending)

    def end(self) -> None:
        """Let the job at hand finish or go back to its queue, then stop."""
        if not self.note.leave_by:
            self.note.leave_by = time.monotonic() + settings.JOBS_GRACE_SECONDS
        with self._change:
            self._ending = True
            self._change.notify_all()
        self._runner.join(max(0.0, self.note.leave_by - time.monotonic()) + 5)

    def should_leave(self, kind: JobKind) -> bool:
        """A resumable job leaves at once; another gets the grace time to come to its end."""
        by = self.note.leave_by
        return bool(by) and (kind.resumable or time.monotonic() >= by)

    def _run(self) -> None:
        while not self._ending:
            with self._change:
                self._change.wait_for(
                    lambda: self._wanted > self._served or self._ending,
                    timeout=settings.JOBS_POLL_SECONDS,
                )
                ticket = self._wanted
            with_database(self._drain, "look for jobs")
            with self._change:
                self._served = ticket
                self._change.notify_all()

    def _drain(self) -> None:
        while not self._ending and not self.note.leave_by:
            found = run_next(
                queue=self.me.queue,
                worker=self.me.name,
                should_leave=self.should_leave,
                watch=self._watch,
            )
            if found is None:
                return

    def _watch(self, work: Work | None) -> None:
        self.work = work

    def _look_out(self) -> None:
        looked, excused = time.monotonic(), False
        while True:
            with_database(lambda: register_worker(self.me, self.note.refused), "say it is there")
            # Who was stopped as a whole (a suspended machine) cannot blame the work for its
            # silence: after a gap in our own rounds the work gets one round to beat again.
            slept = time.monotonic() - looked > SAY_SO_SECONDS + 1
            excused = slept and not excused
            if not excused:
                self._end_if_hung()
            looked = time.monotonic()
            time.sleep(SAY_SO_SECONDS)

    def _end_if_hung(self) -> None:
        work = self.work
        limit = HANGS_AFTER_LEASES * settings.JOBS_LEASE_SECONDS
        if work is None or time.monotonic() - work.last_beat < limit:
            return
        logger.critical(
            "job %s %s: no heartbeat for %s s, the work hangs. Its process is ended and replaced; "
            "let the work call progress() or beat() more often if it was only slow.",
            work.job.pk,
            work.job.kind,
            limit,
            extra={"event": "job.hangs", "job": work.job.pk, "request_id": work.job.request_id},
        )
        os._exit(os.EX_SOFTWARE)


def with_database(act: Callable[[], object], purpose: str) -> None:
    """Do `act`; a failure is one line in the log, never the end of the thread."""
    close_old_connections()
    try:
        act()
    except (OperationalError, InterfaceError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        logger.warning("A worker cannot %s: the database says: %s", purpose, first_line)
        connection.close()
    except Exception:
        logger.exception("A worker could not %s", purpose)
        connection.close()
    close_old_connections()


# ---- the Celery worker around it

_note = SharedNote()
_me: Identity | None = None
_slot: Slot | None = None


def look_at_once(queue: str) -> None:
    """What the message "look" does in a pool process."""
    if _slot is not None and queue == _slot.me.queue:
        _slot.look()


@signals.celeryd_after_setup.connect
def _introduce(instance: Any = None, **_: Any) -> None:
    """In the main process, before the pool is forked: who this worker is."""
    global _me
    queues = sorted(instance.app.amqp.queues.consume_from)
    if len(queues) != 1 or queues[0] not in Queue.values:
        sys.exit(
            f"A worker looks after one queue; this one was given {', '.join(queues)}. "
            f"Allowed: {', '.join(Queue.values)}. Start it with: manage.py work --queue gpu"
        )
    host, pid = socket.gethostname()[:80], os.getpid()
    _me = Identity(
        name=f"{queues[0]}@{host}:{pid}",
        queue=queues[0],
        host=host,
        pid=pid,
        slots=instance.concurrency,
        gpu=describe_gpus() if queues[0] == Queue.GPU else "",
    )
    logger.info("Worker %s, %s at a time. %s", _me.name, _me.slots, _me.gpu)


@signals.worker_process_init.connect
def _open_slot(**_: Any) -> None:
    """In each pool process, after the fork."""
    global _slot
    if _me is None:
        return
    _die_with(_me.pid)
    _slot = Slot(_me, _note)
    _slot.start()


@signals.worker_process_shutdown.connect
def _close_slot(**_: Any) -> None:
    if _slot is not None:
        _slot.end()


@signals.worker_shutting_down.connect
def _announce_leaving(**_: Any) -> None:
    """In the main process, on SIGTERM or SIGINT: the pool's processes read it at each heartbeat."""
    if not _note.leave_by:
        _note.leave_by = time.monotonic() + settings.JOBS_GRACE_SECONDS


@signals.worker_shutdown.connect
def _say_goodbye(**_: Any) -> None:
    if _me is not None:
        name = _me.name
        with_database(lambda: worker_left(name), "say goodbye")


@signals.task_unknown.connect
@signals.task_rejected.connect
def count_refused(**_: Any) -> None:
    _note.count_refused()


def _die_with(parent: int) -> None:
    """A pool process whose worker was killed would go on, seen by nobody: end with it (Linux)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died between the fork and here
        os._exit(os.EX_SOFTWARE)
