"""A demonstration with its reasoning, as an annotator writes it and a manager reads it."""

from typing import Any

import pytest
from playwright.sync_api import expect

from annotation.models import Demonstration
from annotation.models.campaigns import Kind
from tests.annotation.material import a_prompt
from tests.browser.conftest import THEMES, WIDTHS, no_sideways_scroll
from tests.cast import a_workspace, ann, mia

pytestmark = pytest.mark.django_db(transaction=True)
WAY = "23 - 20 leaves 3 apples.\n3 + 6 makes 9."


def test_reasoning_is_asked_for_written_and_read(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    screenshot: Any,
    set_theme: Any,
    keyboard: Any,
    axe: Any,
) -> None:
    page.expected.append("422")
    workspace = a_workspace()
    prompt = a_prompt(workspace, "The cafeteria had 23 apples, used 20 and bought 6. How many now?")
    log_in_browser(mia(workspace))
    page.goto(f"{live_server.url}/w/{workspace.slug}/campaigns/new/")
    page.get_by_label("Name", exact=True).fill("Apples")
    asked = page.get_by_label("Demonstrations come with their reasoning")
    expect(asked).to_be_hidden()  # of another kind of work
    page.locator(f"input[name=kind][value={Kind.DEMONSTRATION}]").check()
    asked.check()
    screenshot("campaign")
    axe(page)
    page.locator("main form button.primary").first.click()
    expect(page.get_by_text("their reasoning, in a field of its own")).to_be_visible()
    campaign = workspace.campaigns.get()

    log_in_browser(ann(workspace))
    work = f"{live_server.url}/w/{workspace.slug}/work/{campaign.pk}/"
    page.goto(work)
    page.locator("main form[action$='next/'] button").first.click()
    way, answer = page.locator("#rationale"), page.locator("#text")
    expect(way).to_be_visible()
    keyboard("w")
    expect(way).to_be_focused()
    answer.fill("9")
    page.locator("[data-submit]").click()
    expect(page.get_by_text("The reasoning is empty.")).to_be_visible()
    way.fill(WAY)
    expect(page.get_by_text("Draft saved")).to_be_visible()
    for theme in THEMES:
        for width in WIDTHS:
            set_theme(theme)
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(work)
            expect(way).to_have_value(WAY)
            no_sideways_scroll(page)
            axe(page)
            screenshot(f"work-{theme}-{width}")
    page.locator("[data-submit]").click()
    expect(page.locator("#rationale")).to_have_count(0)
    assert Demonstration.objects.get().metadata == {"rationale": WAY}

    log_in_browser(mia())
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{live_server.url}/w/{workspace.slug}/prompts/{prompt.pk}/")
    expect(page.get_by_role("heading", name="Reasoning")).to_be_visible()
    expect(page.get_by_text("3 + 6 makes 9.").first).to_be_visible()
    screenshot("prompt")
    axe(page)
