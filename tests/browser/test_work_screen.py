"""The work screen line by line: one request, help, blindness, time, a broken network, copying."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from annotation.actions.assign import assign
from annotation.models import Comparison, Demonstration, Ranking, Skip
from annotation.models.campaigns import Campaign, Kind
from tests.annotation.material import a_campaign, a_prompt
from tests.browser.test_annotation import ARABIC, CODE, with_texts
from tests.cast import a_workspace, ann, mia

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def begin(page: Any, live_server: Any, log_in_browser: Any) -> Callable[[Campaign], None]:
    """`begin(campaign)`: Ann sees the item that she holds."""

    def go(campaign: Campaign) -> None:
        page.expected += ["422", "ERR_INTERNET_DISCONNECTED", "503"]
        assert assign(campaign=campaign, annotator=ann(campaign.workspace)) is not None
        log_in_browser(ann())
        page.goto(f"{live_server.url}/w/{campaign.workspace.slug}/work/{campaign.pk}/")
        page.get_by_role("button", name="Submit").wait_for()

    return go


def test_an_item_loads_in_one_request_beside_the_files_of_the_look(page: Any, begin: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    begin(a_campaign(a_workspace(), mia(), kind=Kind.RANKING, answers=4))
    page.wait_for_load_state("networkidle")
    assert len([url for url in asked if "/static/" not in url]) == 1, asked


def test_the_question_mark_says_every_key_of_a_ranking(
    page: Any, begin: Any, keyboard: Any
) -> None:
    begin(a_campaign(a_workspace(), mia(), kind=Kind.RANKING, answers=3))
    keyboard("?")
    listed = page.locator("[data-keys]").inner_text()
    for what in ("Submit", "Skip", "Comment", "Type the ranking", "A letter picks an answer"):
        assert what in listed


def test_an_answer_that_cannot_be_ranked_and_a_skip_with_a_flag(
    page: Any, begin: Any, keyboard: Any
) -> None:
    begin(a_campaign(a_workspace(), mia(), kind=Kind.RANKING, answers=3, items=3))
    keyboard("a 1 b 0 c 2 Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    tiers = Ranking.objects.get().entries.order_by("position").values_list("tier", flat=True)
    assert list(tiers) == [1, None, 2]
    keyboard("s")
    page.get_by_label("Why?").fill("The content is private.")
    page.get_by_label("A manager should look at it").check()
    page.locator("#skip").get_by_role("button", name="Skip").click()
    page.locator("#skip").wait_for(state="hidden")
    page.get_by_role("button", name="Submit").wait_for()
    assert Skip.objects.get().flagged


def test_the_last_answer_is_corrected_by_one_key(page: Any, begin: Any, keyboard: Any) -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.DEMONSTRATION, items=2)
    begin(campaign)
    page.locator("#text").fill("Wrong.")
    keyboard("Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    keyboard("z")
    expect(page.locator("#text")).to_have_value("Wrong.")  # the correction begins with it
    page.locator("#text").fill("Right.")
    with page.expect_response(lambda answer: answer.url.endswith("/submit/")):
        keyboard("Control+Enter")
    page.locator("#text").wait_for()
    rows = Demonstration.objects.order_by("pk")
    assert [(row.text, row.supersedes_id) for row in rows] == [
        ("Wrong.", None),
        ("Right.", rows[0].pk),
    ]


def test_idle_time_is_no_time_at_work(page: Any, begin: Any) -> None:
    page.clock.install()
    begin(a_campaign(a_workspace(), mia(), kind=Kind.DEMONSTRATION))
    page.keyboard.press("Shift")
    page.clock.run_for(30_000)
    at_work = int(page.locator("[name=seconds]").input_value())
    assert 25 <= at_work <= 35
    page.clock.run_for(600_000)  # ten minutes in which nothing happened: one of them counts
    assert int(page.locator("[name=seconds]").input_value()) <= at_work + 61


@pytest.mark.parametrize("kind", [Kind.COMPARISON, Kind.RANKING, Kind.WRITING])
def test_a_cut_network_loses_nothing_of_any_kind(page: Any, begin: Any, kind: str) -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=kind, items=2)
    begin(campaign)
    if kind == Kind.COMPARISON:
        page.locator("[data-choice] input:enabled").first.wait_for(state="attached")
    page.context.set_offline(True)
    if kind == Kind.WRITING:
        page.get_by_label("The prompt").fill("What is tea?")
        page.get_by_label("The answer").fill("Leaves in water.")
    else:
        for key in {Kind.COMPARISON: ("b",), Kind.RANKING: ("b", "1", "a", "2")}[Kind(kind)]:
            page.keyboard.press(key)
    page.keyboard.press("Control+Enter")
    page.get_by_text("will be sent again").wait_for()
    page.context.set_offline(False)
    page.get_by_text("1 answered today").wait_for()
    model = {Kind.COMPARISON: Comparison, Kind.RANKING: Ranking, Kind.WRITING: Demonstration}
    assert model[Kind(kind)].objects.count() == 1  # type: ignore[attr-defined]


def test_code_is_copied_formulas_are_set_and_another_script_runs_its_own_way(
    page: Any, begin: Any
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    campaign = a_campaign(
        a_workspace(),
        mia(),
        guidelines="Prefer the **true** one.",
        content_warning="violent language",
    )
    with_texts(campaign, CODE, ARABIC)
    begin(campaign)
    page.get_by_text("violent language").wait_for()
    page.locator(".answer .copyable").get_by_role("button", name="Copy").click()
    page.wait_for_function(
        "async () => (await navigator.clipboard.readText()).startsWith('def double')"
    )
    assert page.locator(".answer math").count() == 2
    assert page.locator(".answer .k").count() > 0  # coloured
    assert page.locator(".answer table td").count() == 2
    arabic = page.locator(".answer .prose", has_text="القائمة")
    assert arabic.evaluate("e => getComputedStyle(e).direction") == "rtl"
    page.keyboard.press("g")
    page.get_by_text("Prefer the true one.").wait_for()


def test_keys_are_changed_in_the_list_that_the_question_mark_opens(
    page: Any, begin: Any, keyboard: Any
) -> None:
    """A left hand on f and d: kept in the browser, shown at the buttons, taken back at once."""
    begin(a_campaign(a_workspace(), mia(), items=3))
    keyboard("?")
    page.get_by_role("button", name="Change the key of: A is better").click()
    keyboard("f")
    page.get_by_role("button", name="Change the key of: B is better").click()
    keyboard("t")  # the tie's: they change places
    assert page.get_by_role("button", name="Change the key of: Tie").inner_text() == "b"
    page.get_by_role("button", name="Change the key of: Tie").click()
    keyboard("Escape")
    expect(page.locator("#keys")).to_be_visible()  # it ended the change, not the list
    keyboard("Escape")
    expect(page.locator("label", has_text="A is better").locator("kbd")).to_have_text("f")
    keyboard("t Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    assert Comparison.objects.get().choice == "right"
    keyboard("f Control+Enter")  # on the next page too
    page.get_by_text("2 answered today").wait_for()
    assert Comparison.objects.latest("pk").choice == "left"
    keyboard("?")
    page.get_by_role("button", name="Take the usual keys of this page again").click()
    keyboard("Escape")
    expect(page.locator("label", has_text="A is better").locator("kbd")).to_have_text("a")
    keyboard("f")
    assert page.locator("input[name=choice]:checked").count() == 0
    keyboard("b Control+Enter")
    page.get_by_text("3 answered today").wait_for()
    assert Comparison.objects.latest("pk").choice == "right"


def test_letters_that_name_answers_cannot_become_other_keys(
    page: Any, begin: Any, keyboard: Any
) -> None:
    begin(a_campaign(a_workspace(), mia(), kind=Kind.RANKING, answers=3))
    keyboard("?")
    page.get_by_role("button", name="Change the key of: Skip").click()
    keyboard("b")
    page.get_by_text("b has another meaning on this page").wait_for()
    keyboard("j Escape j")
    expect(page.get_by_role("dialog", name="Skip this item")).to_be_visible()


def test_the_meter_moves_while_a_prompt_is_typed(page: Any, begin: Any, screenshot: Any) -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.WRITING, items=2)
    a_prompt(campaign.workspace, "Write a short poem about the cold northern sea.")
    begin(campaign)
    page.get_by_label("The prompt: what somebody would ask").fill("Write a short poem about rain.")
    page.get_by_text("like the nearest prompt there is.").wait_for()
    page.get_by_label("The prompt: what somebody would ask").fill(
        "Write a short poem about the cold northern sea!"
    )
    page.get_by_text("almost the same").wait_for()
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            screenshot(f"{theme}-{width}")
