"""A file comes in as a person sees it: uploaded, looked through, mapped, imported, undone."""

import json
from pathlib import Path
from typing import Any

import pytest

from annotation.models import Import, Prompt
from tests.browser.conftest import THEMES, WIDTHS, no_sideways_scroll
from tests.cast import a_workspace, mia

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = (
    "question,reply,by,stars\n"
    "Name a long river.,The Rhine.,model-a,4\n"
    '"Why is the sky blue, and is it always?",Light is scattered by the air.,model-b,5\n'
    "How are you?,Write to me at ann@example.org.,model-a,3\n"
    ",An answer to nothing.,model-b,1\n"
)


def test_a_table_is_uploaded_mapped_imported_seen_and_taken_out(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    worker: None,
    screenshot: Any,
    set_theme: Any,
    axe: Any,
    tmp_path: Path,
) -> None:
    page.expected.append("422")  # a refused form is a console message in Chromium
    file = tmp_path / "questions.csv"
    file.write_text(TABLE)
    workspace = a_workspace()
    log_in_browser(mia(workspace))
    page.goto(f"{live_server.url}/w/{workspace.slug}/imports/")
    page.get_by_text("No file yet").wait_for()
    page.get_by_role("link", name="Import the first file").click()
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_label("Licence").fill("CC0-1.0")
    screenshot("new")
    page.get_by_role("button", name="Upload and look through it").click()
    # Nobody can tell what this table means: a person says it.
    page.get_by_text("What this file holds has to be said").wait_for()
    page.get_by_label("Format").select_option("table")
    mapping = page.locator("details", has_text="Columns, roles, verdicts, languages")
    if not mapping.evaluate("each => each.open"):
        mapping.locator("summary").click()
    page.locator("#id_column_prompt").wait_for()
    page.locator("#id_column_prompt").select_option("question")
    page.locator("#id_column_demonstration").select_option("reply")
    page.locator("#id_column_generator").select_option("by")
    screenshot("mapped")
    page.get_by_role("button", name="Look through it again").click()
    page.get_by_text("What would come in").wait_for()
    page.get_by_text("3", exact=True).first.wait_for()
    page.get_by_role("cell", name="is empty", exact=True).first.wait_for()
    axe(page)
    for theme in THEMES:
        for width in WIDTHS:
            set_theme(theme)
            page.set_viewport_size({"width": width, "height": 800})
            page.reload()
            page.get_by_role("button", name="Import 3 rows").wait_for()
            no_sideways_scroll(page)
            screenshot(f"checked-{theme}-{width}")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("button", name="Import 3 rows").click()
    page.get_by_text("What came in").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Refused rows").click()
    (line,) = Path(waiting.value.path()).read_text().splitlines()
    refused = json.loads(line)
    assert (refused["line"], refused["path"]) == (5, "question")
    assert refused["original"].startswith(",An answer to nothing")
    screenshot("imported")
    page.get_by_role("link", name="See its prompts").click()
    page.get_by_text("Why is the sky blue, and is it always?").first.wait_for()
    row = Import.objects.get()
    assert set(Prompt.objects.values_list("imported_in", flat=True)) == {row.pk}
    page.goto(f"{live_server.url}/w/{workspace.slug}/imports/{row.pk}/undo/")
    page.get_by_role("button", name="Take it out").click()
    page.get_by_text("Its rows were taken out by").wait_for()
    screenshot("undone")
    assert not Prompt.objects.exists()
    page.goto(f"{live_server.url}/w/{workspace.slug}/imports/")
    page.get_by_role("link", name="questions.csv").wait_for()
    axe(page)
    screenshot("list")
