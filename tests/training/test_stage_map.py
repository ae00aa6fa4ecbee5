"""The stage map of a workspace (A1): what exists, of what, and what is stale."""

from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.annotation.boards.material import a_vote
from tests.annotation.material import a_prompt, an_answer
from tests.cast import a_workspace, ann, log_in, mia, vic
from tests.training.registry import a_model, frozen
from training.actions.launch import LaunchPlan, launch
from training.actions.register import make_ready, new_version
from training.models import ModelVersion, Parentage, TrainingRun
from training.stage_map import Stage, config_digest, stages
from webapp.api.actions.token import create_token
from webapp.jobs.models import Job

pytestmark = [pytest.mark.django_db]
PAIR = [{"prompt": "p", "chosen": "a", "rejected": "b"}]


def done(workspace: Any, name: str, method: str, models: dict[str, Any], data: Any) -> ModelVersion:
    """A finished run and its model."""
    role = "prompts" if method == "ppo" else "train"
    plan = LaunchPlan(name=name, method=method, models=models, data={role: data})
    run = launch(workspace=workspace, by=mia(), plan=plan)
    finished(run)
    kind = "reward" if method == "reward" else "policy"
    version = new_version(workspace=workspace, name=name, by=mia(), kind=kind, run=run)
    for use in run.models.all():
        Parentage.objects.create(child=version, parent=use.version, role=use.role)
    return make_ready(version=version, place="models/none", sha256="0" * 64)


def finished(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(outcome="done", ended_at=Now())
    Job.objects.filter(pk=run.job_id).update(state="done", finished_at=timezone.now(), attempt=1)


def of(workspace: Any) -> dict[str, Stage]:
    return {stage.key: stage for stage in stages(workspace)}


def test_each_stage_names_what_it_made_and_what_is_newer_makes_it_stale() -> None:
    workspace = a_workspace()
    base = a_model(workspace, mia(workspace))
    assert [stage.made for stage in stages(workspace)] == [""] * 6
    examples = frozen(workspace, mia(), "prompt_completion", PAIR_TEXTS, name="Examples")
    votes = frozen(workspace, mia(), "preference", PAIR, name="Votes")
    prompts = frozen(workspace, mia(), "prompt_only", [{"prompt": "p"}], name="Prompts")
    tuned = done(workspace, "tuned", "sft", {"base": base}, examples)
    taste = done(workspace, "taste", "reward", {"base": tuned}, votes)
    best = done(workspace, "best", "ppo", {"base": tuned, "reward": taste}, prompts)
    found = of(workspace)
    assert {key: stage.made for key, stage in found.items()} == {
        "demonstrations": "Examples",
        "sft": "tuned v1",
        "preferences": "Votes",
        "reward": "taste v1",
        "policy": "best v1",
        "evaluation": "",
    }
    assert found["policy"].of == "tuned v1, taste v1, Prompts"
    assert found["sft"].digest == config_digest(TrainingRun.objects.get(name="tuned"))
    stale = {key for key, stage in found.items() if stage.stale}
    assert stale == {"evaluation"}, "nobody has voted on it"
    assert str(best) in found["evaluation"].stale

    prompt = a_prompt(workspace)
    a_vote(prompt, an_answer(prompt), an_answer(prompt, generator="other"), "left")
    assert {key for key, stage in of(workspace).items() if stage.stale} == {
        "evaluation", "preferences",
    }  # fmt: skip
    frozen(workspace, mia(), "preference", PAIR * 2, name="More votes")
    assert "More votes" in of(workspace)["reward"].stale
    assert not of(workspace)["preferences"].stale
    done(workspace, "tuned-2", "sft", {"base": base}, examples)
    found = of(workspace)
    assert "tuned-2 v1 is newer than tuned v1" in found["policy"].stale
    assert "clone=" in found["policy"].next_url
    run = launch(
        workspace=workspace,
        by=mia(),
        plan=LaunchPlan("again", "reward", {"base": tuned}, {"train": votes}),
    )
    assert of(workspace)["reward"].working
    finished(run)


PAIR_TEXTS = [{"prompt": "p", "completion": "a"}]


def test_the_map_is_on_home_for_those_who_watch_in_a_constant_number_of_queries(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    workspace = a_workspace()
    base = a_model(workspace, mia(workspace))
    examples = frozen(workspace, mia(), "prompt_completion", PAIR_TEXTS, name="Examples")
    done(workspace, "tuned", "sft", {"base": base}, examples)
    address = f"/w/{workspace.slug}/"
    seen = log_in(Client(), vic(workspace)).get(address).content.decode()
    assert "stage-sft" in seen
    assert "Launch a run" not in seen, "a viewer launches nothing"
    assert "Launch a run" in log_in(Client(), mia(workspace)).get(address).content.decode()
    assert "stage-sft" not in log_in(Client(), ann(workspace)).get(address).content.decode()
    for number in range(3):
        done(workspace, f"tuned-{number}", "sft", {"base": base}, examples)
    with django_assert_max_num_queries(14):
        stages(workspace)


def test_the_map_over_rest_says_what_home_says() -> None:
    workspace = a_workspace()
    base = a_model(workspace, mia(workspace))
    examples = frozen(workspace, mia(), "prompt_completion", PAIR_TEXTS, name="Examples")
    done(workspace, "tuned", "sft", {"base": base}, examples)
    frozen(workspace, mia(), "prompt_completion", PAIR_TEXTS * 2, name="More examples")
    _row, key = create_token(user=vic(workspace), name="map", scope="read", days=1)
    rest = Client(headers={"Authorization": f"Bearer {key}"})
    told = rest.get(reverse("api_stages", args=[workspace.slug])).json()["stages"]
    assert [stage["key"] for stage in told] == [
        "demonstrations", "sft", "preferences", "reward", "policy", "evaluation",
    ]  # fmt: skip
    tuned = told[1]
    assert (tuned["made"], tuned["name"], tuned["of"]) == (
        "tuned v1", "Fine-tuned", "base v1, Examples",
    )  # fmt: skip
    assert "More examples" in tuned["stale"]
    assert tuned["digest"] == config_digest(TrainingRun.objects.get(name="tuned"))
