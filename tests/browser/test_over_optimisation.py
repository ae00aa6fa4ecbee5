"""The alarm against over-optimisation, looked at, and its one button pressed."""

from typing import Any

import pytest

from annotation.models import Campaign
from tests.browser.conftest import no_sideways_scroll
from tests.cast import mia
from tests.training.test_over_optimisation import GOOD, a_measured_run, scored_by_a_model
from webapp.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_alarm_is_read_and_the_suspicious_answers_are_sent_to_people(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, set_theme: Any, screenshot: Any
) -> None:
    run = a_measured_run()
    scored_by_a_model(run, GOOD)
    other = a_measured_run(name="base-sft-2")
    Job.objects.update(state="cancelled", finished_at=run.created_at)
    log_in_browser(mia(run.workspace))
    address = f"{live_server.url}/w/{run.workspace.slug}/runs"
    for theme, width in (("light", 1280), ("dark", 360), ("light", 360), ("dark", 1280)):
        set_theme(theme)
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{address}/{run.pk}/over-optimisation/")
        page.get_by_text("They part").first.wait_for()
        page.locator("#chart-against-kl canvas").wait_for()
        axe(page, within="main")
        no_sideways_scroll(page)
        screenshot(f"parted-{theme}-{width}")
    page.goto(f"{address}/{other.pk}/over-optimisation/")
    page.get_by_text("Nobody but its own reward model").wait_for()
    page.get_by_role("button", name="Open the campaign").click()
    page.get_by_text("is open.").wait_for()
    page.goto(f"{address}/{run.pk}/")
    page.get_by_role("link", name="Look at it").click()
    page.get_by_role("button", name="Let people judge them").click()
    page.get_by_text("answers are in the campaign").wait_for()
    campaign = Campaign.objects.get(name__contains="suspicious")
    assert f"/campaigns/{campaign.pk}/" in page.url
