"""Registered models on a real worker, watched in a browser: words come before the answer ends."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from annotation.actions.add_texts import add_completion, add_prompt
from annotation.models import Comparison
from tests.cast import a_workspace, ann, mia
from tests.training.generate.asking import an_endpoint, one, work
from tests.training.registry import a_model
from tests.training.tiny_model import write_tiny_model
from training.actions.battle import start_battle
from training.actions.trial import TrialPlan, start_trial
from training.generate import Sampling
from training.models import Battle, EndpointKind, Generation, ModelEndpoint
from webapp.jobs.runner import run_next
from webapp.workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

LONG = 200  # tokens: many looks of the page
# Every text that grows on the page, as often as it changes; asked for when all is over.
WATCH = """() => {
  window.seen = [];
  const look = () => document.querySelectorAll(".growing").forEach((p) => {
    const text = p.textContent.trim();
    if (text && !window.seen.includes(text)) window.seen.push(text);
  });
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
  look();
}"""


def tiny(workspace: Workspace, folder: Path, name: str, seed: int) -> ModelEndpoint:
    """A registered model that takes a while: 12 layers of width 128."""
    weights = write_tiny_model(folder / name, seed=seed, hidden=128, layers=12)
    version = a_model(workspace, mia(workspace), name, folder=weights)
    return ModelEndpoint.objects.create(
        workspace=workspace, name=name, kind=EndpointKind.REGISTERED, version=version,
        most_tokens=LONG, in_arena=True,
    )  # fmt: skip


def worker() -> threading.Thread:
    """A worker of the queue that holds weights, in a thread of its own until nobody waits."""

    def run() -> None:
        try:
            run_next(queue="gpu", worker="test")
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.heavy
def test_words_come_before_the_answer_ends_in_playground_and_arena(
    page: Any,
    live_server: Any,
    settings: Any,
    log_in_browser: Any,
    screenshot: Any,
    tmp_path: Path,
) -> None:
    settings.MODELS_WARM_SECONDS = 0
    page.context.set_default_timeout(240_000)  # torch is loaded first
    workspace = a_workspace()
    manager = mia(workspace)
    models = (tiny(workspace, tmp_path, "first", 1), tiny(workspace, tmp_path, "second", 2))
    greedy = Sampling(temperature=0.0, max_tokens=LONG)
    plan = TrialPlan(one("tell me about the cat ."), models, greedy)
    trial = start_trial(workspace=workspace, by=manager, plan=plan)
    battle = start_battle(workspace=workspace, by=manager, text="tell me about the dog .")
    # Greedy here too: a drawn token may be the one that ends the answer at once.
    Generation.objects.filter(state="queued").update(settings=greedy.as_json())
    log_in_browser(manager)
    base = f"{live_server.url}/w/{workspace.slug}"
    arena = page.context.new_page()
    addresses = (f"playground/{trial.pk}/", f"arena/battles/{battle.key}/")
    for tab, address in zip((page, arena), addresses, strict=True):
        tab.goto(f"{base}/{address}")
        tab.evaluate(WATCH)
    thread = worker()
    page.locator(".growing").first.wait_for()
    page.locator('[data-ended="yes"]').wait_for()
    arena.get_by_role("button", name="A is better").wait_for()
    thread.join(60)
    screenshot("trial")
    answers = [column.generation for column in trial.columns.select_related("generation")]
    for answer in answers:
        assert (answer.state, answer.finish) == ("done", "length"), answer.error
    grew = page.evaluate("window.seen")
    for answer in answers:
        parts = [text for text in grew if answer.text.strip().startswith(text)]
        assert any(len(text) < len(answer.text.strip()) for text in parts), (grew, answer.text)
    said = arena.evaluate("window.seen")
    turn = battle.turns.select_related("left", "right").get()
    sides = (turn.left.text.strip(), turn.right.text.strip())
    blind = [text for text in said if any(side.startswith(text) for side in sides)]
    assert any(len(text) < max(map(len, sides)) for text in blind), (said, sides)
    arena.close()


def recorded(workspace: Workspace, answers: dict[str, str]) -> None:
    prompt = add_prompt(workspace=workspace, messages=one("Who are you?"), by=None, source="test")
    for name, text in answers.items():
        add_completion(prompt=prompt, said=[text], generator=name, settings={})
        an_endpoint(workspace, name, in_arena=True)


def test_a_side_that_fails_says_why_and_is_no_vote(
    page: Any, live_server: Any, settings: Any, log_in_browser: Any, axe: Any, screenshot: Any
) -> None:
    settings.MODELS_WARM_SECONDS = 0
    workspace = a_workspace()
    recorded(workspace, {"tuned": "The capital is Paris.", "base": "It is Paris."})
    log_in_browser(ann(workspace))
    battle = start_battle(workspace=workspace, by=ann())
    failing = battle.turns.get().left
    work()
    Generation.objects.filter(pk=failing.pk).update(
        state="failed", text="", error=f"{battle.left.name} was away for 3 s."
    )
    page.goto(f"{live_server.url}/w/{workspace.slug}/arena/battles/{battle.key}/")
    page.get_by_text("… was away for 3 s.").wait_for()
    page.get_by_text("That is not a vote").wait_for()
    assert page.locator("button[name=choice]").count() == 0
    axe(page, within="main")
    screenshot("failed-side")
    page.get_by_role("button", name="Ask it again").click()
    page.get_by_text("Both answer at the pace of the slower one").wait_for()
    work()
    page.get_by_role("button", name="Tie").wait_for()
    assert not Comparison.objects.exists()


def test_a_vote_after_a_leak_is_marked(
    page: Any, live_server: Any, settings: Any, log_in_browser: Any, screenshot: Any
) -> None:
    settings.MODELS_WARM_SECONDS = 0
    workspace = a_workspace()
    recorded(workspace, {"tuned": "I am Tuned, at your service.", "other": "An answerer."})
    log_in_browser(ann(workspace))
    battle = start_battle(workspace=workspace, by=ann())
    work()
    page.goto(f"{live_server.url}/w/{workspace.slug}/arena/battles/{battle.key}/")
    page.get_by_role("button", name="Both bad").click()
    page.get_by_text("An answer named its model or maker").wait_for()
    screenshot("leaked")
    assert Battle.objects.get().leaked == ["tuned"]
    assert Comparison.objects.get().metadata["leaked"] == ["tuned"]
