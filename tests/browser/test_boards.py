"""A board as a manager reads it: every part, both themes, wide and narrow, its way to a vote."""

from typing import Any

import pytest

from annotation.boards.actions.freeze_board import freeze_board
from annotation.boards.actions.refresh_board import refresh_board
from annotation.boards.page import SECTIONS
from tests.annotation.boards.material import a_board, votes_among
from tests.browser.conftest import no_sideways_scroll
from tests.cast import a_workspace, mia

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_part_of_a_board_is_readable(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, set_theme: Any, screenshot: Any
) -> None:
    workspace = a_workspace()
    votes_among(workspace, votes=260)
    votes_among(workspace, votes=80, source="judge", names=["gpt-4"], seed=8, topic=7)
    board = a_board(workspace, mia(workspace), reference="ant", stopping="e_value")
    before = freeze_board(board=board, by=mia(), name="Round 1, before")
    votes_among(workspace, votes=60, seed=9, topic=7)
    after = freeze_board(board=board, by=mia(), name="Round 1, after")
    refresh_board(board=board)  # pages only read from here on
    log_in_browser(mia())
    base = f"{live_server.url}/w/{workspace.slug}/boards/"
    pages = [("list", base), ("votes", f"{base}{board.pk}/votes/"), ("new", f"{base}new/")]
    pages += [(name, f"{base}{board.pk}/figures/{name}/") for name in SECTIONS]
    pages.append(("compare", f"{base}compare/?first={before.pk}&second={after.pk}"))
    # Every part wide and dark; narrow and light those that have a form, a chart or a wide table.
    narrow = ("ratings", "matrix", "history", "planner", "votes", "compare")
    for theme, width in (("dark", 1280), ("light", 360)):
        set_theme(theme)
        page.set_viewport_size({"width": width, "height": 900})
        for name, address in pages:
            if width == 360 and name not in narrow:
                continue
            page.goto(address)
            if name == "history":
                page.locator("#elo canvas").wait_for()
            axe(page, within="main")
            no_sideways_scroll(page)
            screenshot(f"{name}-{theme}-{width}")


def test_a_figure_leads_to_its_votes_and_a_picture_comes_as_a_file(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, screenshot: Any
) -> None:
    workspace = a_workspace()
    votes_among(workspace, votes=200)
    board = a_board(workspace, mia(workspace))
    refresh_board(board=board)
    log_in_browser(mia())
    page.goto(f"{live_server.url}/w/{workspace.slug}/boards/{board.pk}/")
    page.get_by_role("link", name="Win rates", exact=True).click()
    page.get_by_role("link", name="Ties left out").click()
    page.locator("td.up-1 a, td.up-2 a, td.up-3 a, td.up-4 a, td.up-5 a").first.click()
    page.get_by_text("judgements behind the figures").wait_for()
    page.locator("tbody th a").first.click()
    page.get_by_role("heading", name="Prompt", exact=True).wait_for()
    axe(page, within="main")
    screenshot("vote")
    page.goto(f"{live_server.url}/w/{workspace.slug}/boards/{board.pk}/")
    page.get_by_text("Download", exact=True).click()
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("button", name="Ratings, PNG").click()
    path = waiting.value.path()
    assert path.read_bytes().startswith(b"\x89PNG")
    assert waiting.value.suggested_filename == "ratings.png"
