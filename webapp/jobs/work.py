"""What the function of a job kind is given: its arguments, and the one way to write about the job.

Every write names the job and the attempt. Once another attempt owns the job they change nothing and
raise LeaseLost, so a worker that was stopped and comes back harms nobody.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from webapp.artifacts import safe_join
from webapp.jobs.errors import HandedBack, JobCancelled, LeaseLost
from webapp.jobs.models import Job, State
from webapp.jobs.supervise import Ended, supervise

logger = logging.getLogger("rondo.jobs")

BEAT_SECONDS = 1.0  # at most one write a second, however often beat() is called
LONGEST_MESSAGE = 200

RENEW = """
UPDATE jobs_job SET
    heartbeat_at = statement_timestamp(),
    lease_until = statement_timestamp() + make_interval(secs => %s),
    done = %s, total = %s, message = %s
WHERE id = %s AND attempt = %s AND state = 'running'
RETURNING cancel_requested_at IS NOT NULL
"""


class Work:
    """One attempt at one job.

    Attributes:
        job: the row as it was when the attempt began.
        arguments: what `enqueue` was given.
        attempt: 1, 2, ...: the fencing token; name the attempt's files by it.
    """

    def __init__(self, job: Job, *, should_leave: Callable[[], bool] = lambda: False) -> None:
        self.job = job
        self.arguments: dict[str, Any] = job.arguments
        self.attempt = job.attempt
        self._should_leave = should_leave
        self._done, self._total, self._message = 0, None, ""  # type: tuple[int, int | None, str]
        self.last_beat = time.monotonic()  # when the work last said that it goes on
        self._next_write = 0.0
        self._beside: BaseDatabaseWrapper | None = None
        self._away = False

    def progress(self, done: int, total: int | None = None, message: str | None = None) -> None:
        """Say how far the work is, and beat.

        A new `message` is shown at once, so let it name a stage ("Reading rows") and leave the
        counting to `done` and `total`. Without a message the last one stays.

        Raises:
            JobCancelled, LeaseLost, HandedBack: as beat() does.
        """
        self._done = max(0, int(done))
        self._total = None if total is None else max(int(total), self._done)
        if message is not None and message[:LONGEST_MESSAGE] != self._message:
            self._message = message[:LONGEST_MESSAGE]
            self._next_write = 0.0
        self.beat()

    def beat(self) -> None:
        """Renew the lease. Call it from the loop that does the work, at least every few seconds.

        It must not come from a thread of its own: a hung step would then look alive.

        Raises:
            JobCancelled: a person asked for the end.
            LeaseLost: another attempt owns the job; stop and write nothing more.
            HandedBack: the worker is being stopped; what is kept so far stays.
        """
        self.last_beat = time.monotonic()
        if self.last_beat >= self._next_write:
            self._renew()
        if self._should_leave():
            raise HandedBack

    @contextlib.contextmanager
    def fenced(self) -> Iterator[None]:
        """A transaction that commits only while this attempt owns the job.

        progress() and beat() inside it are seen at once: they use a connection of their own.

        Raises:
            LeaseLost: before the block or at its end; then nothing of the block is kept.
        """
        self._check_lease(lock=False)
        alone = not connection.in_atomic_block
        try:
            with transaction.atomic():
                if alone:
                    self._beside = connection.copy()
                yield
                # Locked from here to the commit, so nobody can take the job in between.
                self._check_lease(lock=True)
        finally:
            if self._beside is not None:
                self._beside.close()
                self._beside = None

    def artifact_path(self, name: str) -> str:
        """Where this attempt keeps a file, for webapp.artifacts; no other attempt writes there."""
        return safe_join("jobs", str(self.job.pk), f"attempt-{self.attempt}", name)

    def supervise(self, command: Sequence[str], **options: Any) -> Ended:
        """Run a command under this job; webapp.jobs.supervise.supervise says how."""
        return supervise(command, beat=self.beat, **options)

    def last_progress(self) -> dict[str, Any]:
        """What progress() was told last, written or not yet."""
        return {"done": self._done, "total": self._total, "message": self._message}

    def _check_lease(self, *, lock: bool) -> None:
        mine = Job.objects.filter(pk=self.job.pk, attempt=self.attempt, state=State.RUNNING)
        if lock:
            mine = mine.select_for_update(no_key=True)
        if not mine.values_list("pk").first():
            raise LeaseLost

    def _renew(self) -> None:
        """Write heartbeat, lease and progress. A database that is away ends no work.

        Whether the lease was lost meanwhile is found out when it is back; until then nothing can
        be written by anybody.
        """
        line: BaseDatabaseWrapper = self._beside or connection
        try:
            with line.cursor() as cursor:
                cursor.execute(
                    RENEW,
                    [
                        settings.JOBS_LEASE_SECONDS,
                        self._done,
                        self._total,
                        self._message,
                        self.job.pk,
                        self.attempt,
                    ],
                )
                row = cursor.fetchone()
        except (OperationalError, InterfaceError) as error:
            if line.in_atomic_block:
                raise  # the caller's transaction is broken; going on would lose its writes
            self._note_outage(error)
            line.close()
            row = (False,)
        else:
            self._away = False
        self._next_write = time.monotonic() + BEAT_SECONDS
        if row is None:
            raise LeaseLost
        if row[0]:
            raise JobCancelled

    def _note_outage(self, error: Exception) -> None:
        if not self._away:  # one line for one outage
            logger.warning(
                "job %s %s: the database does not take the heartbeat (%s). The work goes on; "
                "it is written when the database is back.",
                self.job.pk,
                self.job.kind,
                str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__,
                extra={"event": "job.no_database", "job": self.job.pk},
            )
        self._away = True
