"""Somebody from a crowd platform, by keyboard alone, on a phone and on a screen."""

from typing import Any

import pytest
from django.urls import reverse

from annotation.actions.crowd import LinkPlan, set_link
from annotation.crowd import secret_of
from annotation.models import CrowdWork
from tests.annotation.material import a_campaign
from tests.browser.conftest import no_sideways_scroll
from tests.cast import a_workspace, mia

pytestmark = pytest.mark.django_db(transaction=True)
QUERY = "?PROLIFIC_PID=5f3a&STUDY_ID=77&SESSION_ID=91"


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1280, "light")])
def test_in_by_the_link_to_the_code(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    keyboard: Any,
    axe: Any,
    screenshot: Any,
    set_theme: Any,
    width: int,
    theme: str,
) -> None:
    workspace = a_workspace()
    campaign = a_campaign(workspace, mia(workspace), items=3, guidelines="Prefer the *true* one.")
    plan = LinkPlan("prolific", 1, completion_code="C9T2", screen_out_code="S1")
    link = set_link(campaign=campaign, by=mia(), plan=plan)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(live_server.url + reverse("crowd", args=[link.pk, secret_of(link)]) + QUERY)
    set_theme(theme)
    axe(page, within="main")
    screenshot(f"crowd-entry-{width}")
    page.get_by_role("button", name="Begin").focus()
    keyboard("Enter")
    page.get_by_role("button", name="Start").wait_for()
    screenshot(f"crowd-start-{width}")
    keyboard("Enter")
    page.wait_for_selector("[data-choice] input:enabled", state="attached")
    screenshot(f"crowd-work-{width}")
    keyboard("a Control+Enter")
    page.get_by_text("C9T2").wait_for()
    axe(page, within="main")
    no_sideways_scroll(page)
    screenshot(f"crowd-done-{width}")
    assert CrowdWork.objects.get().ending == "completed"
    page.context.clear_cookies()
    log_in_browser(mia(workspace))
    page.goto(f"{live_server.url}/w/{workspace.slug}/campaigns/{campaign.pk}/crowd/")
    page.get_by_text("5f3a").wait_for()
    axe(page, within="main")
    no_sideways_scroll(page)
    screenshot(f"crowd-manager-{width}")
