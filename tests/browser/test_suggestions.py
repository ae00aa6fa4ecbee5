"""Suggestions on the work screen, by the keyboard alone, on a phone too, and what managers see."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from annotation.actions.assign import assign
from annotation.actions.suggest import suggest
from annotation.models import Campaign, Comparison, Demonstration, Ranking, SuggestionShown
from annotation.models.campaigns import Kind
from annotation.models.suggestions import Origin
from tests.annotation.material import a_campaign
from tests.annotation.test_suggestions import the_answers
from tests.browser.conftest import THEMES, WIDTHS, no_sideways_scroll
from tests.cast import a_workspace, ann, mia

pytestmark = pytest.mark.django_db(transaction=True)


def a_suggesting_campaign(suggests: str = "before", **plan: Any) -> Campaign:
    workspace = a_workspace()
    campaign = a_campaign(
        workspace, mia(workspace), suggests=suggests, control_share=0.0, items=3, **plan
    )
    rows: list[dict[str, Any]] = []
    for item in campaign.items.order_by("pk"):
        first, *others = the_answers(item) or [0]
        known: dict[Kind, dict[str, Any]] = {
            Kind.COMPARISON: {"better": first, "strength": "slightly_better"},
            Kind.RANKING: {"tiers": [[first], others]},
            Kind.DEMONSTRATION: {"text": "Tea is **leaves** in water."},
        }
        rows.append({"item": item.pk, **known[Kind(campaign.kind)]})
    suggest(campaign=campaign, by=mia(), origin=Origin.JUDGE, name="stern-8b", rows=rows)
    assert assign(campaign=campaign, annotator=ann(workspace)) is not None
    return campaign


@pytest.fixture
def begin(page: Any, live_server: Any, log_in_browser: Any) -> Any:
    def go(campaign: Campaign) -> None:
        log_in_browser(ann())
        page.goto(f"{live_server.url}/w/{campaign.workspace.slug}/work/{campaign.pk}/")
        page.get_by_role("button", name="Submit").wait_for()

    return go


def test_one_key_takes_it_over_one_brings_back_and_nothing_is_sent_by_it(
    page: Any, begin: Any, keyboard: Any
) -> None:
    begin(a_suggesting_campaign())
    held = SuggestionShown.objects.get().assignment
    side = "left" if held.shown_order[0] == min(held.shown_order) else "right"
    expect(page.locator("[data-suggestion]")).to_contain_text("Suggested by a model that judges")
    assert "stern" not in page.content()
    page.locator("[data-choice] input:enabled").first.wait_for(state="attached")
    keyboard("y")
    expect(page.locator(f"input[name=choice][value={side}]")).to_be_checked()
    expect(page.locator("input[name=strength][value=slightly_better]")).to_be_checked()
    keyboard("y")  # and back
    assert page.locator("input[name=choice]:checked").count() == 0
    assert not Comparison.objects.exists()
    keyboard("t y Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    row = Comparison.objects.get()
    assert (row.choice, row.strength) == (side, "slightly_better")
    assert SuggestionShown.objects.get(assignment=row.assignment).taken


def test_a_suggestion_cannot_be_taken_over_before_the_answers_were_seen(
    page: Any, begin: Any, keyboard: Any
) -> None:
    campaign = a_suggesting_campaign()
    for item in campaign.items.all():
        for answer in item.completions.all():
            type(answer).objects.filter(pk=answer.pk).update(text="A long line.\n\n" * 200)
    begin(campaign)
    keyboard("y")
    page.get_by_text("Read both answers to their end first.").wait_for()
    assert page.locator("input[name=choice]:checked").count() == 0


def test_a_ranking_is_checked_after_it_was_given(page: Any, begin: Any, keyboard: Any) -> None:
    begin(a_suggesting_campaign("after", kind=Kind.RANKING, answers=3))
    assert page.locator("[data-suggestion]").count() == 0
    keyboard("a 1 b 1 c 1 Control+Enter")
    expect(page.locator("[data-suggestion]")).to_contain_text("something else than your answer")
    expect(page.locator("input[name=tier-A][value='1']")).to_be_checked()  # what was given stays
    assert not Ranking.objects.exists()
    keyboard("y Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    tiers = Ranking.objects.get().entries.values_list("tier", flat=True)
    assert sorted(tier or 0 for tier in tiers) == [1, 2, 2]


def test_a_suggested_text_fills_the_field_and_gives_back_what_was_typed(
    page: Any, begin: Any, keyboard: Any
) -> None:
    begin(a_suggesting_campaign(kind=Kind.DEMONSTRATION))
    page.locator("#text").fill("Mine.")
    page.locator("[data-take]").focus()
    keyboard("y")
    expect(page.locator("#text")).to_have_value("Tea is **leaves** in water.")
    keyboard("y")
    expect(page.locator("#text")).to_have_value("Mine.")
    keyboard("Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    assert Demonstration.objects.get().text == "Mine."


def test_it_is_accessible_and_fits_a_phone_in_both_themes(
    page: Any,
    begin: Any,
    keyboard: Any,
    axe: Any,
    screenshot: Any,
    set_theme: Any,
    live_server: Any,
) -> None:
    campaigns = [
        a_suggesting_campaign(),
        a_suggesting_campaign(kind=Kind.RANKING, answers=3),
        a_suggesting_campaign(kind=Kind.DEMONSTRATION),
    ]
    for campaign in campaigns:
        begin(campaign)
        for theme in THEMES:
            set_theme(theme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                page.reload()
                page.get_by_role("button", name="Submit").wait_for()
                axe(page)
                no_sideways_scroll(page)
                screenshot(f"{campaign.kind}-{theme}-{width}")
    page.set_viewport_size({"width": 360, "height": 800})
    begin(campaigns[0])
    keyboard("y Control+Enter")
    page.get_by_text("1 answered today").wait_for()


def test_a_manager_brings_a_file_and_reads_what_showing_it_did(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, screenshot: Any, tmp_path: Path
) -> None:
    campaign = a_suggesting_campaign()
    held = SuggestionShown.objects.get().assignment
    Comparison.objects.create(
        prompt_id=held.item.prompt_id or 0,
        annotator=ann(),
        assignment=held,
        left_id=held.shown_order[0],
        right_id=held.shown_order[1],
        choice="tie",
        seconds=12,
    )
    file = tmp_path / "predictions.jsonl"
    rows = [{"item": item.pk, "choice": "tie"} for item in campaign.items.all()]
    file.write_text("\n".join(map(json.dumps, rows)))
    log_in_browser(mia())
    base = f"{live_server.url}/w/{campaign.workspace.slug}/campaigns/{campaign.pk}"
    page.goto(f"{base}/suggestions/")
    page.get_by_label("Name").fill("my rules")
    page.get_by_label("File of predictions").set_input_files(file)
    page.get_by_role("button", name="Bring the file").click()
    page.get_by_text("3 items have a suggestion of it now").wait_for()
    axe(page)
    screenshot("suggestions")
    page.set_viewport_size({"width": 360, "height": 800})
    no_sideways_scroll(page)
    screenshot("suggestions-360")
    page.goto(f"{base}/quality/")
    report = page.get_by_role("region", name="Suggestions", exact=True)
    expect(report).to_contain_text("kept back")
    axe(page)
    no_sideways_scroll(page)
    page.set_viewport_size({"width": 1280, "height": 800})
    screenshot("quality")
