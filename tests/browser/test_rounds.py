"""The pages of rounds, looked at, and a round moved on by its buttons."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import no_sideways_scroll
from tests.cast import a_workspace, mia
from tests.training.rounds import world
from tests.training.rounds.world import a_round, answered, carried_out, drive
from training.rounds.actions.steer import take_step
from training.rounds.queries import step_at

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360)])
def test_each_page_of_rounds_is_readable(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, set_theme: Any, screenshot: Any,
    theme: str, width: int,
) -> None:  # fmt: skip
    workspace = a_workspace()
    first = carried_out(a_round(workspace, mia(workspace)))
    second = drive(take_step(found=first, by=mia()))
    answered(second.batch)
    second = drive(second)
    world.vote(second.campaign, most=2)
    failing = drive(a_round(workspace, mia(), name="harmless"))
    assert failing.batch is not None
    world.ended(failing.batch.job, "failed", error="The worker's disk is full.")
    failing = drive(failing)
    by_hand = a_round(workspace, mia(), name="brief", automatic=())
    log_in_browser(mia())
    set_theme(theme)
    page.set_viewport_size({"width": width, "height": 800})
    for name, address in [
        ("list", "rounds/"),
        ("new", "rounds/new/"),
        ("done", f"rounds/{first.pk}/"),
        ("people", f"rounds/{second.pk}/"),
        ("failed", f"rounds/{failing.pk}/"),
        ("by-hand", f"rounds/{by_hand.pk}/"),
    ]:
        page.goto(f"{live_server.url}/w/{workspace.slug}/{address}")
        page.wait_for_load_state()
        axe(page, within="main")
        no_sideways_scroll(page)
        screenshot(f"{name}-{theme}-{width}")


def test_a_round_is_moved_on_by_its_buttons(
    page: Any, live_server: Any, log_in_browser: Any
) -> None:
    workspace = a_workspace()
    found = drive(a_round(workspace, mia(workspace)))
    answered(found.batch)
    found = drive(found)
    world.vote(found.campaign, most=2)
    log_in_browser(mia())
    page.goto(f"{live_server.url}/w/{workspace.slug}/rounds/{found.pk}/")
    state = page.locator("#round-state")
    expect(state).to_contain_text("2 of 4 comparisons")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Let it go on")).to_be_visible()
    page.get_by_role("button", name="Let it go on").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="Go on with what is there").click()
    expect(page.get_by_role("button", name="Go on with what is there")).to_be_hidden()
    found = drive(found)  # what the worker does
    here = step_at(found)
    assert here is not None
    assert here.step == "train"
    expect(state).to_contain_text("helpful-1-1-dpo")  # the page saw it without a reload
    expect(page.locator("#step-train")).to_have_attribute("aria-current", "step")
