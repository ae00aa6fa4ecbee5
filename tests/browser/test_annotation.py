"""The annotator's day in a real browser: every kind by keyboard alone, long texts, a phone."""

from collections.abc import Callable
from typing import Any

import pytest

from annotation.actions.assign import assign
from annotation.actions.open_campaign import Plan, open_campaign
from annotation.models import Comparison, Demonstration, Marking, Prompt, Ranking
from annotation.models.campaigns import RANKED, Campaign, Kind
from tests.annotation.material import a_campaign, a_prompt, an_answer
from tests.browser.conftest import no_sideways_scroll
from tests.cast import a_workspace, ann, join, mia, person
from webapp.workspaces.models import Role

pytestmark = pytest.mark.django_db(transaction=True)
GUIDELINES = "Prefer the answer that is **true**, then the one that is short.\n\n- no flattery"
CODE = """Sure. Here is a function:

```python
def double(n: int) -> int:
    # twice as much
    return 2 * n
```

| n | double |
|---|--------|
| 2 | 4 |

So \\(f(n) = 2n\\) and

$$\\sum_{i=1}^{n} f(i) = n(n+1) + \\frac{a_1 + a_2 + a_3}{b_1 + b_2 + b_3} + \\int_0^1 x\\,dx$$
"""
ARABIC = "نعم. القائمة:\n\n- الأول\n- الثاني"


@pytest.fixture
def open_work(page: Any, live_server: Any, log_in_browser: Any) -> Callable[[Campaign], None]:
    """`open_work(campaign)`: Ann, logged in, before the campaign's first item."""

    def go(campaign: Campaign, user: Any = None, **options: Any) -> None:
        page.expected.append("422")  # a refused form is a console message in Chromium
        log_in_browser(user or ann(campaign.workspace))
        page.goto(f"{live_server.url}/w/{campaign.workspace.slug}/work/{campaign.pk}/", **options)

    return go


def a_member(workspace: Any, email: str) -> Any:
    """One more annotator."""
    user = person(email)
    join(workspace, user, Role.ANNOTATOR)
    return user


def with_texts(campaign: Campaign, *texts: str) -> None:
    """Give the campaign's first item answers that are worth looking at."""
    item = campaign.items.first()
    assert item is not None
    for answer, text in zip(item.completions.order_by("pk"), texts, strict=True):
        answer.text = text
        answer.save()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_screen_is_readable(
    page: Any, open_work: Any, axe: Any, screenshot: Any, set_theme: Any, width: int, theme: str
) -> None:
    workspace = a_workspace()
    page.set_viewport_size({"width": width, "height": 800})
    for kind in Kind.values:
        answers = {"answers": 4} if kind in RANKED else {}
        campaign = a_campaign(
            workspace, mia(workspace), kind=kind, items=2, guidelines=GUIDELINES, **answers
        )
        if kind == Kind.COMPARISON:
            with_texts(campaign, CODE, ARABIC)
        open_work(campaign)
        set_theme(theme)
        axe(page, within="main")
        screenshot(f"{kind}-start-{theme}-{width}")
        page.get_by_role("button", name="Start").click()
        page.get_by_role("button", name="Submit").wait_for()
        axe(page, within="main")
        screenshot(f"{kind}-{theme}-{width}")
        no_sideways_scroll(page)


