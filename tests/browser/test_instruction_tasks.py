"""The task editor, as a curator uses it: bring a task, switch parts, see it, make prompts of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from annotation.models import Demonstration
from tests.annotation.test_instruction_tasks import V1
from tests.browser.conftest import THEMES, WIDTHS, no_sideways_scroll
from tests.cast import a_workspace, mia

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("worker")
def test_a_task_is_edited_with_its_rendering_beside_it_and_made_into_prompts(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    screenshot: Any,
    set_theme: Any,
    axe: Any,
    tmp_path: Path,
) -> None:
    file = tmp_path / "task001.json"
    file.write_text(json.dumps(V1))
    workspace = a_workspace()
    log_in_browser(mia(workspace))
    page.goto(f"{live_server.url}/w/{workspace.slug}/imports/")
    page.get_by_role("link", name="Tasks").click()
    screenshot("list")
    axe(page)
    page.get_by_label("Name").fill("where")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Open it in the editor").click()
    preview = page.locator("#preview")
    preview.get_by_text("Definition: Say where the thing is.").wait_for()
    # A part that is switched on appears; what is typed, too.
    page.get_by_label("Emphasis & Caution").first.check()
    preview.get_by_text("Emphasis & Caution: One word is enough.").wait_for()
    # One that is switched off goes again, and so does what explains the examples.
    assert "Positive Example 1" in preview.inner_text()
    assert "Explanation: It says so." in preview.inner_text()
    page.get_by_label("Explanations and suggestions of examples").uncheck()
    expect(preview).not_to_contain_text("Explanation: It says so.")
    page.get_by_label("Positive examples").first.uncheck()
    expect(preview).not_to_contain_text("Positive Example 1")
    page.get_by_label("Negative examples").first.check()
    expect(preview).to_contain_text("Negative Example 1")
    page.locator("#id_definition").fill("Name the place of the thing.")
    preview.get_by_text("Definition: Name the place of the thing.").wait_for()
    axe(page)
    for theme in THEMES:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            set_theme(theme)
            page.reload()
            no_sideways_scroll(page)
            screenshot(f"{theme}-{width}")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Save and make prompts with answers").click()
    page.get_by_text("What would come in").wait_for()
    page.get_by_role("button", name="Import", exact=False).first.click()
    page.get_by_text("Came in").or_(page.get_by_text("Imported")).first.wait_for()
    assert Demonstration.objects.filter(text__in=["cupboard", "shelf"]).count() == 2
