"""A labelled data set becomes instructions, as a curator does it: try, look, correct, import."""

import json
from pathlib import Path
from typing import Any

import pytest

from annotation.models import Demonstration
from tests.browser.conftest import THEMES, WIDTHS, no_sideways_scroll
from tests.cast import a_workspace, mia

pytestmark = pytest.mark.django_db(transaction=True)
FILMS = [
    {"review": "A warm film that never raises its voice.", "polarity": 1},
    {"review": "Two hours that I would like to have back.", "polarity": 0},
    {"review": "The second half forgives the first.", "polarity": 1},
]


@pytest.mark.usefixtures("worker")
def test_reviews_become_instructions(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    screenshot: Any,
    set_theme: Any,
    axe: Any,
    tmp_path: Path,
) -> None:
    page.expected.append("422")
    file = tmp_path / "films.jsonl"
    file.write_text("".join(json.dumps(film) + "\n" for film in FILMS))
    workspace = a_workspace()
    log_in_browser(mia(workspace))
    page.goto(f"{live_server.url}/w/{workspace.slug}/imports/")
    page.get_by_role("link", name="Convert a data set").click()
    screenshot("new")
    axe(page)
    page.get_by_label("What it holds").select_option("sentiment")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Upload and choose templates").click()
    # Its columns and labels are recognised; what the labels mean is not.
    page.get_by_label("Words of the labels").wait_for()
    assert page.get_by_label("Words of the labels").input_value() == "0 = \n1 = "
    page.get_by_role("button", name="Look through the whole file").click()
    page.get_by_text("Nothing was started.").wait_for()
    page.get_by_label("Words of the labels").fill("0 = negative\n1 = positive")
    # The first rows follow what is typed.
    page.locator("#preview").get_by_text("positive", exact=True).first.wait_for()
    page.locator("#id_template_0_input").fill("{text}\n\nWould its writer see it again?")
    page.locator("#preview").get_by_text("Would its writer see it again?").first.wait_for()
    page.get_by_label("every template").check()
    axe(page)
    page.get_by_role("button", name="Look through the whole file").click()
    page.get_by_text("What would come in").wait_for()
    page.get_by_role("link", name="Columns, labels, templates").click()
    page.get_by_label("Words of the labels").wait_for()
    for theme in THEMES:
        for width in WIDTHS:
            set_theme(theme)
            page.set_viewport_size({"width": width, "height": 900})
            page.reload()
            no_sideways_scroll(page)
            screenshot(f"recipe-{theme}-{width}")
    page.goto(page.url.replace("/convert/", "/"))
    page.get_by_role("button", name="Import 3 rows").click()
    page.get_by_text("What came in").wait_for()
    texts = Demonstration.objects.values_list("prompt__text", "text")
    asked = {"A warm film that never raises its voice.\n\nWould its writer see it again?"}
    assert asked <= {text for text, _answer in texts}
    assert len(texts) == 9
