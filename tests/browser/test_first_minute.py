"""Somebody who has never seen Rondo ranks four answers, two of them tied, soon after the login."""

from typing import Any

import pytest

from annotation.models import Ranking
from annotation.models.campaigns import Kind
from tests.annotation.material import a_campaign
from tests.browser.conftest import no_sideways_scroll
from tests.cast import PASSWORD, a_workspace, ann, mia

pytestmark = pytest.mark.django_db(transaction=True)
# Nobody reads a handbook in a minute: what is to be done next stands on each page as a link or a
# button, and there are so few of these steps.
FEW = 9


@pytest.mark.parametrize("width", [1280, 360])
def test_a_newcomer_ranks_four_answers_with_a_tie_in_a_few_steps(
    page: Any, live_server: Any, screenshot: Any, axe: Any, width: int
) -> None:
    workspace = a_workspace()
    campaign = a_campaign(
        workspace,
        mia(workspace),
        kind=Kind.RANKING,
        answers=4,
        items=2,
        guidelines="Which answer would you rather have got? Equally good ones share a tier.",
    )
    ann(workspace, password=PASSWORD)
    page.set_viewport_size({"width": width, "height": 800})
    steps = 0

    def see(name: str) -> None:
        no_sideways_scroll(page)
        axe(page)
        screenshot(f"{width}-{name}")

    def click(what: Any) -> None:
        nonlocal steps
        steps += 1
        what.click()

    page.goto(live_server.url)
    see("1-login")
    page.get_by_label("Email").fill("ann@rondo.test")
    page.get_by_label("Password").fill(PASSWORD)
    click(page.get_by_role("button", name="Log in"))
    main = page.locator("main")
    main.get_by_text(campaign.name).first.wait_for()
    see("2-home")
    click(main.get_by_role("link").filter(has_text=campaign.name).first)
    page.get_by_role("button", name="Start").wait_for()
    see("3-before")
    click(page.get_by_role("button", name="Start"))
    page.get_by_role("button", name="Submit").wait_for()
    see("4-ranking")
    for letter, tier in zip("ABCD", "3321", strict=True):
        group = page.get_by_role("group", name=f"Tier of answer {letter}")
        click(group.locator("label").filter(has_text=tier))
    see("5-ranked")
    click(page.get_by_role("button", name="Submit"))
    page.get_by_text("1 answered today").wait_for()
    see("6-next")
    tiers = Ranking.objects.get().entries.order_by("position").values_list("tier", flat=True)
    assert list(tiers) == [3, 3, 2, 1]
    assert steps <= FEW
