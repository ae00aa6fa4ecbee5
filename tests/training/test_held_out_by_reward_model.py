"""A second reward model scores a run's answers on a worker, as the one in training would."""

import json
from pathlib import Path

import pytest
from django.utils import timezone

from tests.cast import a_workspace, mia
from tests.training.registry import a_model, a_run
from tests.training.tiny_model import tiny_tokenizer
from tests.training.tiny_policies import save_reward
from training.held_out.actions.hold_out import measure_run
from training.held_out.queries import values_of
from training.models import RunEvent
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]


def test_its_scores_are_those_of_the_network_itself(tmp_path: Path) -> None:
    import torch
    from transformers import LlamaForSequenceClassification

    folder = save_reward(tmp_path / "reward", tiny_tokenizer())
    workspace = a_workspace()
    reward = a_model(workspace, mia(workspace), "gold", kind="reward", folder=folder)
    run = a_run(workspace, mia())
    texts = [("tell me about the cat .", "it is small ."), ("is it true ?", "no")]
    events = [
        RunEvent.objects.create(
            run=run, attempt=1, kind="sample", step=step, at=timezone.now(),
            data={"prompt": prompt, "completion": answer, "score": 0.0},
        )
        for step, (prompt, answer) in enumerate(texts)
    ]  # fmt: skip
    Job.objects.filter(pk=run.job_id).update(queue="default")  # it is not what is run here
    measure = measure_run(run=run, by=mia(), reward=reward)
    assert run_next(queue="gpu", worker="here") is not None
    job = Job.objects.get(pk=measure.job_id)
    assert job.state == "done", job.error
    assert job.result == {"scored": 2, "unreadable": 0}
    model = LlamaForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = tiny_tokenizer()
    for event, (prompt, answer) in zip(events, texts, strict=True):
        ids = [*tokenizer(prompt)["input_ids"], *tokenizer(answer)["input_ids"], 2]
        with torch.no_grad():
            expected = float(model(torch.tensor([ids])).logits[0, 0])
        assert values_of(measure)[event.pk] == pytest.approx(expected, abs=1e-5)


def test_weights_that_were_changed_in_the_store_score_nothing(tmp_path: Path) -> None:
    folder = save_reward(tmp_path / "reward", tiny_tokenizer())
    workspace = a_workspace()
    reward = a_model(workspace, mia(workspace), "gold", kind="reward", folder=folder)
    run = a_run(workspace, mia())
    Job.objects.filter(pk=run.job_id).update(queue="default")
    RunEvent.objects.create(
        run=run, attempt=1, kind="sample", step=1, at=timezone.now(),
        data={"prompt": "yes ?", "completion": "no", "score": 0.0},
    )  # fmt: skip
    config = reward.folder() / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "rope_theta": 1.0}))
    measure = measure_run(run=run, by=mia(), reward=reward)
    run_next(queue="gpu", worker="here")
    job = Job.objects.get(pk=measure.job_id)
    assert job.state == "failed"
    assert values_of(measure) == {}
