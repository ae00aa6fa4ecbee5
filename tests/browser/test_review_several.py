"""Several items are accepted on one page: by keys alone, on a phone, and in both themes."""

from typing import Any

import pytest

from annotation.models import Decision
from tests.annotation.test_reviews import a_reviewed_campaign_of
from tests.browser.conftest import THEMES, WIDTHS, no_sideways_scroll
from tests.cast import mia

pytestmark = pytest.mark.django_db(transaction=True)


def test_keys_tick_walk_and_accept_and_what_is_left_waits(
    page: Any, live_server: Any, log_in_browser: Any, keyboard: Any, axe: Any, screenshot: Any,
    set_theme: Any,
) -> None:  # fmt: skip
    campaign = a_reviewed_campaign_of(5)
    items = list(campaign.items.order_by("pk"))
    log_in_browser(mia())
    page.goto(f"{live_server.url}/w/{campaign.workspace.slug}/campaigns/{campaign.pk}/review/")
    keyboard("m")
    page.get_by_role("heading", name="Review several").wait_for()
    for theme in THEMES:
        set_theme(theme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            page.reload()
            page.locator("[data-card]").first.wait_for()
            axe(page)
            no_sideways_scroll(page)
            screenshot(f"{theme}-{width}")
    keyboard("a j a")  # the first, not the second, the third
    page.get_by_text("2 ticked").wait_for()
    assert not Decision.objects.exists()
    keyboard("Control+Enter")
    page.get_by_text("2 items accepted.").wait_for()
    accepted = Decision.objects.order_by("item").values_list("item", flat=True)
    assert list(accepted) == [items[0].pk, items[2].pk]
    assert page.locator("[data-card]").count() == 3
    keyboard("e Control+Enter")
    page.get_by_text("3 items accepted.").wait_for()
    page.get_by_text("Nothing waits for you").wait_for()
