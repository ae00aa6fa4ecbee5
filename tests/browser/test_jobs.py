"""A job as a person follows it: it begins, moves and ends on the page, without a reload."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from tests.browser.conftest import THEMES, WIDTHS, no_sideways_scroll
from tests.cast import a_workspace, admin, mia
from webapp.jobs import Work, enqueue, job_kind
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next

pytestmark = pytest.mark.django_db(transaction=True)
STEPS = 4
go = threading.Semaphore(0)  # the test lets the work take one step at a time


@job_kind("stepwise", label="Counting cups")
def stepwise(work: Work) -> dict[str, Any]:
    for number in range(STEPS):
        work.progress(number, STEPS, "Counting the cups")
        while not go.acquire(timeout=0.3):  # a job that waits still says where it is
            work.progress(number, STEPS, "Counting the cups")
    return {"cups": STEPS}


@pytest.fixture
def worker() -> Iterator[None]:
    """A worker beside the server, in a thread with a connection of its own."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                if run_next(queue="default", worker="here") is None:
                    stop.wait(0.2)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    go.release(2 * STEPS)
    thread.join(60)
    assert not thread.is_alive()
    while go.acquire(blocking=False):
        pass


def test_progress_moves_and_the_result_appears_without_a_reload(
    page: Any, live_server: Any, log_in_browser: Any, worker: None, screenshot: Any
) -> None:
    workspace = a_workspace()
    job = enqueue(kind="stepwise", owner=mia(workspace), workspace=workspace, arguments={})
    log_in_browser(mia())
    page.goto(f"{live_server.url}/w/{workspace.slug}/jobs/{job.pk}/")
    page.evaluate("window.stayed = true")
    page.get_by_text("Counting the cups").wait_for()
    for step in range(1, STEPS):
        go.release()
        page.get_by_text(f"{step} of {STEPS}", exact=True).wait_for()
        if step == 2:
            screenshot("running")
    go.release()
    page.get_by_text("Done", exact=True).wait_for()
    page.get_by_text("Cups", exact=True).wait_for()
    screenshot("done")
    assert page.evaluate("window.stayed") is True


def test_a_site_admin_runs_the_doctor_and_cancels_what_nobody_takes(
    page: Any, live_server: Any, log_in_browser: Any
) -> None:
    log_in_browser(admin())
    page.goto(f"{live_server.url}/site/jobs/")
    page.get_by_role("button", name="Run the doctor").click()
    page.get_by_role("button", name="Cancel the job").click()
    page.get_by_text("Cancelled", exact=True).first.wait_for()
    assert Job.objects.get().state == "cancelled"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
def test_each_page_of_jobs_is_readable(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, set_theme: Any, screenshot: Any,
    width: int, theme: str,
) -> None:  # fmt: skip
    workspace = a_workspace()
    owner = mia(workspace)
    waiting = enqueue(kind="stepwise", owner=owner, workspace=workspace, arguments={})
    failed = enqueue(kind="doctor", owner=owner, workspace=workspace, arguments={})
    Job.objects.filter(pk=failed.pk).update(
        state="failed", finished_at=failed.created_at, error="The disk is full. Make room."
    )
    log_in_browser(admin())
    set_theme(theme)
    page.set_viewport_size({"width": width, "height": 800})
    base = f"/w/{workspace.slug}/jobs/"
    for name, address in [
        ("list", base),
        ("waiting", f"{base}{waiting.pk}/"),
        ("failed", f"{base}{failed.pk}/"),
        ("workers", "/site/workers/"),
        ("site", "/site/jobs/"),
    ]:
        page.goto(live_server.url + address)
        axe(page, within="main")
        no_sideways_scroll(page)
        screenshot(f"{name}-{theme}-{width}")
