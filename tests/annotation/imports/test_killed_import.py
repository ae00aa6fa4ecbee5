"""B4: a worker killed anywhere in an import leaves all of it or nothing, and the next one ends it.

The worker is a forked child that dies by SIGKILL before a chosen statement.
"""

import contextlib
import hashlib
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from annotation.actions import import_data
from annotation.actions.start_import import start_import
from annotation.models import Demonstration, Import, Prompt
from tests.annotation.imports.files import jsonl
from tests.annotation.imports.uploads import an_import, work
from tests.cast import a_workspace, mia
from webapp.jobs.actions.reap import reap
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next
from webapp.jobs.work import Work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]
ROWS = 200
KILL_POINTS = 10
AT_THE_END = -1  # after the commit, before the job is noted as done


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_data, "BATCH", 20)


def a_started_import(name: str) -> Import:
    workspace = a_workspace(name)
    rows = [{"instruction": f"Name {n} rivers.", "output": f"{n}!"} for n in range(ROWS)]
    row = an_import(workspace, mia(workspace), jsonl(*rows))
    start_import(imported=row, by=mia(workspace))
    return row


def content(row: Import) -> tuple[int, int, str]:
    """Rows in both tables, and one hash over what they say."""
    prompts = Prompt.objects.filter(imported_in=row).order_by("text")
    answers = Demonstration.objects.filter(imported_in=row).order_by("text")
    said = [*prompts.values_list("text", "source_id"), *answers.values_list("text")]
    return prompts.count(), answers.count(), hashlib.sha256(repr(said).encode()).hexdigest()


def statements_of(act: Callable[[], None], die_before: int = 0) -> int:
    """How many statements `act` sends. The process kills itself before number `die_before`, or
    before the one that notes the job's end."""
    count = 0

    def counted(execute: Any, sql: str, params: Any, *given: Any) -> Any:
        nonlocal count
        count += 1
        ends = sql.startswith('UPDATE "jobs_job"') and "done" in (params or ())
        if count == die_before or (ends and die_before == AT_THE_END):
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, *given)

    with connection.execute_wrapper(counted):
        act()
    return count


def one_job() -> None:
    assert run_next(queue="default", worker="default@test:1") is not None


def killed_worker(die_before: int, *, guarded: bool = True) -> None:
    """A child that takes the job and dies; the parent goes on when it is dead."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            if not guarded:
                Work.fenced = lambda self: contextlib.nullcontext()  # type: ignore[method-assign,assignment]
                import_data.transaction.atomic = contextlib.nullcontext  # type: ignore[assignment]
            statements_of(one_job, die_before)
        os._exit(7)  # it was to die, and did not
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the worker ended by itself: {status}"


def the_next_worker() -> None:
    past = timezone.now() - timedelta(hours=1)
    Job.objects.filter(state="running").update(lease_until=past)
    reap(server_up_for=0)
    Job.objects.filter(state="queued").update(not_before=past)
    work()


def test_an_import_killed_at_ten_points_is_complete_or_absent_and_ends_complete() -> None:
    whole = a_started_import("Uninterrupted")
    statements = statements_of(one_job)
    work()
    expected = content(whole)
    assert expected[:2] == (ROWS, ROWS)
    seen = set()
    for point in range(KILL_POINTS):
        row = a_started_import(f"Killed {point}")
        # From the claim, which is the first statement, to well before the last ones.
        early = 3 + point * (statements - 12) // (KILL_POINTS - 1)
        killed_worker(early if point < KILL_POINTS - 1 else AT_THE_END)
        left = content(row)
        row.refresh_from_db()
        assert left[:2] in {(0, 0), (ROWS, ROWS)}, left
        assert (row.state == "imported") == (left == expected)
        seen.add(left[0])
        the_next_worker()
        row.refresh_from_db()
        assert (row.state, content(row)) == ("imported", expected)
        assert row.report["imported"] == ROWS
    assert seen == {0, ROWS}


def test_control_without_its_transaction_a_killed_import_is_there_in_part() -> None:
    a_started_import("Uninterrupted")
    statements = statements_of(one_job)
    work()  # what it left to do, so that the next job is the import
    row = a_started_import("Unguarded")
    killed_worker(statements // 2, guarded=False)
    assert 0 < Prompt.objects.filter(workspace=row.workspace).count() < ROWS
