"""A manager freezes judgements: choice, preview, file, card; in both themes and widths."""

from pathlib import Path
from typing import Any

import pytest
import zstandard
from playwright.sync_api import expect

from annotation.models import Completion, Demonstration, Ranking, RankingEntry
from tests.annotation.material import a_prompt, an_answer
from tests.browser.conftest import THEMES, WIDTHS, no_sideways_scroll
from tests.cast import a_workspace, mia
from training.models import DatasetSnapshot
from webapp.jobs.runner import run_next

pytestmark = pytest.mark.django_db(transaction=True)

QUESTIONS = (
    "Write a haiku about rain on a tin roof.",
    "Explain photosynthesis to a ten-year-old.",
    "What is the difference between a comet and an asteroid?",
)


def some_judgements(workspace: Any) -> None:
    by = mia(workspace)
    for question in QUESTIONS:
        prompt = a_prompt(workspace, question, source="helpdesk", licence="CC-BY-4.0")
        ranking = Ranking.objects.create(prompt=prompt, annotator=by)
        for place, (letter, tier) in enumerate({"A": 3, "B": 3, "C": 2, "D": 1}.items(), start=1):
            answer: Completion = an_answer(
                prompt, f"Answer {letter}: {question.lower()} It depends.", f"model-{letter}"
            )
            RankingEntry.objects.create(
                ranking=ranking, completion=answer, tier=tier, position=place
            )
        Demonstration.objects.create(prompt=prompt, text=f"By hand: {question}", annotator=by)


def test_from_a_choice_to_a_file(
    page: Any,
    live_server: Any,
    log_in_browser: Any,
    axe: Any,
    screenshot: Any,
    set_theme: Any,
    tmp_path: Path,
) -> None:
    workspace = a_workspace()
    some_judgements(workspace)
    log_in_browser(mia(workspace))
    start = f"{live_server.url}/w/{workspace.slug}/snapshots/"
    page.goto(start)
    expect(page.get_by_role("heading", name="No snapshot yet")).to_be_visible()
    page.get_by_role("link", name="Freeze the first snapshot").click()
    preview = page.get_by_role("region", name="What the file would hold")
    expect(preview.get_by_text("D > C > A = B").first).to_be_visible()
    expect(preview.get_by_text("gives 5 triples and 1 tie").first).to_be_visible()
    page.wait_for_load_state()
    page.get_by_label("Ties").select_option("drop")
    expect(preview.get_by_text("gives 5 triples", exact=True).first).to_be_visible()
    expect(preview.get_by_role("heading", name="Left out")).to_be_visible()
    page.get_by_label("Prompts and completions").check()
    expect(preview.get_by_text("By hand").first).to_be_visible()
    page.get_by_label("Preferences: chosen").check()
    expect(preview.get_by_text("gives 5 triples", exact=True).first).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Rankings of May")
    page.get_by_role("button", name="Freeze").click()
    expect(page.get_by_role("heading", name="Rankings of May")).to_be_visible()
    assert run_next(queue="default", worker="default@test:1") is not None
    expect(page.get_by_role("heading", name="Known biases")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download", exact=True).click()
    target = tmp_path / "file.jsonl.zst"
    started.value.save_as(target)
    with target.open("rb") as file:
        assert zstandard.ZstdDecompressor().stream_reader(file).read().count(b"\n") == 15
    page.get_by_role("link", name="3 rankings").click()
    expect(page.get_by_role("cell", name=QUESTIONS[0])).to_be_visible()
    snapshot = DatasetSnapshot.objects.get()
    for width in WIDTHS:
        for theme in THEMES:
            set_theme(theme)
            page.set_viewport_size({"width": width, "height": 900})
            for name in ("", "new/", f"{snapshot.pk}/", f"{snapshot.pk}/judgements/"):
                page.goto(start + name)
                no_sideways_scroll(page)
                axe(page)
                screenshot(f"{name.strip('/').replace('/', '-') or 'list'}-{theme}-{width}")
    page.goto(f"{start}{snapshot.pk}/")
    page.wait_for_load_state()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete the snapshot").click()
    expect(page.get_by_role("heading", name="No snapshot yet")).to_be_visible()