def test_a_comparison_by_keyboard_alone(page: Any, open_work: Any, keyboard: Any) -> None:
    campaign = a_campaign(a_workspace(), mia(), items=2)
    open_work(campaign)
    keyboard("Enter")
    page.get_by_role("button", name="Submit").wait_for()
    page.wait_for_selector("[data-choice] input:enabled", state="attached")
    keyboard("a 2 Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    vote = Comparison.objects.get()
    assert (vote.choice, vote.strength) == ("left", "better")


def test_a_ranking_with_a_tie_by_keyboard_alone(page: Any, open_work: Any, keyboard: Any) -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.RANKING, answers=4, items=2)
    open_work(campaign)
    keyboard("Enter")
    page.get_by_role("button", name="Submit").wait_for()
    keyboard("Control+Enter")
    page.get_by_text("Answer A has no place yet").wait_for()
    keyboard("d 1 c 2 a 3 b 3 Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    ranking = Ranking.objects.get()
    assert list(ranking.entries.order_by("position").values_list("tier", flat=True)) == [3, 3, 2, 1]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_best_and_the_worst_by_keyboard_alone(
    page: Any, open_work: Any, keyboard: Any, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.BEST_WORST, answers=4, items=2)
    open_work(campaign)
    keyboard("Enter")
    page.get_by_role("button", name="Submit").wait_for()
    keyboard("Control+Enter")
    page.get_by_text("The best answer is not named yet").wait_for()
    keyboard("b Shift+B a Shift+D")  # b cannot be both: the last word about it counts
    page.get_by_text("Best: A · Worst: D").wait_for()
    keyboard("c")
    page.get_by_text("Best: C · Worst: D").wait_for()
    keyboard("Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    ranking = Ranking.objects.get()
    assert ranking.partial
    assert list(ranking.entries.order_by("position").values_list("tier", flat=True)) == [2, 2, 1, 3]
    no_sideways_scroll(page)


def test_the_best_and_the_worst_with_a_mouse(page: Any, open_work: Any) -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.BEST_WORST, answers=4, items=1)
    open_work(campaign)
    page.get_by_role("button", name="Start").click()
    page.locator("#answer-B").get_by_text("Best").click()
    page.locator("#answer-D").get_by_text("Worst").click()
    page.get_by_text("Best: B · Worst: D").wait_for()
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("1 answered today").wait_for()
    tiers = Ranking.objects.get().entries.order_by("position").values_list("tier", flat=True)
    assert list(tiers) == [2, 1, 2, 3]


def test_an_own_prompt_for_a_use_case_by_keyboard_alone(
    page: Any, open_work: Any, keyboard: Any
) -> None:
    campaign = a_campaign(
        a_workspace(), mia(), kind=Kind.WRITING, items=2, use_cases=("letters", "plans")
    )
    open_work(campaign)
    keyboard("Enter")
    page.get_by_role("button", name="Submit").wait_for()
    keyboard("u ArrowDown Escape Tab")  # choose the use case, go on to the prompt
    page.keyboard.type("Plan my week, please.")
    keyboard("Tab")
    page.keyboard.type("Monday: rest.")
    keyboard("Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    written = Demonstration.objects.get()
    assert (written.prompt.text, written.text) == ("Plan my week, please.", "Monday: rest.")
    assert written.prompt.use_case == "plans"


def test_a_few_shot_example_by_keyboard_alone(
    page: Any, open_work: Any, keyboard: Any, screenshot: Any
) -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.FEW_SHOT, items=2, pairs=2)
    open_work(campaign)
    keyboard("Enter")
    page.get_by_role("button", name="Submit").wait_for()
    keyboard("i")
    for text in ("Give the sentiment.", "I love it", "positive", "Never again", ""):
        page.keyboard.type(text)
        keyboard("Tab")
    page.get_by_text("Draft saved").wait_for()
    page.reload()  # what was typed is there again
    keyboard("Control+Enter")
    page.get_by_text("The response of pair 2 is empty").wait_for()
    screenshot("refused")
    page.locator("body").press("2")
    keyboard("Tab")
    page.keyboard.type("negative")
    keyboard("Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    assert Demonstration.objects.count() == 2


def test_a_conversation_by_keyboard_alone(
    page: Any,
    open_work: Any,
    keyboard: Any,
    axe: Any,
    screenshot: Any,
    live_server: Any,
    log_in_browser: Any,
) -> None:
    """Answer, review, rank and ask on, each without a mouse, until it is ready."""
    workspace = a_workspace()
    plan = {"answers": 2, "depth": 2, "reviews": 1, "overlap": 1}
    campaign = a_campaign(workspace, mia(workspace), kind=Kind.CONVERSATION, **plan)

    def as_person(user: Any) -> None:
        """Begins to work, or finds the item that is held."""
        page.context.clear_cookies()
        open_work(campaign, user=user)
        keyboard("Enter")
        page.get_by_role("button", name="Submit").wait_for()

    def said(text: str) -> None:
        page.get_by_text(text).first.wait_for()

    first, second, third = (a_member(workspace, f"p{n}@rondo.test") for n in range(3))
    for user, text in ((first, "A cup made of paper."), (second, "Paper that holds water.")):
        as_person(user)
        said("Write an answer")
        keyboard("i")
        page.keyboard.type(text)
        keyboard("Control+Enter")
        page.get_by_text("1 answered today").wait_for()
    page.set_viewport_size({"width": 360, "height": 800})
    as_person(third)
    said("Review a message")
    axe(page, within="main")
    no_sideways_scroll(page)
    screenshot("review-360")
    keyboard("r Control+Enter")
    page.get_by_text("Say why you reject").wait_for()
    keyboard("a Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    as_person(second)  # was handed the review of the other answer
    said("Review a message")
    keyboard("a Control+Enter")
    page.get_by_text("2 answered today").wait_for()
    as_person(third)  # the only one who wrote none of them
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_text("Rank the answers").wait_for()
    axe(page, within="main")
    screenshot("rank")
    keyboard("a 1 b 2 Control+Enter")
    page.get_by_text("2 answered today").wait_for()
    said("Write the next question")
    axe(page, within="main")
    screenshot("question")
    keyboard("i")
    page.keyboard.type("Is it recycled?")
    keyboard("Control+Enter")
    page.get_by_text("3 answered today").wait_for()
    conversation = campaign.conversations.get()
    page.context.clear_cookies()
    log_in_browser(mia())
    page.goto(f"{live_server.url}/w/{workspace.slug}/campaigns/conversations/{conversation.pk}/")
    said("preferred")
    axe(page, within="main")
    screenshot("tree")
    assert conversation.items.filter(step="review", assignments__state="open").count() == 1


def test_keys_pressed_before_the_scripts_have_come_are_not_lost(page: Any, open_work: Any) -> None:
    """A slow network: the page can be read and its scripts are still on their way."""
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.RANKING, answers=2, items=2)
    assign(campaign=campaign, annotator=ann(campaign.workspace))
    held_back: list[Any] = []
    page.route("**/js/work*.js", lambda route: held_back.append(route))
    open_work(campaign, wait_until="commit")
    page.get_by_role("button", name="Submit").wait_for()
    for key in ("b", "1", "a", "2", "Control+Enter"):
        page.keyboard.press(key)
    while not held_back:  # the keys may be faster than the request of the script
        page.wait_for_timeout(10)
    held_back[0].continue_()
    page.get_by_text("1 answered today").wait_for()
    tiers = Ranking.objects.get().entries.order_by("position").values_list("tier", flat=True)
    assert list(tiers) == [2, 1]


def test_a_typed_ranking_is_taken_and_a_half_statement_is_explained(
    page: Any, open_work: Any
) -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.RANKING, answers=3, items=2)
    open_work(campaign)
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Or type it").fill("a ≥ b > c")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("does not say whether the two answers differ").wait_for()
    page.get_by_label("Or type it").fill("a > b = c")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("1 answered today").wait_for()
    assert Ranking.objects.get().entries.filter(tier=2).count() == 2


def test_a_ranking_by_dragging(page: Any, open_work: Any) -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.RANKING, answers=2, items=2)
    open_work(campaign)
    page.get_by_role("button", name="Start").click()
    page.locator("[data-chip=B]").drag_to(page.locator(".lane[data-tier='1']"))
    page.locator("[data-chip=A]").drag_to(page.locator(".lane[data-tier='2']"))
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("1 answered today").wait_for()
    assert list(
        Ranking.objects.get().entries.order_by("position").values_list("tier", flat=True)
    ) == [2, 1]


