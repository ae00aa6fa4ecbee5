"""The review in a browser: keys only, on a wide screen and on a phone, light and dark."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from annotation.actions.review import send_back
from annotation.models import Comparison, Decision, SentBack
from annotation.models.campaigns import Kind
from annotation.queries import current
from tests.annotation.test_reviews import a_review, answer_of, disputed, last_of, rank
from tests.browser.conftest import no_sideways_scroll
from tests.cast import mia, person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360)])
def test_a_reviewer_decides_and_an_author_answers_with_keys_alone(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    axe: Any,
    keyboard: Any,
    screenshot: Any,
    set_theme: Any,
    theme: str,
    width: int,
) -> None:
    campaign, item = disputed()
    log_in_browser(mia())
    set_theme(theme)
    page.set_viewport_size({"width": width, "height": 800})
    base = f"{live_server.url}/w/{campaign.workspace.slug}"
    queue = f"{base}/campaigns/{campaign.pk}/review/"

    def looked(name: str) -> None:
        axe(page, within="main")
        no_sideways_scroll(page)
        screenshot(f"{name}-{theme}-{width}")

    page.goto(queue)
    looked("queue")
    keyboard("Enter")
    expect(page.get_by_role("heading", name="What people said")).to_be_visible()
    looked("item")
    keyboard("d")
    looked("anew")
    keyboard("a 2")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(queue)
    (vote,) = current(Comparison.objects.filter(assignment__item=item))
    assert (vote.annotator, vote.strength) == (mia(), "better")
    page.goto(f"{queue}{item.pk}/")
    looked("decided")
    page.get_by_role("button", name="Take the decision back").press("Enter")
    expect(page.get_by_role("button", name="Accept")).to_be_visible()
    assert Decision.objects.get().taken_back_at is not None

    send_back(assignment=answer_of(item, "bob"), by=mia(), comment="Read B to its end.")
    page.goto(f"{queue}?part=away")
    looked("away")
    log_in_browser(person("bob@rondo.test"))
    page.goto(f"{base}/work/")
    looked("own")
    page.goto(f"{base}/work/{campaign.pk}/")
    looked("start")
    keyboard("Enter")
    expect(page.get_by_text("Read B to its end.")).to_be_visible()
    looked("returned")
    keyboard("End")
    expect(page.locator("input[name=choice]").first).to_be_enabled()
    keyboard("t")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(rf"/work/{campaign.pk}/$"))
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    assert SentBack.objects.get().ending == "corrected"


def test_a_ranking_is_decided_with_letters_and_numbers(
    page: Any, live_server: Any, log_in_browser: Any, keyboard: Any, screenshot: Any
) -> None:
    campaign = a_review(Kind.RANKING, items=1, answers=3)
    rank(campaign, "ann", [[0], [1], [2]], [])
    rank(campaign, "bob", [[2], [1], [0]], [])
    item = last_of(campaign)
    log_in_browser(mia())
    page.goto(
        f"{live_server.url}/w/{campaign.workspace.slug}/campaigns/{campaign.pk}/review/{item.pk}/"
    )
    keyboard("d a 1 b 2 c 2")
    screenshot("placed")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    assert Decision.objects.get().outcome == "adjudicated"
