"""The centre of Rondo in one browser: a snapshot, three runs watched, one stopped and gone on with,
models registered, their answers compared by a person, both on a board. The trainer is the real one
in processes of its own, on a model so small that a clone can do it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import expect

from annotation.models import Campaign, Comparison
from tests.annotation.material import a_prompt
from tests.cast import a_workspace, ann, mia
from tests.training.registry import a_model, frozen
from tests.training.tiny_model import demonstrations, preferences, write_tiny_model
from training.models import Checkpoint, ModelVersion, TrainingRun
from webapp.jobs.actions.cancel import cancel
from webapp.jobs.models import FINISHED, Job
from webapp.jobs.runner import run_next
from webapp.workspaces.models import Workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]
A_RUN = (
    240_000  # ms: importing torch takes ten seconds of an idle machine and a minute of a busy one
)


@pytest.fixture
def workers() -> Iterator[None]:
    """What `manage.py work` does on each queue, until the test is over."""
    leave = threading.Event()

    def work(queue: str) -> None:
        try:
            while not leave.is_set():
                if run_next(queue=queue, worker=f"here-{queue}") is None:
                    leave.wait(0.3)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(queue,)) for queue in ("gpu", "default")]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        leave.set()
        for job in Job.objects.exclude(state__in=FINISHED):
            cancel(job=job, by=None)
        for thread in threads:
            thread.join(120)


def press(page: Any, button: str) -> None:
    """In one piece: this part of the page is replaced every second, between press and release too
    when a machine is busy."""
    page.locator(button).evaluate("button => button.click()")


def test_from_a_snapshot_to_two_models_on_a_board(
    page: Any, live_server: Any, log_in_browser: Any, settings: Any, tmp_path: Path, workers: None
) -> None:
    settings.MODELS_WARM_SECONDS = 0  # the worker is free for the next job at once
    workspace = a_workspace()
    by = mia(workspace)
    base = a_model(workspace, by, folder=write_tiny_model(tmp_path / "base"))
    learned = frozen(workspace, by, "prompt_completion", demonstrations(24), name="Examples")
    pairs = frozen(workspace, by, "preference", preferences(24), name="Votes")
    asked = frozen(
        workspace, by, "prompt_only", [{"prompt": r["prompt"]} for r in demonstrations(8)]
    )
    for animal in ("cat", "dog", "bird"):
        a_prompt(workspace, f"tell me about the {animal} .")
        a_prompt(workspace, f"tell me about the small {animal} .")
    log_in_browser(by)
    home = f"{live_server.url}/w/{workspace.slug}"

    def launch(method: str, snapshot: int, models: dict[str, str], **values: Any) -> TrainingRun:
        page.goto(f"{home}/runs/new/?method={method}&snapshot={snapshot}")
        page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        for role, name in models.items():
            page.locator(f"select[name='{role}']").select_option(label=name)
        given = {"name": method, "training.batch_size": 4, "training.micro_batch_size": 4}
        for name, value in (given | values).items():
            page.locator(f"[name='{name}']").fill(str(value))
        page.get_by_role("button", name="Launch").click()
        page.get_by_role("heading", name=method, exact=True).wait_for()
        page.evaluate("window.stayed = true")
        return TrainingRun.objects.get(workspace=workspace, name=method)

    def watched(curve: str, *, moves: bool = False) -> None:
        """The curve appears, and gets longer, on the page as it was loaded."""
        chart = page.locator(f"#chart-{curve}")
        chart.locator("canvas").first.wait_for(timeout=A_RUN)
        if moves:
            chart.locator("summary").click()  # its figures as a table, which grows as it does
            rows = chart.locator(".chart-table tbody tr")
            expect(rows).not_to_have_count(rows.count())
        assert page.evaluate("window.stayed"), "nobody had to load it again"

    def registered() -> str:
        link = page.locator("#registered")
        link.wait_for(timeout=A_RUN)
        return str(link.inner_text().strip())

    run = launch("sft", learned.pk, {"base": str(base)}, **{"training.max_steps": 100_000})
    watched("loss", moves=True)
    press(page, "#stop")
    expect(page.locator("#resume")).to_be_visible(timeout=A_RUN)
    kept = Checkpoint.objects.filter(run=run).latest("step")
    run.refresh_from_db()
    run.config["training"]["max_steps"] = kept.step + 3  # the rest of so many would take an hour
    run.save(update_fields=["config"])
    expect(page.locator("#resume")).to_contain_text(f"Go on from step {kept.step}")
    press(page, "#resume")
    tuned = registered()

    launch("reward", pairs.pk, {"base": tuned}, **{"training.max_steps": 4})
    watched("loss")
    scorer = registered()

    launch(
        "ppo", asked.pk, {"base": tuned, "reward": scorer},
        **{"settings.updates": 3, "settings.max_new_tokens": 8, "settings.minibatches": 1},
    )  # fmt: skip
    watched("objective-scores")
    polished = registered()
    page.get_by_role("link", name="Rollouts").click()
    page.get_by_text("Sum of token rewards").first.wait_for()

    for name in (tuned, polished):
        model = ModelVersion.objects.get(workspace=workspace, name=name.partition(" ")[0])
        page.goto(f"{home}/models/{model.pk}/")
        page.get_by_role("button", name="Ask it").click()
        page.get_by_role("heading", name="Playground").wait_for()
    page.goto(f"{home}/samplings/new/")
    page.get_by_label("Name", exact=True).fill("Both answer")
    for name in (tuned, polished):
        page.get_by_label(name).check()
    page.locator("[name='max_tokens']").fill("12")
    page.get_by_role("button", name="Queue the job").click()
    page.get_by_text("6 of 6").nth(1).wait_for(timeout=A_RUN)
    page.get_by_role("status").get_by_text("Done").first.wait_for(timeout=A_RUN)
    people_compare(page, home, log_in_browser, workspace)
    seen_on_a_board(page, home, log_in_browser, workspace, (tuned, polished))


def people_compare(page: Any, home: str, log_in_browser: Any, workspace: Workspace) -> None:
    """The manager opens a campaign over what both models said; Ann judges two of its pairs."""
    page.goto(f"{home}/campaigns/new/")
    page.get_by_label("Name", exact=True).fill("Old against new")
    page.get_by_label("Comparisons", exact=True).check()
    page.get_by_role("button", name="Open the campaign").click()
    page.get_by_role("heading", name="Old against new").wait_for()
    campaign = Campaign.objects.get(name="Old against new")
    log_in_browser(ann(workspace))
    page.goto(f"{home}/work/{campaign.pk}/")
    page.get_by_role("button", name="Start").click()
    for number in (1, 2):
        page.get_by_role("button", name="Submit").wait_for()
        page.wait_for_selector("[data-choice] input:enabled", state="attached")
        page.keyboard.press("a")
        page.keyboard.press("Control+Enter")
        page.get_by_text(f"{number} answered today").wait_for()
    assert Comparison.objects.filter(assignment__campaign=campaign).count() == 2


def seen_on_a_board(
    page: Any, home: str, log_in_browser: Any, workspace: Workspace, models: tuple[str, str]
) -> None:
    """Both models are on the board, and the board is in the lineage of the last one."""
    log_in_browser(mia(workspace))
    page.goto(f"{home}/boards/new/")
    page.get_by_label("Name", exact=True).fill("Everything")
    page.get_by_role("button", name="Make the board").click()
    page.get_by_role("heading", name="Everything").wait_for()
    for name in models:
        page.locator("main").get_by_text(name).first.wait_for()
    version = ModelVersion.objects.get(
        workspace=workspace, name=models[1].partition(" ")[0], state="ready"
    )
    page.goto(f"{home}/models/{version.pk}/")
    page.locator("svg.lineage").get_by_text("Everything").first.wait_for()
