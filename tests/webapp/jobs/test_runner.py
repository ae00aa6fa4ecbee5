"""How an attempt ends, and what is left of it in the row."""

from contextlib import closing
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from tests.cast import a_workspace, join, mia, person
from tests.webapp.jobs.trivial import a_job, claimed, due_now, expire, reap_now, run
from webapp.audit.actions.record import record
from webapp.audit.models import AuditEntry
from webapp.jobs import HandedBack, JobCancelled, LeaseLost, Work, cancel, job_kind, retry
from webapp.jobs.actions.finish import backoff, complete
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next
from webapp.workspaces.models import Membership, Role

pytestmark = pytest.mark.django_db


def test_work_that_returns_is_done_and_keeps_its_result() -> None:
    job = a_job(to=4)
    job = run()
    assert (job.state, job.result, job.attempt) == ("done", {"counted": 4}, 1)
    assert (job.done, job.total, job.message, job.percent) == (4, 4, "Counting", 100)
    assert job.finished_at >= job.started_at >= job.created_at
    assert (job.lease_until, job.worker) == (None, "here")
    assert run_next(queue="default", worker="here") is None


def test_the_oldest_due_job_of_the_queue_comes_first() -> None:
    first, second = a_job(), a_job()
    Job.objects.filter(pk=first.pk).update(queue="gpu")
    assert claimed().pk == second.pk
    assert run_next(queue="default", worker="here") is None


def test_an_unexpected_error_is_tried_again_with_a_pause_and_then_fails() -> None:
    a_job("break")
    job = run()
    assert (job.state, job.attempt) == ("queued", 1)
    assert "KeyError" in job.error
    assert "break_down" in job.detail
    pause = job.not_before - job.heartbeat_at
    assert timedelta(seconds=9) < pause < timedelta(seconds=15)
    assert run_next(queue="default", worker="here") is None, "the pause is kept"
    due_now(job)
    job = run()
    assert (job.state, job.attempt, job.lease_until) == ("failed", 2, None)
    assert "the third wheel" in job.error
    due_now(job)
    assert run_next(queue="default", worker="here") is None, "it has ended"


def test_the_pause_doubles_up_to_ten_minutes() -> None:
    assert [backoff(n).total_seconds() for n in (1, 2, 3, 7, 90)] == [10, 20, 40, 600, 600]


def test_a_refusal_is_not_tried_again() -> None:
    a_job("refuse")
    job = run()
    assert (job.state, job.attempt) == ("failed", 1)
    assert (job.error, job.detail) == ("The file is empty. Choose another one.", "0 bytes")

    @job_kind("validate", label="Validating")
    def validate(work: Work) -> None:
        raise ValidationError(["Line 3 has no prompt.", "Correct it and import again."])

    a_job("validate")
    assert run().error == "Line 3 has no prompt. Correct it and import again."


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_at_its_next_beat() -> None:
    waiting = a_job()
    assert cancel(job=waiting, by=mia()).state == "cancelled"
    assert run_next(queue="default", worker="here") is None

    @job_kind("self-stopping", label="Stopping")
    def stop_half_way(work: Work) -> None:
        work.progress(1, 2, "Half")
        cancel(job=work.job, by=mia())
        work.progress(2, 2, "Whole")
        raise AssertionError("never reached")

    a_job("self-stopping")
    job = run()
    assert (job.state, job.message, job.error) == ("cancelled", "Whole", "")
    entries = AuditEntry.objects.filter(action="job.cancel").values_list("target", flat=True)
    assert sorted(entries) == sorted([f"job {waiting.pk}", f"job {job.pk}"])


def test_a_finished_job_is_not_cancelled_and_an_active_one_not_retried() -> None:
    job = a_job()
    with pytest.raises(ValidationError, match="is queued; only a failed or cancelled"):
        retry(job=job, by=mia())
    run()
    with pytest.raises(ValidationError, match="is done already"):
        cancel(job=job, by=mia())


def test_a_person_starts_a_failed_job_again_with_fresh_attempts() -> None:
    a_job("break")
    due_now(run())
    failed = run()
    again = retry(job=failed, by=mia())
    assert (again.state, again.attempt, again.max_attempts) == ("queued", 2, 4)
    assert (again.error, again.detail, again.finished_at) == ("", "", None)
    assert AuditEntry.objects.filter(action="job.retry", target=f"job {failed.pk}").count() == 1
    job = run()
    assert (job.state, job.attempt) == ("queued", 3), "the fencing token goes on"


def test_a_worker_that_leaves_hands_the_job_back_without_losing_an_attempt() -> None:
    a_job(to=50)
    run_next(queue="default", worker="here", should_leave=lambda kind: True)
    job = Job.objects.get()
    assert (job.state, job.attempt, job.max_attempts) == ("queued", 1, 4)
    assert run().state == "done"


