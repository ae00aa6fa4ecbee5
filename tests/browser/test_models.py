"""Playground and arena in a real browser: answers grow, names are told after the vote."""

from typing import Any

import pytest

from annotation.actions.add_texts import add_completion, add_prompt
from annotation.models import Comparison, Completion, Demonstration
from tests.browser.conftest import no_sideways_scroll
from tests.cast import a_workspace, ann, mia
from tests.training.generate.asking import an_endpoint, one, work
from training.models import ModelEndpoint
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "What is the capital of France?"
ANSWERS = {
    "tuned": "The capital of France is **Paris**. It lies on the Seine.",
    "base": "What is the capital of Spain?\nWhat is the capital of Italy?",
}


def two_models(workspace: Workspace) -> list[ModelEndpoint]:
    """Recorded answers to one question, under two names."""
    prompt = add_prompt(workspace=workspace, messages=one(QUESTION), by=None, source="test")
    for name, text in ANSWERS.items():
        add_completion(prompt=prompt, said=[text], generator=name, settings={})
    return [an_endpoint(workspace, name, in_arena=True) for name in ANSWERS]


def looked_at(page: Any, axe: Any, screenshot: Any, set_theme: Any, name: str) -> None:
    """The page as it stands: light and wide, dark and narrow."""
    for theme, width in (("light", 1280), ("dark", 360)):
        set_theme(theme)
        page.set_viewport_size({"width": width, "height": 800})
        page.reload()
        axe(page, within="main")
        screenshot(f"{name}-{theme}-{width}")
        no_sideways_scroll(page)
    set_theme("light")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.reload()


def test_the_playground_shows_who_continues_and_keeps_what_is_good(
    page: Any,
    live_server: Any,
    settings: Any,
    log_in_browser: Any,
    axe: Any,
    screenshot: Any,
    set_theme: Any,
) -> None:
    settings.MODELS_WARM_SECONDS = 0
    workspace = a_workspace()
    manager = mia(workspace)
    two_models(workspace)
    an_endpoint(workspace, "silent", model="nobody")
    log_in_browser(manager)
    base = f"{live_server.url}/w/{workspace.slug}"
    page.goto(f"{base}/endpoints/")
    looked_at(page, axe, screenshot, set_theme, "endpoints")
    page.goto(f"{base}/playground/?probe=capital")
    looked_at(page, axe, screenshot, set_theme, "playground")
    for name in ("tuned", "base", "silent"):
        page.get_by_label(name, exact=True).check()
    page.get_by_role("button", name="Ask Ctrl").click()
    page.get_by_text("No worker", exact=False).or_(page.get_by_text("Waiting")).first.wait_for()
    work()
    page.get_by_text("It lies on the Seine").first.wait_for()
    page.get_by_text("asks questions instead of answering").wait_for()
    page.get_by_text("No answer of “nobody”").wait_for()
    looked_at(page, axe, screenshot, set_theme, "trial")
    page.get_by_role("button", name="Try again").click()
    work()
    page.get_by_role("button", name="Try again").wait_for()
    page.get_by_role("checkbox", name="silent").first.uncheck()
    page.get_by_role("button", name="Keep the answers").click()
    page.get_by_text("2 answers are kept").wait_for()
    assert Completion.objects.filter(prompt__text=QUESTION).count() == 2, "they were there already"
    page.get_by_text("Make a demonstration of the answer of tuned").click()
    page.locator("details[open] textarea[name=text]").first.fill("Paris.")
    page.get_by_role("button", name="Keep as a demonstration").first.click()
    page.get_by_text("Kept as a demonstration.").wait_for()
    assert Demonstration.objects.get().text == "Paris."


def test_a_battle_is_blind_until_the_vote_by_keyboard(
    page: Any,
    live_server: Any,
    settings: Any,
    log_in_browser: Any,
    keyboard: Any,
    axe: Any,
    screenshot: Any,
    set_theme: Any,
) -> None:
    settings.MODELS_WARM_SECONDS = 0
    workspace = a_workspace()
    two_models(workspace)
    log_in_browser(ann(workspace))
    page.goto(f"{live_server.url}/w/{workspace.slug}/arena/")
    looked_at(page, axe, screenshot, set_theme, "arena")
    page.get_by_role("button", name="Take a prompt of the collection").click()
    page.get_by_text("Both answer at the pace of the slower one").wait_for()
    work()
    page.get_by_role("button", name="A is better").wait_for()
    said = page.content()
    assert "tuned" not in said
    assert ">base<" not in said
    looked_at(page, axe, screenshot, set_theme, "battle")
    page.get_by_role("button", name="A is better").wait_for()
    keyboard("a")
    page.get_by_text("You chose A.").wait_for()
    vote = Comparison.objects.get()
    assert (vote.choice, vote.annotator) == ("left", ann())
    page.get_by_text(f"A was {vote.left.generator}, B was {vote.right.generator}.").wait_for()
    looked_at(page, axe, screenshot, set_theme, "revealed")
