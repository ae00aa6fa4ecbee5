import pytest
from django.db import transaction

from tests.cast import a_workspace, mia
from tests.webapp.jobs.trivial import a_job, claimed
from webapp.jobs import enqueue, hints, job_kind
from webapp.jobs.kinds import kind_named
from webapp.jobs.models import Job, State
from webapp.request_context import on_behalf_of

pytestmark = pytest.mark.django_db


def test_a_job_waits_with_its_cause() -> None:
    workspace = a_workspace()
    with on_behalf_of("1f0c"):
        job = enqueue(kind="count", owner=mia(workspace), workspace=workspace, arguments={"to": 7})
    job.refresh_from_db()
    assert (job.state, job.queue, job.attempt, job.arguments) == ("queued", "default", 0, {"to": 7})
    assert (job.owner, job.workspace, job.request_id) == (mia(), workspace, "1f0c")
    assert job.max_attempts == 3


@pytest.mark.django_db(transaction=True)
def test_a_cause_that_is_rolled_back_leaves_no_job_and_no_hint(monkeypatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr("webapp.jobs.actions.enqueue.send_hint", sent.append)
    with transaction.atomic():
        a_job()
        assert sent == []  # control: the hint waits for the commit
    assert sent == ["default"]
    with transaction.atomic():
        a_job()
        transaction.set_rollback(True)
    assert (Job.objects.count(), sent) == (1, ["default"])


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_does_not_fail_the_cause(monkeypatch, caplog) -> None:
    monkeypatch.setattr(hints._Pause, "until", 0.0)
    job = a_job()
    assert not hints.send_hint("default"), "within the pause it is not even tried"
    assert Job.objects.get().pk == job.pk
    assert [r.event for r in caplog.records if r.levelname == "WARNING"] == ["broker.away"]


def test_it_refuses_what_it_cannot_keep() -> None:
    with pytest.raises(ValueError, match=r"Allowed: .*count"):
        a_job("mend")
    with pytest.raises(ValueError, match="looks like a secret"):
        a_job(judge_api_key="k")
    with pytest.raises(ValueError, match="at most 16384"):
        a_job(rows=list(range(10_000)))
    with pytest.raises(ValueError, match="not JSON compliant"):
        a_job(share=float("nan"))
    with pytest.raises(ValueError, match="Allowed: default, gpu"):
        job_kind("other", label="Other", queue="fast")
    with pytest.raises(ValueError, match="already count"):
        job_kind("count", label="Other")(lambda work: None)


def test_a_kind_of_another_version_is_left_for_a_worker_that_knows_it() -> None:
    newer, known = a_job(), a_job()
    Job.objects.filter(pk=newer.pk).update(kind="not yet written")
    assert claimed().pk == known.pk
    newer.refresh_from_db()
    assert newer.state == State.QUEUED
    assert kind_named("not yet written") is None
