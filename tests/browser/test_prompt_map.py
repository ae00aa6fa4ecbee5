"""A map of two data sets, as a manager uses it: drawn, pointed at, lassoed, tagged."""

import re
from pathlib import Path
from typing import Any

import pytest

from annotation.models import Prompt
from tests.annotation.material import a_prompt
from tests.browser.conftest import THEMES, WIDTHS, no_sideways_scroll
from tests.cast import a_workspace, mia
from tests.training.embedders import ANIMALS, MONEY, static_files, texts_of
from tests.training.registry import a_model
from training.models import MapPoint

pytestmark = pytest.mark.django_db(transaction=True)
EACH = 40


def two_data_sets(tmp_path: Path) -> Any:
    workspace = a_workspace()
    for words, source in ((ANIMALS, "zoo"), (MONEY, "bank")):
        for text in texts_of(words, EACH):
            a_prompt(workspace, text, source=source)
    for name, data in static_files().items():
        (tmp_path / name).write_bytes(data)
    version = a_model(workspace, mia(workspace), "words", kind="embedder", folder=tmp_path)
    version.facts = {"static": True}
    version.save()
    return workspace


def places(page: Any) -> dict[str, list[tuple[float, float]]]:
    """Where the points of each source are on the page, as the whole map lies there."""
    box = page.locator("#map-canvas").bounding_box()
    points = list(MapPoint.objects.order_by("number").values_list("x", "y", "counts"))
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    scale = 0.92 * min(box["width"] / wide, box["height"] / high)
    left = box["x"] + box["width"] / 2 - scale * (min(xs) + max(xs)) / 2
    top = box["y"] + box["height"] / 2 - scale * (min(ys) + max(ys)) / 2
    found: dict[str, list[tuple[float, float]]] = {"zoo": [], "bank": []}
    for x, y, counts in points:
        found["zoo" if counts[0] else "bank"].append((left + scale * x, top + scale * y))
    return found


@pytest.mark.usefixtures("worker")
def test_a_map_is_drawn_pointed_at_lassoed_and_tagged(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    screenshot: Any,
    set_theme: Any,
    axe: Any,
    tmp_path: Path,
) -> None:
    workspace = two_data_sets(tmp_path)
    log_in_browser(mia(workspace))
    page.goto(f"{live_server.url}/w/{workspace.slug}/prompts/")
    page.get_by_role("link", name="Maps").click()
    page.get_by_role("link", name="Draw a map").click()
    page.get_by_label("Data set 1").select_option("source:zoo")
    page.get_by_label("Data set 2").select_option("source:bank")
    page.get_by_label("Perplexity").fill("10")
    screenshot("new")
    axe(page)
    page.get_by_role("button", name="Draw the map").click()
    page.locator("#map[data-ready]").wait_for(timeout=60_000)
    page.get_by_text("Trustworthiness").wait_for()
    axe(page)

    # Pointing at it tells what it says.
    x, y = places(page)["zoo"][0]
    page.mouse.move(x, y)
    page.locator("#map-hover").filter(has_text=re.compile("cat|dog|cow")).wait_for()

    # A circle around the animals: all of them, and none of the others.
    zoo = places(page)["zoo"]
    left, right = min(x for x, _y in zoo) - 6, max(x for x, _y in zoo) + 6
    top, bottom = min(y for _x, y in zoo) - 6, max(y for _x, y in zoo) + 6
    page.get_by_role("button", name="Lasso").click()
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 1)):
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
    selected = page.locator("#map-selection")
    selected.get_by_text(f"Source zoo: {EACH}").wait_for()
    screenshot("lassoed")
    page.get_by_label("Tag", exact=True).fill("animals")
    page.get_by_role("button", name="Tag them").click()
    selected.get_by_role("link", name="Campaign with these").wait_for()
    assert Prompt.objects.filter(tags=["animals"], source="zoo").count() == EACH
    axe(page)
    selected.get_by_role("link", name="Snapshot of these").click()
    assert page.locator("#id_tag").input_value() == "animals"
    page.go_back()

    # The same by the keyboard: what is in view is selected, and can be let go.
    page.locator("#map[data-ready]").wait_for()
    page.locator("#map-canvas").focus()
    page.keyboard.press("s")
    page.get_by_role("heading", name=f"{2 * EACH} texts are selected").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Nothing is selected.").wait_for()
    for _ in range(12):
        page.keyboard.press("+")
    page.keyboard.press("s")
    page.get_by_text("Nothing is selected.").or_(
        page.get_by_text("selected").first
    ).first.wait_for()
    page.keyboard.press("0")
    for theme in THEMES:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            set_theme(theme)
            page.reload()
            page.locator("#map[data-ready]").wait_for()
            no_sideways_scroll(page)
            screenshot(f"map-{theme}-{width}")
