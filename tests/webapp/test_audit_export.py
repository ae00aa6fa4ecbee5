"""The audit trail as a file, made by a job."""

import csv
import hashlib
import io

import pytest
from django.test import Client

from tests.cast import a_workspace, admin, ann, log_in, mia, vic
from tests.webapp.jobs.trivial import expire, reap_now, run
from webapp import artifacts
from webapp.audit.actions.record import record
from webapp.audit.tasks import export_audit_trail
from webapp.jobs import JobCancelled, Work, cancel
from webapp.jobs.actions.claim import claim
from webapp.jobs.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path) -> None:
    settings.ARTIFACTS_URL = str(tmp_path / "artifacts")


def asked_for(client: Client, count: int = 3) -> Job:
    """mia asks for the trail of a workspace in which somebody named things after formulas."""
    workspace = a_workspace()
    for number in range(count):
        record(
            actor=ann(workspace),
            action="membership.change",
            target=f"=cmd|'/C calc'!A{number}",
            workspace=workspace,
            changes={"role": ["viewer", "manager, acting"]},
        )
    log_in(client, mia(workspace))
    address = client.post("/w/paper-cups/audit/export/").url
    return Job.objects.get(pk=int(address.split("/")[-2]))


def download(client: Client, job: Job) -> bytes:
    response = client.get(f"/w/paper-cups/jobs/{job.pk}/download/")
    assert response.status_code == 200
    assert response["Content-Disposition"] == (
        f'attachment; filename="audit-paper-cups-{job.pk}.csv"'
    )
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("sandbox")
    return b"".join(response.streaming_content)


def test_it_is_whole_and_obeyed_by_no_spreadsheet(client: Client) -> None:
    job = asked_for(client)
    done = run()
    assert (done.pk, done.state) == (job.pk, "done")
    body = download(client, done)
    artifact = done.result["artifact"]
    assert (artifact["sha256"], artifact["size"]) == (hashlib.sha256(body).hexdigest(), len(body))
    rows = list(csv.reader(io.StringIO(body.decode(), newline="")))
    assert rows[0][:4] == ["at", "actor", "action", "target"]
    assert len(rows) == done.result["rows"] + 1
    assert [row[3] for row in rows[1:4]] == [f"'=cmd|'/C calc'!A{n}" for n in range(3)]
    assert rows[1][4] == '{"role": ["viewer", "manager, acting"]}'
    assert "audit.export" in [row[2] for row in rows], "the export itself is in the trail"


def test_another_workspace_is_not_in_it(client: Client) -> None:
    record(actor=None, action="x.canary", target="elsewhere", workspace=a_workspace("Tea pots"))
    asked_for(client)
    assert b"x.canary" not in download(client, run())


def test_only_managers_ask_for_it_and_only_managers_get_it(client: Client) -> None:
    job = asked_for(client)
    run()
    log_in(client, vic(job.workspace))
    assert client.post("/w/paper-cups/audit/export/").status_code == 403
    assert client.get(f"/w/paper-cups/jobs/{job.pk}/download/").status_code == 403
    log_in(client, admin())
    assert client.post("/site/audit/export/").status_code == 302


def test_a_cancelled_export_leaves_no_file(client: Client, tmp_path) -> None:
    asked_for(client)
    job = claim(queue="default", worker="w1")
    assert job is not None
    cancel(job=job, by=mia())
    with pytest.raises(JobCancelled):
        export_audit_trail(Work(job))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_attempt_that_comes_back_does_not_touch_the_file_of_its_successor(
    client: Client,
) -> None:
    asked_for(client)
    slow = claim(queue="default", worker="slow")
    assert slow is not None
    expire(slow)
    reap_now()
    done = run()
    with artifacts.writing(
        Work(slow).artifact_path("audit.csv"), name="late", content_type="text/csv"
    ) as late:
        late.write(b"from the dead")
    assert done.attempt == 2
    assert b"from the dead" not in download(client, done)


def test_a_job_without_a_file_has_no_download(client: Client) -> None:
    job = asked_for(client)
    assert client.get(f"/w/paper-cups/jobs/{job.pk}/download/").status_code == 404
    artifacts.delete(run().result["artifact"]["path"])
    gone = client.get(f"/w/paper-cups/jobs/{job.pk}/download/")
    assert gone.status_code == 404
