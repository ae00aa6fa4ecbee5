"""The kinds of work that exist: a name in the row, a function in an app's tasks.py."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise

from webapp.jobs.models import Queue

if TYPE_CHECKING:
    from webapp.jobs.models import Job
    from webapp.jobs.work import Work

Function = Callable[["Work"], "dict[str, Any] | None"]


@dataclass(frozen=True)
class JobKind:
    name: str
    function: Function
    label: str | Promise  # what a person calls it
    queue: str
    max_attempts: int  # 1: never begun a second time by itself
    resumable: bool  # a new attempt goes on where the last one stopped, so stopping is cheap
    page: "Callable[[Job], str | None] | None"  # where the thing it works on is shown
    given_up: "Callable[[Job], None] | None"  # told when the last attempt was lost or broke


_kinds: dict[str, JobKind] = {}


def job_kind(
    name: str,
    *,
    label: str | Promise,
    queue: str = Queue.DEFAULT,
    max_attempts: int = 3,
    resumable: bool = False,
    page: "Callable[[Job], str | None] | None" = None,
    given_up: "Callable[[Job], None] | None" = None,
) -> Callable[[Function], Function]:
    """Register a function as the work of jobs of this kind.

    The function gets a Work and returns a small JSON object, the job's result. It may be run again
    after a crash or an unexpected exception, up to `max_attempts` times: let its writes be
    idempotent, or put them in one `work.fenced()`. `given_up` is called in the transaction that
    fails a job because its last worker died or its last attempt ended in an unexpected error: what
    the function itself would have noted at its end, it could not.

    Raises:
        ValueError: the name is taken, or the queue or the number of attempts makes no sense.
    """
    if queue not in Queue.values:
        raise ValueError(f"queue is {queue!r}. Allowed: {', '.join(Queue.values)}.")
    if max_attempts < 1:
        raise ValueError(f"max_attempts is {max_attempts}. Allowed: 1 or more.")

    def register(function: Function) -> Function:
        known = _kinds.get(name)
        if known and known.function.__qualname__ != function.__qualname__:
            raise ValueError(f"The job kind {name!r} is already {known.function.__qualname__}.")
        _kinds[name] = JobKind(
            name=name,
            function=function,
            label=label,
            queue=str(queue),
            max_attempts=max_attempts,
            resumable=resumable,
            page=page,
            given_up=given_up,
        )
        return function

    return register


def kind_named(name: str) -> JobKind | None:
    """The kind, or None: a row of another version of Rondo may name one that is unknown here."""
    return _kinds.get(name)


def give_up(job: "Job") -> None:
    """Tell the kind of a job that has failed without its function. In the caller's transaction."""
    kind = kind_named(job.kind)
    if kind is not None and kind.given_up is not None:
        kind.given_up(job)


def known_kinds() -> list[str]:
    return sorted(_kinds)


def label_of(name: str) -> str:
    kind = kind_named(name)
    return str(kind.label) if kind else name
