"""The pages of runs and models, looked at."""

import math
from typing import Any

import pytest
from django.utils import timezone

from tests.browser.conftest import no_sideways_scroll
from tests.cast import a_workspace, mia
from tests.training.registry import DEMONSTRATIONS, a_model, a_run, frozen
from tests.training.studies.world import a_study, trained_all
from training.actions.register import make_ready, new_version
from training.models import Parentage, RunEvent, RunMetric, TrainingRun
from webapp.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360)])
def test_each_page_of_runs_and_models_is_readable(
    page: Any, live_server: Any, log_in_browser: Any, axe: Any, set_theme: Any, screenshot: Any,
    theme: str, width: int,
) -> None:  # fmt: skip
    workspace = a_workspace()
    by = mia(workspace)
    base = a_model(workspace, by, "base")
    data = frozen(workspace, by, "prompt_completion", DEMONSTRATIONS, name="Demonstrations")
    run = a_run(workspace, by, base=base, data=data)
    over(run)
    child = new_version(workspace=workspace, name="tuned", by=by, kind="policy", run=run)
    Parentage.objects.create(child=child, parent=base, role="base")
    make_ready(version=child, place="models/none", sha256="0" * 64)
    preview = a_run(workspace, by, "look", base=base, data=data, purpose="preview")
    shown = [["say 1", False], [" it is 1", True], ["</s>", True]]
    TrainingRun.objects.filter(pk=preview.pk).update(
        result={"report": {"batch": [shown], "steps": 12, "estimated_seconds": 90.0}}
    )
    study = a_study(workspace, by, base=base)
    trained_all(study, eval_accuracy=[0.25, 0.5, 0.75], eval_loss=[0.9, 0.7, 0.65])
    log_in_browser(by)
    set_theme(theme)
    page.set_viewport_size({"width": width, "height": 800})
    base_url = f"{live_server.url}/w/{workspace.slug}"
    for name, address in [
        ("models", "models/"),
        ("model", f"models/{child.pk}/"),
        ("import", "models/import/"),
        ("runs", "runs/"),
        ("run", f"runs/{run.pk}/"),
        ("preview", f"runs/{preview.pk}/"),
        ("new", "runs/new/?method=ppo"),
        ("recipe", "runs/recipes/sft-reward-ppo/"),
        ("compare", f"runs/compare/?run={run.pk}&run={preview.pk}"),
        ("rollouts", f"runs/{run.pk}/rollouts/"),
        ("studies", "runs/studies/"),
        ("study", f"runs/studies/{study.pk}/"),
        ("study-new", "runs/studies/new/"),
    ]:
        page.goto(f"{base_url}/{address}")
        page.wait_for_load_state()
        axe(page, within="main")
        no_sideways_scroll(page)
        screenshot(f"{name}-{theme}-{width}")


def test_curves_of_a_run_that_has_just_begun_appear_and_move_without_a_reload(
    page: Any, live_server: Any, log_in_browser: Any
) -> None:
    workspace = a_workspace()
    run = a_run(workspace, mia(workspace))
    log_in_browser(mia())
    page.goto(f"{live_server.url}/w/{workspace.slug}/runs/{run.pk}/")
    page.get_by_text("Curves appear here").wait_for()
    page.evaluate("window.stayed = true")
    RunMetric.objects.create(run=run, name="loss", step=1, value=2.5)
    page.locator("#chart-loss canvas").wait_for()
    RunMetric.objects.create(run=run, name="loss", step=2, value=1.25)
    page.locator("#chart-loss summary").click()
    page.locator("#chart-loss .chart-table").get_by_text("1.25").wait_for()
    assert page.evaluate("window.stayed")


def test_a_curve_that_nobody_sees_asks_for_nothing(
    page: Any, live_server: Any, log_in_browser: Any
) -> None:
    workspace = a_workspace()
    run = a_run(workspace, mia(workspace))
    for name in ("loss", "lr"):  # the second one stands in a folded group
        RunMetric.objects.create(run=run, name=name, step=1, value=0.5)
    log_in_browser(mia())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{live_server.url}/w/{workspace.slug}/runs/{run.pk}/")
    for _poll in range(2):
        with page.expect_request(lambda request: "name=loss" in request.url):
            pass
    assert not [url for url in asked if "name=lr" in url]
    page.get_by_text("Everything else").click()
    with page.expect_request(lambda request: "name=lr" in request.url):
        pass


def over(run: TrainingRun) -> None:
    """A run that has ended, with curves, samples, a warning and rollouts."""
    Job.objects.filter(pk=run.job_id).update(state="done", finished_at=timezone.now())
    points = []
    for step in range(1, 200):
        fall = 2 * math.exp(-step / 60) + 0.2 * math.sin(step)
        points += [
            RunMetric(run=run, name="loss", step=step, value=1 + fall),
            RunMetric(run=run, name="token_accuracy", step=step, value=1 - fall / 4),
            RunMetric(run=run, name="lr", step=step, value=1e-5 * step),
        ]
        if step % 20 == 0:
            points.append(RunMetric(run=run, name="eval/loss", step=step, value=1.2 + fall))
    RunMetric.objects.bulk_create(points)
    token = {"text": " cups", "logp": -1.25, "ref_logp": -1.5, "kl": 0.25, "value": 0.1}
    tokens = [{**token, "reward": r, "advantage": r, "return": 0.3} for r in (-1.0, 0.3, 0.9)]
    said: list[tuple[str, int, dict[str, Any]]] = [
        ("sample", 100, {"prompt": "Tell me about cups.", "completion": "They hold tea."}),
        ("sample", 200, {"prompt": "Tell me about cups.", "completion": "Paper cups hold tea."}),
        ("warning", 150, {"code": "slow", "sentence": "The disk was slow for 20 s."}),
        ("rollout", 4, {"prompt": "Cups?", "tokens": tokens, "score": 1.5, "ended": True}),
    ]
    for kind, step, fields in said:
        RunEvent.objects.create(
            run=run, attempt=1, kind=kind, step=step, at=timezone.now(), data=fields
        )
    TrainingRun.objects.filter(pk=run.pk).update(
        outcome="done", step=200, total=200, tokens_per_second=1234.0,
        memory={"host": 812_345_678}, log="loading\nstep 1\nstep 200\n",
    )  # fmt: skip