def test_a_demonstration_survives_a_reload_and_a_broken_network(
    page: Any, open_work: Any, keyboard: Any
) -> None:
    campaign = a_campaign(a_workspace(), mia(), kind=Kind.DEMONSTRATION, items=2)
    open_work(campaign)
    keyboard("Enter")
    box = page.get_by_label("Write the answer you would want")
    box.fill("A first half")
    page.get_by_text("Draft saved").wait_for()
    page.reload()
    assert box.input_value() == "A first half"
    page.get_by_text("Your draft of this item was kept").wait_for()
    box.fill("A first half and a second.")
    page.expected.append("ERR_INTERNET_DISCONNECTED")
    page.context.set_offline(True)
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("will be sent again").wait_for()
    page.context.set_offline(False)
    page.get_by_text("1 answered today").wait_for()
    assert Demonstration.objects.get().text == "A first half and a second."


def test_the_vote_opens_once_both_answers_were_seen_to_their_end(page: Any, open_work: Any) -> None:
    campaign = a_campaign(a_workspace(), mia())
    with_texts(campaign, "A long line.\n\n" * 200, "Short.")
    open_work(campaign)
    page.get_by_role("button", name="Start").click()
    page.get_by_text("Read both answers to their end first.").wait_for()
    assert page.locator("[data-choice] input:disabled").count() == 4
    page.mouse.wheel(0, 1200)  # not yet at the end of the long one
    page.wait_for_function("scrollY > 0")
    assert page.locator("[data-choice] input:disabled").count() == 4
    page.mouse.wheel(0, 100_000)  # past both ends at once, as with the End key
    page.wait_for_selector("[data-choice] input:enabled", state="attached")