def test_handing_back_a_job_that_somebody_stops_cancels_it() -> None:
    @job_kind("leaving", label="Leaving")
    def leave(work: Work) -> None:
        cancel(job=work.job, by=mia())
        raise HandedBack

    a_job("leaving")
    assert run().state == "cancelled"


def test_a_lost_lease_is_queued_again_and_the_old_attempt_can_write_nothing() -> None:
    a_job()
    old = Work(claimed("sleeper"))
    expire(old.job)
    assert [(job.state, job.attempt) for job in reap_now()] == [("queued", 1)]
    new = Work(claimed("successor"))
    with pytest.raises(LeaseLost):
        old.progress(1, 2, "Back again")
    with pytest.raises(LeaseLost):
        complete(job=old.job, result={})
    with pytest.raises(LeaseLost), old.fenced():
        raise AssertionError("never reached")
    new.progress(1, 3, "Mine")
    job = Job.objects.get()
    assert (job.worker, job.attempt, job.message) == ("successor", 2, "Mine")


def test_without_the_fence_the_old_attempt_would_write_over_the_new_one() -> None:
    """The control: the same steps by an update that names the id alone."""
    a_job()
    old = claimed("sleeper")
    expire(old)
    reap_now()
    claimed("successor")
    assert Job.objects.filter(pk=old.pk).update(message="zombie was here") == 1


def test_a_fenced_block_is_undone_when_the_lease_is_lost_in_it() -> None:
    workspace = a_workspace()
    a_job()
    work = Work(claimed())
    with work.fenced():
        join(workspace, person("dan@rondo.test"), Role.VIEWER)

    def lose_the_lease_half_way() -> None:
        with work.fenced():
            join(workspace, person("dora@rondo.test"), Role.VIEWER)
            expire(work.job)
            reap_now()

    with pytest.raises(LeaseLost):
        lose_the_lease_half_way()
    members = Membership.objects.filter(role="viewer").values_list("user__email", flat=True)
    assert list(members) == ["dan@rondo.test"]


def test_a_job_that_keeps_losing_its_worker_fails_with_the_reason() -> None:
    job = a_job("break")  # two attempts
    for worker in ("w1", "w2"):
        due_now(job)
        expire(claimed(worker))
        reap_now()
    job.refresh_from_db()
    assert (job.state, job.attempt) == ("failed", 2)
    assert "Worker w2 fell silent during attempt 2" in job.error


def test_a_job_whose_worker_died_while_stopping_it_is_cancelled() -> None:
    job = a_job()
    held = claimed()
    cancel(job=job, by=mia())
    with pytest.raises(JobCancelled):
        Work(held).beat()
    expire(held)
    assert [job.state for job in reap_now()] == ["cancelled"]


def test_a_lease_that_is_not_over_is_left_alone() -> None:
    a_job()
    claimed()
    assert reap_now() == []


def test_what_a_job_does_carries_the_request_that_caused_it() -> None:
    @job_kind("audited", label="Audited")
    def audited(work: Work) -> None:
        record(actor=None, action="job.test", target=work.job)

    job = a_job("audited")
    run()
    assert AuditEntry.objects.get(action="job.test").request_id == job.request_id


def test_each_change_of_state_is_one_line_with_the_request_id(caplog) -> None:
    caplog.set_level("INFO", "rondo.jobs")
    job = a_job()
    run()
    lines = [(r.event, r.job, r.request_id) for r in caplog.records if r.name == "rondo.jobs"]
    assert lines == [
        (event, job.pk, job.request_id) for event in ("job.queued", "job.started", "job.done")
    ]


@pytest.mark.django_db(transaction=True)
def test_progress_inside_a_fenced_block_is_seen_before_it_commits() -> None:
    a_job()
    work = Work(claimed())
    with work.fenced():
        join(a_workspace(), person("dan@rondo.test"), Role.VIEWER)
        work.progress(5, 10, "Half way")
        with closing(connection.copy()) as other, other.cursor() as cursor:
            cursor.execute("SELECT message, done FROM jobs_job")
            assert cursor.fetchall() == [("Half way", 5)]
            cursor.execute("SELECT count(*) FROM workspaces_membership WHERE role = 'viewer'")
            assert cursor.fetchone() == (0,)
    assert Membership.objects.filter(role="viewer").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_lease_that_is_being_renewed_is_not_reaped() -> None:
    """The reaper passes over a row that its worker has locked."""
    from threading import Event, Thread

    a_job()
    work = Work(claimed())
    expire(work.job)
    inside, reaped = Event(), Event()

    def renew() -> None:
        with transaction.atomic():
            Job.objects.select_for_update().get(pk=work.job.pk)
            inside.set()
            reaped.wait(60)
        connection.close()

    thread = Thread(target=renew)
    thread.start()
    assert inside.wait(60)
    try:
        assert reap_now() == []
    finally:
        reaped.set()
        thread.join()
    assert len(reap_now()) == 1, "the control: unlocked, it is taken"
