"""Checks, thresholds, standings and one's own figures, as pages: readable on a phone and wide."""

from typing import Any

import pytest

from annotation.models import Campaign, Comparison
from annotation.models.campaigns import Purpose
from annotation.queries import current
from tests.annotation.material import a_campaign
from tests.annotation.test_checks import as_check, vote
from tests.annotation.test_standings import everybody_votes, who
from tests.browser.conftest import no_sideways_scroll
from tests.cast import a_workspace, ann, join, mia, person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def judged() -> Campaign:
    workspace = a_workspace()
    campaign = a_campaign(
        workspace, mia(workspace), items=14, overlap=4, gold_share=0.5, guidelines="Be *kind*."
    )
    ann(workspace)
    as_check(campaign, 2)
    everybody_votes(campaign)
    as_check(campaign, 1, Purpose.TRAINING)
    return campaign


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360)])
def test_the_pages_of_quality_are_readable(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    axe: Any,
    screenshot: Any,
    set_theme: Any,
    judged: Campaign,
    theme: str,
    width: int,
) -> None:
    log_in_browser(mia())
    set_theme(theme)
    page.set_viewport_size({"width": width, "height": 800})
    base = f"{live_server.url}/w/{judged.workspace.slug}/campaigns/"
    own = f"{base}{judged.pk}/"
    item = judged.items.first()
    assert item is not None
    for name, url in {
        "form": f"{base}new/?q=fact",
        "checks": f"{own}checks/",
        "check": f"{own}checks/{item.pk}/",
        "preview": f"{own}preview/",
        "quality": f"{own}quality/",
        "thresholds": f"{own}quality/thresholds/?agrees=50&fast=10&anomalous=on&answers=5",
        "standing": f"{own}people/{who('lou').pk}/",
    }.items():
        page.goto(url)
        axe(page, within="main")
        screenshot(f"{name}-{theme}-{width}")
        no_sideways_scroll(page)
    log_in_browser(ann())
    for name, path in {"statistics": "statistics/", "start": ""}.items():
        page.goto(f"{live_server.url}/w/{judged.workspace.slug}/work/{judged.pk}/{path}")
        axe(page, within="main")
        screenshot(f"{name}-{theme}-{width}")
    nia = join(judged.workspace, person("nia@rondo.test"), "annotator").user
    held = vote(judged, nia, right=False)
    assert held is not None
    log_in_browser(nia)
    page.goto(f"{live_server.url}/w/{judged.workspace.slug}/work/{judged.pk}/{held.pk}/feedback/")
    page.get_by_text("Not quite.").wait_for()
    axe(page, within="main")
    screenshot(f"feedback-{theme}-{width}")


def test_a_manager_sees_the_effect_stops_somebody_and_takes_it_back(
    page: Any, live_server: Any, log_in_browser: Any, judged: Campaign
) -> None:
    votes = current(Comparison.objects.all()).count()
    log_in_browser(mia())
    page.goto(f"{live_server.url}/w/{judged.workspace.slug}/campaigns/{judged.pk}/quality/")
    page.get_by_role("link", name="Thresholds").click()
    page.get_by_label("Agrees with others, at least %").fill("50")
    page.get_by_role("button", name="Show who falls below").click()
    page.get_by_text("Items whose majority changes").wait_for()
    assert current(Comparison.objects.all()).count() == votes
    page.get_by_role("button", name="Pause and leave out their votes").click()
    page.get_by_text("Done. It can be taken back").wait_for()
    page.get_by_text("Excluded", exact=True).wait_for()
    assert current(Comparison.objects.all()).count() < votes
    page.get_by_role("link", name="Lou").click()
    page.get_by_role("button", name="Let work again").click()
    page.get_by_text("Every figure follows at once").wait_for()
    assert current(Comparison.objects.all()).count() == votes