def test_ratings_and_marked_parts_on_a_phone_by_keyboard(
    page: Any, open_work: Any, keyboard: Any, axe: Any, screenshot: Any
) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    asks = ("overall", "tags", "safety", "spans", "sentences")
    campaign = a_campaign(a_workspace(), mia(), items=2, asks=asks)
    with_texts(campaign, "😀 Water boils at 90 °C. It is wet.", "No.")
    held = assign(campaign=campaign, annotator=ann(campaign.workspace))
    assert held is not None
    letter = "AB"[held.item.completions.get(text="No.").pk == held.shown_order[0]]
    open_work(campaign)
    answer = page.locator(f"#answer-{letter}")
    part = answer.locator("[data-part]")
    part.focus()
    keyboard("Control+Home ArrowRight ArrowRight")  # past the two-unit face and the space
    keyboard("Shift+Control+ArrowRight")
    answer.get_by_role("button", name="factual error").focus()
    keyboard("Enter")
    answer.locator("[data-marked] q", has_text="Water").wait_for()
    for each in "AB":
        page.locator(f"#answer-{each} input[name='rate-{each}-0'][value='6']").focus()
        keyboard("Space")
        page.locator(f"#answer-{each} input[name='rate-{each}-1'][value='1']").focus()
        keyboard("Space")
    page.locator(f"input[name='sentence-{letter}-1']").first.focus()
    keyboard("Space ArrowRight")
    axe(page, within="main")
    no_sideways_scroll(page)
    screenshot("ratings-360")
    page.set_viewport_size({"width": 1280, "height": 800})
    screenshot("ratings-1280")
    page.get_by_role("group", name="Which answer is better?").scroll_into_view_if_needed()
    page.locator("[data-choice] input:enabled").first.wait_for(state="attached")
    page.get_by_label("A is better").check(force=True)
    keyboard("Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    text = "😀 Water boils at 90 °C. It is wet."
    assert {text[mark.start : mark.end]: mark.label for mark in Marking.objects.all()} == {
        "Water": "factual error",
        "It is wet.": "ambiguous",
    }


def test_a_rewriting_shows_what_was_changed(
    page: Any, open_work: Any, keyboard: Any, axe: Any, screenshot: Any
) -> None:
    workspace = a_workspace()
    an_answer(a_prompt(workspace), "Water boils at 90 °C everywhere.")
    campaign = open_campaign(
        workspace=workspace,
        by=mia(),
        plan=Plan(name="Repair", kind=Kind.DEMONSTRATION, rewrites=True),
        prompts=Prompt.objects.all(),
    )
    assign(campaign=campaign, annotator=ann(workspace))
    open_work(campaign)
    page.get_by_text("Nothing yet.").wait_for()
    page.get_by_label("Rewrite the answer").fill("Water boils at 100 °C at sea level.")
    page.locator("[data-difference] ins", has_text="100").wait_for()
    assert page.locator("[data-difference] del").all_inner_texts() == ["90", "everywhere."]
    assert page.locator("[data-difference] ins").all_inner_texts() == ["100", "at sea level."]
    axe(page, within="main")
    screenshot("rewriting")
    keyboard("Control+Enter")
    page.get_by_text("1 answered today").wait_for()
    assert Comparison.objects.get().right.text == "Water boils at 100 °C at sea level."


def test_nothing_on_the_page_tells_who_wrote_what(page: Any, open_work: Any) -> None:
    workspace = a_workspace()
    prompt = a_prompt(workspace)
    an_answer(prompt, "One answer.", generator="secret-model-9")
    an_answer(prompt, "Another answer.", generator="secret-model-8")
    campaign = a_campaign(workspace, mia(), items=1)
    item = campaign.items.get()
    item.shown.all().delete()
    for answer in prompt.completions.all():
        item.shown.create(completion=answer)
    headers: list[str] = []
    page.on("response", lambda response: headers.append(str(response.headers)))
    open_work(campaign)
    page.get_by_role("button", name="Start").click()
    page.locator(".answer .prose", has_text="Another answer.").wait_for()
    assert "secret-model" not in page.content() + "".join(headers)
    for answer in prompt.completions.all():
        assert f'"{answer.pk}"' not in page.content()
