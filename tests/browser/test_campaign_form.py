"""A manager opens a campaign on one page, which shows what the chosen kind needs."""

from typing import Any

import pytest
from playwright.sync_api import expect

from annotation.models import Campaign
from tests.browser.conftest import no_sideways_scroll
from tests.cast import a_workspace, mia

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_page_shows_the_settings_of_the_chosen_kind_only(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, screenshot: Any, set_theme: Any
) -> None:
    workspace = a_workspace()
    log_in_browser(mia(workspace))
    set_theme("dark")
    page.goto(f"{live_server.url}/w/{workspace.slug}/campaigns/new/")
    expect(page.get_by_label("Hidden checks, in per cent")).to_be_visible()
    expect(page.get_by_label("Pairs of a few-shot example")).to_be_hidden()
    axe(page, within="main")
    screenshot("comparison-dark")
    page.get_by_label("Few-shot examples", exact=True).check()
    expect(page.get_by_label("Hidden checks, in per cent")).to_be_hidden()
    expect(page.get_by_label("Pairs of a few-shot example")).to_be_visible()
    page.get_by_label("Conversations", exact=True).check()
    expect(page.get_by_label("Peers who review each message")).to_be_visible()
    set_theme("light")
    page.set_viewport_size({"width": 360, "height": 800})
    no_sideways_scroll(page)
    screenshot("conversation-360")
    page.get_by_label("Few-shot examples", exact=True).check()
    page.get_by_label("Name", exact=True).fill("Examples")
    page.get_by_label("How many texts").fill("4")
    page.get_by_role("button", name="Open the campaign").click()
    page.get_by_role("heading", name="Settings").wait_for()
    assert Campaign.objects.get().items.count() == 4
    axe(page, within="main")
    no_sideways_scroll(page)
    page.set_viewport_size({"width": 1280, "height": 800})
    screenshot("opened")
