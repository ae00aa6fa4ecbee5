"""One attempt from its claim to its end."""

import logging
import time
import traceback
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, connection
from django.utils.translation import gettext as _

from webapp.jobs.actions import finish
from webapp.jobs.actions.claim import claim
from webapp.jobs.errors import HandedBack, JobCancelled, JobFailed, LeaseLost
from webapp.jobs.kinds import JobKind, kind_named
from webapp.jobs.log import note
from webapp.jobs.models import Job
from webapp.jobs.work import Work
from webapp.request_context import on_behalf_of

RETRY_WRITE_SECONDS = 1.0


def run_next(
    *,
    queue: str,
    worker: str,
    should_leave: Callable[[JobKind], bool] = lambda kind: False,
    watch: Callable[[Work | None], None] = lambda work: None,
) -> Job | None:
    """Claim the oldest due job of `queue` and run it to its end; None when there is none.

    `should_leave` is asked at each heartbeat whether the worker is being stopped; `watch` is told
    of the work that begins, and None at its end.
    """
    job = claim(queue=queue, worker=worker)
    if job is None:
        return None
    kind = kind_named(job.kind)
    assert kind is not None, "claim takes only kinds that are known here"
    work = Work(job, should_leave=lambda: should_leave(kind))
    watch(work)
    try:
        with on_behalf_of(job.request_id):
            _attempt(work, kind)
    finally:
        watch(None)
    return job


def _attempt(work: Work, kind: JobKind) -> None:
    """Run the function and note how it ended."""
    job = work.job
    end: Callable[..., None]
    arguments: dict[str, Any] = {"job": job}
    try:
        result = kind.function(work)
        end, arguments = (
            finish.complete,
            {"job": job, "result": result or {}, **work.last_progress()},
        )
    except JobCancelled:
        end = finish.stop
    except LeaseLost:
        note(job, "lost its lease", "Another attempt goes on with it", level=logging.WARNING)
        return
    except HandedBack:
        end = finish.hand_back
    except JobFailed as failed:
        end = finish.fail
        arguments |= {"error": failed.sentence, "detail": failed.detail}
    except ValidationError as refused:
        end = finish.fail
        arguments |= {"error": " ".join(refused.messages)}
    except Exception as error:
        end = finish.try_again
        arguments |= {"error": unexpected(error), "detail": traceback.format_exc()}
    _write(job, lambda: end(**arguments))


def unexpected(error: Exception) -> str:
    told = " ".join(str(error).split())[:300]
    return _("The work stopped with an unexpected error (%(kind)s: %(told)s).") % {
        "kind": type(error).__name__,
        "told": told or _("it says nothing more"),
    }


def _write(job: Job, end: Callable[[], None]) -> None:
    """Note the end; while the database is away try again, for as long as a lease lasts."""
    give_up = time.monotonic() + settings.JOBS_LEASE_SECONDS
    while True:
        try:
            return end()
        except LeaseLost:
            note(job, "lost its lease", "Its end is not noted", level=logging.WARNING)
            return None
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block:
                raise
            connection.close()
            if time.monotonic() > give_up:
                note(
                    job,
                    "ended, but the database is away",
                    f"It will be run again. {error}",
                    level=logging.ERROR,
                )
                return None
            time.sleep(RETRY_WRITE_SECONDS)
