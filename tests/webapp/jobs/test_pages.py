"""What a person sees of jobs, and what a program gets."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client

from tests.cast import a_workspace, admin, ann, eve, log_in, mia, vic
from tests.webapp.jobs.trivial import a_job, claimed, due_now, run
from webapp.jobs.actions.register_worker import register_worker
from webapp.jobs.models import Job, Worker
from webapp.jobs.worker import Identity

pytestmark = pytest.mark.django_db
HX = {"HX-Request": "true"}


def a_worker(queue: str = "default", **changes: object) -> Worker:
    name = f"{queue}@here:7"
    register_worker(Identity(name=name, queue=queue, host="here", pid=7, slots=2, gpu=""))
    Worker.objects.filter(name=name).update(**changes)
    return Worker.objects.get(name=name)


def page_of(job: Job) -> str:
    return f"/w/{job.workspace.slug}/jobs/{job.pk}/"


def text(client: Client, address: str, **headers: str) -> str:
    response = client.get(address, headers=headers)
    assert response.status_code in (200, 286)
    return " ".join(response.content.decode().split())


def test_the_list_shows_the_jobs_of_the_workspace_and_no_others(client: Client) -> None:
    job, theirs = a_job(), a_job()
    Job.objects.filter(pk=theirs.pk).update(workspace=a_workspace("Tea pots"))
    log_in(client, mia())
    shown = text(client, "/w/paper-cups/jobs/")
    assert f'id="job-{job.pk}"' in shown
    assert f'id="job-{theirs.pk}"' not in shown
    assert "Counting" in shown


def test_a_workspace_without_jobs_says_when_there_will_be_some(client: Client) -> None:
    log_in(client, vic(a_workspace()))
    assert "A job appears here when" in text(client, "/w/paper-cups/jobs/")


def test_the_list_is_narrowed_by_state_and_kind(client: Client) -> None:
    waiting, done = a_job("break"), a_job()
    Job.objects.filter(pk=done.pk).update(state="done", finished_at=Now())
    log_in(client, mia())

    def ids(query: str) -> list[int]:
        return [job.pk for job in client.get(f"/w/paper-cups/jobs/?{query}").context["shown"]]

    assert ids("state=active") == [waiting.pk]
    assert ids("state=done&kind=count") == [done.pk]
    assert ids("kind=break&state=done") == []
    assert ids("kind=no-such-kind") == [], "an unknown value is refused, not passed on"
    assert ids("state=&kind=") == [done.pk, waiting.pk]


def test_polling_stops_when_all_that_is_shown_is_finished(client: Client) -> None:
    job = a_job()
    log_in(client, mia())
    assert client.get("/w/paper-cups/jobs/", headers=HX).status_code == 200
    assert client.get(page_of(job), headers=HX).status_code == 200
    run()
    for address in ("/w/paper-cups/jobs/", page_of(job)):
        fragment = client.get(address, headers=HX)
        assert fragment.status_code == 286
        assert b"<html" not in fragment.content
        assert client.get(address).status_code == 200, "the page itself is a plain 200"


def test_a_waiting_job_says_what_it_waits_for(client: Client) -> None:
    first, second = a_job(), a_job()
    log_in(client, mia())
    assert "no worker on queue default for 0 s" in text(client, page_of(first))
    worker = a_worker(seen_at=Now() - timedelta(seconds=40))
    assert "no worker on queue default for 40 s" in text(client, page_of(first))
    register_worker(Identity(worker.name, "default", "here", 7, 2, ""))
    assert "Next on queue default, when a worker is free." in text(client, page_of(first))
    assert "1 job ahead" in text(client, page_of(second))
    Job.objects.filter(pk=first.pk).update(not_before=Now() + timedelta(seconds=90))
    assert "It is tried again in 9" in text(client, page_of(first))
    Job.objects.filter(pk=first.pk).update(kind="not yet written")
    assert "does not know the kind" in text(client, page_of(first))


def test_a_running_job_shows_progress_and_a_silent_one_its_silence(client: Client) -> None:
    job = a_job()
    claimed()
    Job.objects.filter(pk=job.pk).update(done=30, total=120, message="Reading rows")
    log_in(client, vic(job.workspace))
    shown = text(client, page_of(job))
    assert "Reading rows" in shown
    assert "25 %" in shown
    assert "30 of 120" in shown
    assert "Cancel the job" not in shown, "a viewer changes nothing"
    Job.objects.filter(pk=job.pk).update(heartbeat_at=Now() - timedelta(seconds=20))
    assert "no reconciler takes it back" in text(client, page_of(job))
    a_worker(Worker.RECONCILER)
    assert "No sign of life for 20 s. After 45 s it is taken" in text(client, page_of(job))


def test_a_manager_cancels_and_starts_again_with_plain_forms(client: Client) -> None:
    job = a_job()
    log_in(client, mia())
    assert "Cancel the job" in text(client, page_of(job))
    assert client.post(page_of(job) + "cancel/").url == page_of(job)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert "Start again" in text(client, page_of(job))
    client.post(page_of(job) + "retry/")
    job.refresh_from_db()
    assert job.state == "queued"
    refused = client.post(page_of(job) + "retry/", follow=True)
    assert "only a failed or cancelled job" in refused.content.decode()


def test_a_failed_job_says_why_and_what_to_do_and_the_operator_more(client: Client) -> None:
    job = a_job("break")
    run()
    due_now(job)
    run()
    log_in(client, mia())
    shown = text(client, page_of(job))
    assert "KeyError" in shown
    assert "Remove the cause, then start it again." in shown
    assert job.request_id in shown
    assert "break_down" not in shown, "the traceback is for the operator"
    log_in(client, admin())
    assert "break_down" in text(client, f"/site/jobs/{job.pk}/")


@pytest.mark.parametrize("address", ["/w/paper-cups/jobs/", "/w/paper-cups/jobs/{}/"])
def test_annotators_and_strangers_see_no_jobs(client: Client, address: str) -> None:
    job = a_job()
    log_in(client, ann(job.workspace))
    assert client.get(address.format(job.pk)).status_code == 403
    log_in(client, eve(a_workspace("Tea pots")))
    assert client.get(address.format(job.pk)).status_code == 404


def test_the_workers_page_names_who_is_there_and_who_is_missing(client: Client) -> None:
    job = a_job()
    worker = a_worker()
    claimed(worker.name)
    log_in(client, admin())
    shown = text(client, "/site/workers/")
    assert f"count {job.pk}" in shown
    assert "No worker on queue gpu" in shown
    assert "No worker on queue default" not in shown
    assert "No reconciler is running" in shown
    Worker.objects.update(seen_at=Now() - timedelta(seconds=50))
    assert "for 50 s" in text(client, "/site/workers/")


def test_a_site_admin_starts_the_doctor_and_reads_what_it_found(client: Client) -> None:
    log_in(client, admin())
    started = client.post("/site/jobs/start/", {"kind": "doctor"})
    a_job()
    Job.objects.filter(kind="count").update(kind="not yet written")
    job = run()
    assert started.url == f"/site/jobs/{job.pk}/"
    assert (job.state, job.done, job.total) == ("done", job.result["examined"], job.total)
    shown = text(client, started.url)
    assert "this version of Rondo knows no such kind" in shown
    refused = client.post("/site/jobs/start/", {"kind": "audit export"}, follow=True)
    assert "Allowed: doctor, gpu probe." in refused.content.decode()


def test_programs_read_cancel_and_start_again(client: Client) -> None:
    job = a_job()
    log_in(client, mia())
    base = "/api/v1/workspaces/paper-cups/jobs/"
    (row,) = client.get(base, {"state": "queued"}).json()["results"]
    assert (row["id"], row["kind"], row["owner"]) == (job.pk, "count", mia().email)
    assert "no worker on queue default" in client.get(f"{base}{job.pk}/").json()["waits_because"]
    assert client.post(f"{base}{job.pk}/cancel/").json()["state"] == "cancelled"
    again = client.post(f"{base}{job.pk}/cancel/")
    assert (again.status_code, "is cancelled already" in again.json()["detail"]) == (400, True)
    assert client.post(f"{base}{job.pk}/retry/").json()["state"] == "queued"
    assert client.get(base, {"state": "lost"}).status_code == 400
    assert client.get("/api/v1/jobs/").status_code == 403
    log_in(client, admin())
    assert len(client.get("/api/v1/jobs/").json()["results"]) == 1
