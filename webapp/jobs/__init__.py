"""One mechanism for all long work: imports, sampling, training, exports.

A job is a row, written in the transaction of its cause. Celery carries hints ("look at your
queue"); losing all of them loses nothing, because workers also look by themselves and the
reconciler sends hints again. docs/jobs.md says what is promised.

In an app's tasks.py:

    @job_kind("import", label=_("Import of a file"), max_attempts=3)
    def run_import(work: Work) -> dict[str, Any]:
        for number, rows in enumerate(batches(work.arguments["upload"])):
            with work.fenced():  # refuses to commit once another attempt owns the job
                store(rows)
            work.progress(number, total, _("Reading rows"))  # also the heartbeat
        return {"rows": total}

and where it is caused, in the same transaction:

    job = enqueue(kind="import", owner=mia, workspace=workspace, arguments={"upload": 7})

`cancel(job=, by=)` and `retry(job=, by=)` are what a person can do to it afterwards. Names are
looked up on first use, because this package is imported before Django's models are ready.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from webapp.jobs.actions.cancel import cancel
    from webapp.jobs.actions.enqueue import enqueue
    from webapp.jobs.actions.retry import retry
    from webapp.jobs.errors import HandedBack, JobCancelled, JobFailed, LeaseLost
    from webapp.jobs.kinds import job_kind
    from webapp.jobs.work import Work

_ROOMS = {
    "HandedBack": "errors",
    "JobCancelled": "errors",
    "JobFailed": "errors",
    "LeaseLost": "errors",
    "Work": "work",
    "cancel": "actions.cancel",
    "enqueue": "actions.enqueue",
    "job_kind": "kinds",
    "retry": "actions.retry",
}

__all__ = [
    "HandedBack",
    "JobCancelled",
    "JobFailed",
    "LeaseLost",
    "Work",
    "cancel",
    "enqueue",
    "job_kind",
    "retry",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
