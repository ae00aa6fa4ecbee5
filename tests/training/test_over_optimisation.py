"""Held-out scores of a run's answers, from models and people, and what the page makes of them."""

import uuid
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation.actions.add_texts import add_comparison
from annotation.models import Campaign, Comparison, Item
from tests.cast import a_workspace, ann, log_in, mia
from tests.training.generate.a_service import Service, well
from tests.training.generate.asking import an_endpoint
from tests.training.registry import a_model, a_run
from training.held_out.actions.hold_out import (
    ask_people,
    first_answers,
    measure_run,
    send_suspicious,
)
from training.held_out.queries import OverOptimisation, answers_of, values_of
from training.models import (
    HeldOutMeasure,
    HeldOutScore,
    MeasureKind,
    RunEvent,
    RunMetric,
    TrainingRun,
)
from webapp.jobs.runner import run_next

pytestmark = pytest.mark.django_db
STEPS = (0, 20, 40, 60, 80, 100)
GOOD = (0.0, 1.0, 2.0, 1.5, 0.0, -2.0)  # what people think; the proxy goes up all the way


def a_measured_run(*, prompts: int = 16, name: str = "base-sft-1") -> TrainingRun:
    """A run with answers to fixed prompts, each longer and liked better by its own reward."""
    workspace = a_workspace()
    run = a_run(workspace, mia(workspace), name, base=a_model(workspace, mia(), f"base-{name}"))
    drawn = np.random.default_rng(3)
    RunEvent.objects.bulk_create(
        RunEvent(
            run=run,
            attempt=1,
            kind="sample",
            step=step,
            at=timezone.now(),
            data={
                "prompt": [{"role": "user", "content": f"Question {prompt}?"}],
                "completion": f"Answer {prompt} " + "very " * (step // 10),
                "score": step / 50 + float(drawn.normal(scale=0.3)),
            },
        )
        for step in STEPS
        for prompt in range(prompts)
    )
    RunMetric.objects.bulk_create(
        RunMetric(run=run, name=name, step=step, value=step / scale)
        for step in STEPS
        for name, scale in (("objective/kl", 10.0), ("objective/scores", 50.0))
    )
    return run


def scored_by_a_model(run: TrainingRun, means: tuple[float, ...], name: str = "gold") -> Any:
    """As the job leaves it."""
    reward = a_model(run.workspace, mia(), name, kind="reward")
    measure = HeldOutMeasure.objects.create(run=run, kind=MeasureKind.REWARD, reward=reward)
    drawn = np.random.default_rng(4)
    HeldOutScore.objects.bulk_create(
        HeldOutScore(
            measure=measure,
            event_id=answer.pk,
            value=means[STEPS.index(answer.step)] + float(drawn.normal(scale=0.3)),
        )
        for answer in answers_of(run)
    )
    return measure


def page_of(run: TrainingRun, name: str = "over_optimisation", pk: int = 0) -> str:
    client = log_in(Client(), mia(run.workspace))
    answer = client.get(reverse(f"training:{name}", args=[run.workspace.slug, pk or run.pk]))
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_alarm_is_raised_where_they_part_and_shown_on_run_and_model() -> None:
    run = a_measured_run()
    scored_by_a_model(run, GOOD)
    held = OverOptimisation(run).held[0]
    assert held.alarm is not None
    windows = held.verdict.windows
    assert (windows[held.alarm.best].last, windows[held.alarm.now].last) == (40, 60)
    text = page_of(run)
    assert "They part" in text
    assert "From step 40 to step 60" in text
    assert "Both against the KL" in text
    assert "Proxy and held-out score part" in page_of(run, "run")
    made = a_model(run.workspace, mia(), "tuned", run=run)
    assert "Proxy and held-out score part" in page_of(run, "model", made.pk)


def test_the_control_whose_held_out_score_keeps_rising_raises_none() -> None:
    run = a_measured_run()
    scored_by_a_model(run, (0.0, 1.0, 2.0, 2.5, 3.0, 3.1))
    assert OverOptimisation(run).held[0].alarm is None
    text = page_of(run)
    assert "No sign that proxy and held-out score part" in text
    assert "Proxy and held-out score part" not in page_of(run, "run")


def test_length_and_style_drift_are_measured() -> None:
    found = OverOptimisation(a_measured_run())
    drift = found.drift()
    assert drift["length"][0] == (0, 2.0)
    assert drift["length"][-1] == (100, 12.0)
    assert drift["distinct"][-1] == (100, pytest.approx(3 / 12))  # answer, number, very
    correlation = found.length_correlation()
    assert correlation is not None
    assert correlation > 0.9


def test_a_judge_rates_every_answer_once_and_what_it_mumbles_is_no_score(settings: Any) -> None:
    with Service() as service:
        settings.OUTBOUND_ALLOWED_HOSTS = [service.host]
        run = a_measured_run(prompts=2)
        judge = an_endpoint(run.workspace, "judge", base_url=service.base_url)
        service.next = [well("It is right. ", "[[7]]")]
        measure = measure_run(run=run, by=mia(), endpoint=judge)
        assert run_next(queue="default", worker="here") is not None
        assert set(values_of(measure).values()) == {7.0}
        assert len(values_of(measure)) == len(STEPS) * 2
        asked = len(service.asked)
        with pytest.raises(ValidationError, match="no answer yet"):
            measure_run(run=a_run(run.workspace, mia(), "silent"), by=mia(), endpoint=judge)
        service.next = [well("I would rather not say.")]
        RunEvent.objects.create(
            run=run, attempt=1, kind="sample", step=120, at=timezone.now(),
            data={"prompt": "New?", "completion": "Yes.", "score": 1.0},
        )  # fmt: skip
        assert measure_run(run=run, by=mia(), endpoint=judge).pk == measure.pk
        assert run_next(queue="default", worker="here") is not None
        assert len(service.asked) == asked + 1, "only the new answer is asked about"
        assert HeldOutScore.objects.filter(measure=measure, value=None).count() == 1
        assert len(values_of(measure)) == len(STEPS) * 2


def test_the_reward_model_that_the_run_learns_from_is_no_held_out_one() -> None:
    run = a_measured_run(prompts=2)
    own = a_model(run.workspace, mia(), "proxy", kind="reward")
    run.models.create(role="reward", version=own)
    with pytest.raises(ValidationError, match="its score is the proxy"):
        measure_run(run=run, by=mia(), reward=own)
    with pytest.raises(ValidationError, match="reward model of this workspace"):
        measure_run(run=run, by=mia(), reward=a_model(run.workspace, mia(), "policy"))
    assert not HeldOutMeasure.objects.exists()


def test_people_compare_later_answers_with_the_first_one() -> None:
    run = a_measured_run(prompts=3)
    measure = ask_people(run=run, by=mia(), name="Held out")
    items = Item.objects.filter(campaign=measure.campaign)
    assert items.count() == 3 * (len(STEPS) - 1)
    generators = set(items.values_list("shown__completion__generator", flat=True))
    assert generators == {f"{run.name} step {step}" for step in STEPS}
    assert values_of(measure) == {}
    for item in items:
        left, right = [each.completion for each in item.shown.order_by("completion__pk")]
        later = int(right.generator.rpartition(" ")[2])
        vote = add_comparison(
            prompt=item.prompt,
            left=left,
            right=right,
            choice="right" if later < 50 else "left",
            by=ann(run.workspace),
            key=uuid.uuid4(),
        )
        Comparison.objects.filter(pk=vote.pk).update(assignment=item.assignments.get())
    values = values_of(measure)
    means = {step: {values[a.pk] for a in answers_of(run) if a.step == step} for step in STEPS}
    assert means == {0: {0.5}, 20: {1.0}, 40: {1.0}, 60: {0.0}, 80: {0.0}, 100: {0.0}}


def test_suspicious_answers_go_to_a_campaign_beside_the_first_one() -> None:
    run = a_measured_run()
    measure = scored_by_a_model(run, GOOD)
    client = log_in(Client(), mia(run.workspace))
    address = reverse("training:suspicious_send", args=[run.workspace.slug, run.pk])
    client.post(address, {"measure": measure.pk, "name": "Look at these"})
    campaign = Campaign.objects.get(name="Look at these")
    shown = campaign.items.values_list("shown__completion__generator", flat=True)
    assert f"{run.name} step 100" in shown
    assert f"{run.name} step 0" in shown
    first = first_answers(answers_of(run))
    assert campaign.items.filter(prompt__text=next(iter(first.values())).shown_prompt).exists()
    refused = client.post(address, {"measure": measure.pk, "name": "Look at these"}, follow=True)
    assert "already a campaign" in refused.content.decode()
    assert Campaign.objects.count() == 1


def test_answers_without_an_earlier_one_are_sent_to_be_corrected() -> None:
    run = a_measured_run(prompts=1)
    RunEvent.objects.exclude(step=100).delete()
    campaign, count = send_suspicious(run=run, by=mia(), name="Once", answers=answers_of(run))
    assert (campaign.kind, campaign.rewrites, count) == ("demonstration", True, 1)
    with pytest.raises(ValidationError, match="fixed prompts"):
        ask_people(run=run, by=mia(), name="Twice")


def test_runs_under_one_scorer_are_compared() -> None:
    one, two = a_measured_run(), a_measured_run(name="base-sft-2")
    measure = scored_by_a_model(one, GOOD)
    other = HeldOutMeasure.objects.create(run=two, kind=MeasureKind.REWARD, reward=measure.reward)
    HeldOutScore.objects.bulk_create(
        HeldOutScore(measure=other, event_id=answer.pk, value=1.0) for answer in answers_of(two)
    )
    text = page_of(one)
    assert "Runs that gold v1 scored" in text
    assert f'runs/{two.pk}/over-optimisation/">{two.name}' in text


def test_the_same_over_rest(django_assert_max_num_queries: Any) -> None:
    run = a_measured_run()
    scored_by_a_model(run, GOOD)
    client = log_in(Client(), mia(run.workspace))
    address = f"/api/v1/workspaces/{run.workspace.slug}/runs/{run.pk}/held-out/"
    with django_assert_max_num_queries(20):
        rows = client.get(address).json()
    assert rows[0]["scorer"] == "gold v1"
    assert (rows[0]["parting"]["best_step"], rows[0]["parting"]["now_step"]) == (40, 60)
    assert rows[0]["windows"][0]["prompts"] == 16
