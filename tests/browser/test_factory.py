"""Both wizards in a browser, from seeds to what was accepted, with a model's server of our own."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from annotation.models import Comparison, Demonstration
from tests.browser.conftest import THEMES, WIDTHS, no_sideways_scroll
from tests.cast import a_workspace, mia
from tests.training.factory import world
from tests.training.factory.world import HARMFUL, HARMLESS
from tests.training.generate.a_service import Service
from tests.training.generate.asking import an_endpoint
from training.models import FactoryRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]


@pytest.fixture
def model(settings: Any) -> Iterator[Service]:
    with Service() as found:
        settings.OUTBOUND_ALLOWED_HOSTS = [found.host]
        found.next = [world.scribe]
        yield found


@pytest.mark.usefixtures("worker")
def test_seeds_become_demonstrations(
    page: Any, live_server: Any, log_in_browser: Any, keyboard: Any, axe: Any, set_theme: Any,
    screenshot: Any, model: Service,
) -> None:  # fmt: skip
    page.expected.append("422")
    workspace = a_workspace()
    world.seeds(workspace)
    an_endpoint(workspace, "small", base_url=model.base_url)
    log_in_browser(mia(workspace))
    page.goto(f"{live_server.url}/w/{workspace.slug}/factory/")
    screenshot("empty")
    page.locator("main").get_by_role("link", name="Self-instruct").first.click()
    page.get_by_label("Name", exact=True).fill("bees")
    page.get_by_label("Instructions to keep").fill("2")
    page.get_by_text("All settings").click()
    page.get_by_label("Lists between two looks at what came").fill("1")
    screenshot("new")
    axe(page)
    no_sideways_scroll(page)
    page.get_by_role("button", name="Begin").click()
    # The page sees the end by itself.
    review = page.get_by_role("link", name="Review 2")
    expect(review).to_be_visible(timeout=30_000)
    for theme in THEMES:
        for width in WIDTHS:
            set_theme(theme)
            page.set_viewport_size({"width": width, "height": 900})
            page.reload()
            screenshot(f"run-{theme}-{width}")
            axe(page, within="main")
            no_sideways_scroll(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    keyboard("v")
    page.wait_for_url("**/review/")
    screenshot("review")
    axe(page, within="main")
    keyboard("x")  # without a reason
    expect(page.get_by_text("Say why")).to_be_visible()
    keyboard("e")
    expect(page.locator("#id_text")).to_be_focused()
    page.locator("#id_text").fill("They remember the sun.")
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Review").click()
    keyboard("y")
    expect(page.get_by_text("1 waits.")).to_be_visible()
    page.get_by_label("Reason, when you reject it").fill("Wrong answer")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Nothing waits for review")).to_be_visible()
    page.get_by_role("link", name="Back to the run").click()
    expect(page.get_by_text("Wrong answer")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Report").click()
    assert download.value.suggested_filename.startswith("factory-")
    made = Demonstration.objects.get(text="They remember the sun.")
    assert made.prompt.text == world.NEW_TASKS[0]


@pytest.mark.usefixtures("worker")
def test_harmful_requests_become_refusals_and_pairs(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, screenshot: Any, model: Service
) -> None:
    page.expected.append("422")
    workspace = a_workspace()
    for source, texts in (
        ("harmful", [text for text, _kind in HARMFUL[:1]]),
        ("harmless", HARMLESS),
    ):
        for text in texts:
            world.a_prompt(workspace, text, source=source, licence="MIT")
    an_endpoint(workspace, "small", base_url=model.base_url)
    log_in_browser(mia(workspace))
    page.goto(f"{live_server.url}/w/{workspace.slug}/factory/new/safe-responses/")
    page.get_by_label("Name", exact=True).fill("safe")
    page.locator("#id_seeds").select_option(label="harmful")
    page.locator("#id_look_alikes").select_option(label="harmless")
    page.locator("#id_paraphrases").fill("0")
    axe(page)
    screenshot("new")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("link", name="Review 2")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("refuses a harmless request").first).to_be_visible()
    screenshot("run")
    axe(page, within="main")
    page.get_by_role("link", name="Review 2").click()
    while page.get_by_text("An answer that complied").count() == 0:
        page.get_by_role("link", name="Later").click()
        page.wait_for_load_state()
    screenshot("review")
    axe(page, within="main")
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("Confirm all three points")).to_be_visible()
    for point in ("refuses", "gives no detail", "offers help"):
        page.get_by_label(point).check()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("1 waits.")).to_be_visible()
    assert Comparison.objects.get().choice == "left"
    assert FactoryRun.objects.get().candidates.filter(state="accepted").count() == 1
