"""A run's page, a model's page and a vote's, with a hand on the mouse: zoom, smoothing, a log that
grows, what a deletion takes with it, an adapter merged, every model that learned from a vote."""

import math
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.conftest import no_sideways_scroll
from tests.cast import a_workspace, mia
from tests.training.registry import a_model, a_run
from tests.training.snapshots import a_snapshot
from tests.training.test_lineage_chain import the_chain
from training.lineage import lineage_of
from training.models import ModelVersion, RunMetric, TrainingRun
from webapp.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
LOOKS = (("light", 1280), ("dark", 360), ("light", 360), ("dark", 1280))


def test_a_curve_is_zoomed_and_smoothed_while_the_log_grows(
    page: Any, live_server: Any, log_in_browser: Any
) -> None:
    workspace = a_workspace()
    run = a_run(workspace, mia(workspace))
    now = timezone.now()
    Job.objects.filter(pk=run.job_id).update(
        state="running",
        worker="w1",
        attempt=1,
        started_at=now,
        heartbeat_at=now,
        lease_until=now + timedelta(hours=1),
    )
    RunMetric.objects.bulk_create(
        RunMetric(run=run, name="loss", step=step, value=2 + math.sin(step))
        for step in range(1, 200)
    )
    TrainingRun.objects.filter(pk=run.pk).update(step=199, total=400, log="loading\nstep 199\n")
    log_in_browser(mia())
    page.goto(f"{live_server.url}/w/{workspace.slug}/runs/{run.pk}/")
    page.evaluate("window.stayed = true")
    log = page.locator("pre.log")
    expect(log).to_contain_text("step 199")
    chart = page.locator("#chart-loss")
    chart.locator("canvas").first.wait_for()
    before = chart.locator("canvas").first.evaluate("c => c.toDataURL()")
    chart.locator("[data-smooth]").fill("0.9")
    assert chart.locator("canvas").first.evaluate("c => c.toDataURL()") != before
    over = chart.locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 42, steps=4)
    page.mouse.up()
    whole = chart.get_by_role("button", name="Whole range")
    expect(whole).to_be_visible()
    RunMetric.objects.create(run=run, name="loss", step=200, value=1.5)
    TrainingRun.objects.filter(pk=run.pk).update(step=200, log="loading\nstep 199\nstep 200\n")
    expect(log).to_contain_text("step 200")
    expect(page.locator("#run-state .figures")).to_contain_text("200")
    expect(whole).to_be_visible()  # what comes in does not undo it
    whole.click()
    expect(whole).to_be_hidden()
    assert page.evaluate("window.stayed")
    Job.objects.filter(pk=run.job_id).update(
        state="queued",
        lease_until=None,
        error="Worker w1 fell silent during attempt 1. It was killed.",
    )
    page.get_by_text("The last attempt failed").wait_for()
    page.get_by_text("fell silent during attempt 1").wait_for()
    Job.objects.filter(pk=run.job_id).update(state="cancelled", finished_at=timezone.now())


def test_deleting_a_model_shows_what_goes_and_what_stays(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, screenshot: Any
) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    base = a_model(workspace, by)
    run = a_run(workspace, by, base=base)
    log_in_browser(by)
    address = f"{live_server.url}/w/{workspace.slug}/models/{base.pk}/"
    page.goto(address)
    page.get_by_role("link", name="Delete").click()
    asked = page.get_by_role("dialog")
    asked.get_by_text("1 run used it and can no longer be repeated").wait_for()
    axe(page, within="dialog")
    screenshot("consequences")
    asked.get_by_role("button", name="Delete the files").click()
    page.get_by_text(f"The run {run.name} needs base v1").wait_for()
    assert ModelVersion.objects.get(pk=base.pk).ready, "the control: a run that waits needs it"
    Job.objects.filter(pk=run.job_id).update(state="cancelled", finished_at=timezone.now())
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete the files").click()
    page.get_by_text("The files of this version are deleted").wait_for()
    assert not ModelVersion.objects.get(pk=base.pk).ready


def test_a_vote_leads_to_every_model_that_learned_from_it(
    page: Any, live_server: Any, log_in_browser: Any
) -> None:
    workspace, learned, run, tuned, _judged = the_chain()
    board = lineage_of(tuned).columns[2][0].row
    Job.objects.filter(pk=run.job_id).update(state="cancelled", finished_at=timezone.now())
    log_in_browser(mia())
    page.goto(f"{live_server.url}/w/{workspace.slug}/boards/{board.pk}/votes/c{learned.pk}/")
    page.get_by_role("link", name=tuned.name).first.click()
    page.get_by_role("heading", name=tuned.name).wait_for()
    page.locator("svg.lineage").wait_for()


def test_a_reward_model_is_chosen_as_a_filter_and_an_adapter_is_merged(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, set_theme: Any, screenshot: Any
) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    a_model(workspace, by)
    adapter = a_model(workspace, by, "small", kind="adapter")
    reward = a_model(workspace, by, "taste", kind="reward")
    told = {"least": -0.5, "looked_at": 9, "dropped": 4, "unreadable": 0}
    snapshot = a_snapshot(workspace, by=by)
    snapshot.screen = {"reward": reward.as_json(), "least": -0.5, "lowest": None}
    snapshot.screened_by = reward
    snapshot.counts |= {"screen": told}
    snapshot.save()
    log_in_browser(by)
    home = f"{live_server.url}/w/{workspace.slug}"
    for theme, width in LOOKS:
        set_theme(theme)
        page.set_viewport_size({"width": width, "height": 800})
        for name, address in (
            ("adapter", f"models/{adapter.pk}/"),
            ("screened", f"snapshots/{snapshot.pk}/"),
            ("form", f"snapshots/new/?type=preference&reward={reward.pk}&least=-0.5"),
        ):
            page.goto(f"{home}/{address}")
            page.wait_for_load_state()
            axe(page, within="main")
            no_sideways_scroll(page)
            screenshot(f"{name}-{theme}-{width}")
    page.goto(f"{home}/snapshots/new/")
    page.get_by_text("What a reward model drops").click()
    page.locator("#id_reward").select_option(label="taste v1")
    page.get_by_label("Drop what is worth less than").fill("-0.5")
    page.get_by_text("before taste v1 has looked at them").wait_for()
    page.goto(f"{home}/models/{adapter.pk}/")
    page.get_by_label("Its base").select_option(label="base v1")
    page.get_by_role("button", name="Merge").click()
    page.get_by_text("small-merged v1 is being made").wait_for()
    page.get_by_text("small v1 merged into base v1").wait_for()
    Job.objects.exclude(state="done").update(state="cancelled", finished_at=timezone.now())
