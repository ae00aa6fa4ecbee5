"""A registered adapter: what a run begins from, and what scores for PPO. The trainer is the real
one, on a tiny model."""

import json
import shlex
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from tests.cast import a_workspace, log_in, mia
from tests.training.registry import DEMONSTRATIONS, a_model, frozen
from tests.training.running import events, result, run_here
from tests.training.tiny_model import demonstrations, write_rows, write_run, write_tiny_model
from training.actions.launch import LaunchPlan, launch, resolved
from training.models import DatasetSnapshot, ModelVersion, TrainingRun
from training.shell_command import shell_command
from training.trainers.check_folder import describe
from webapp.api.actions.token import create_token
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.heavy, pytest.mark.django_db(transaction=True)]
TRAINING = {"batch_size": 4, "micro_batch_size": 4, "max_length": 64, "learning_rate": 1e-3}
SHORT = {"device": "cpu", "training": {**TRAINING, "max_steps": 2}}
PPO = {"device": "cpu", "training": TRAINING, "settings": {"updates": 1, "max_new_tokens": 8}}
PROMPTS = [{"prompt": row["prompt"]} for row in demonstrations(8)]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """A finished run of fine-tuning with LoRA: adapter/ and, with it merged, model/."""
    folder = tmp_path_factory.mktemp("adapters") / "tuned"
    write_run(folder, "sft", "prompt_completion", model=base, lora={"r": 4})
    assert run_here(folder) == 0
    return folder


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """The same of a reward model."""
    folder = tmp_path_factory.mktemp("adapters") / "scorer"
    write_run(folder, "reward", "preference", model=base, lora={"r": 4})
    assert run_here(folder) == 0
    return folder


def an_adapter(workspace: Any, folder: Path, name: str) -> ModelVersion:
    version = a_model(workspace, mia(), name, folder=folder)
    found = describe(folder)
    ModelVersion.objects.filter(pk=version.pk).update(kind=found["kind"], facts=found["facts"])
    version.refresh_from_db()
    return version


def carried_out(run: TrainingRun) -> TrainingRun:
    assert run_next(queue="gpu", worker="here") is not None
    return TrainingRun.objects.select_related("job").get(pk=run.pk)


def test_a_run_begins_from_a_base_and_its_adapter_and_has_both_as_parents(
    base: Path, tuned: Path
) -> None:
    workspace = a_workspace()
    manager = mia(workspace)
    whole = a_model(workspace, manager, folder=base)
    adapter = an_adapter(workspace, tuned / "adapter", "small")
    assert (adapter.kind, adapter.facts["adapts"]) == ("adapter", "policy")
    assert adapter.facts["rank"] == 4
    data = frozen(workspace, manager, "prompt_completion", demonstrations(24))
    models = {"base": whole, "adapter": adapter}
    plan = LaunchPlan(
        name="on-top", method="sft", models=models, data={"train": data}, config=SHORT
    )
    run = carried_out(launch(workspace=workspace, by=manager, plan=plan))
    assert run.outcome == "done", run.log
    assert run.config["model"] == {
        "path": "model:base v1",
        "sha256": whole.sha256,
        "adapter": "model:small v1",
        "adapter_sha256": adapter.sha256,
    }
    made = ModelVersion.objects.get(run=run)
    parents = set(made.origins.values_list("role", "parent__name"))
    assert parents == {("base", "base"), ("adapter", "small")}
    assert "Adapter, merged first" in (made.folder() / "README.md").read_text()


def test_ppo_asks_a_reward_model_that_is_an_adapter_on_a_language_model(
    base: Path, scorer: Path
) -> None:
    workspace = a_workspace()
    manager = mia(workspace)
    whole = a_model(workspace, manager, folder=base)
    adapter = an_adapter(workspace, scorer / "adapter", "taste")
    assert adapter.facts["adapts"] == "reward"
    data = frozen(workspace, manager, "prompt_only", PROMPTS)
    models = {"base": whole, "reward": whole, "reward_adapter": adapter}
    plan = LaunchPlan(
        name="taught", method="ppo", models=models, data={"prompts": data}, config=PPO
    )
    run = carried_out(launch(workspace=workspace, by=manager, plan=plan))
    assert run.outcome == "done", run.log
    origins = ModelVersion.objects.get(run=run).origins
    assert set(origins.values_list("role", "parent__name")) == {
        ("base", "base"),
        ("reward", "base"),
        ("reward_adapter", "taste"),
    }


def ready_to_refuse() -> tuple[Any, dict[str, ModelVersion], DatasetSnapshot, DatasetSnapshot]:
    workspace = a_workspace()
    manager = mia(workspace)
    models = {
        "base": a_model(workspace, manager),
        "reward": a_model(workspace, manager, "reward", kind="reward"),
        "small": a_model(workspace, manager, "small", kind="adapter"),
        "taste": a_model(workspace, manager, "taste", kind="adapter"),
    }
    for name, adapts in (("small", "policy"), ("taste", "reward")):
        ModelVersion.objects.filter(name=name).update(facts={"adapts": adapts})
        models[name].refresh_from_db()
    texts = frozen(workspace, manager, "prompt_completion", DEMONSTRATIONS)
    prompts = frozen(workspace, manager, "prompt_only", [{"prompt": "say 1"}])
    return workspace, models, texts, prompts


REFUSED = {
    "a model as adapter": ("sft", {"base": "base", "adapter": "base"}, "not an adapter"),
    "an adapter as base": ("sft", {"base": "small"}, "as base a language model is needed"),
    "without its model": ("ppo", {"base": "base", "reward_adapter": "taste"}, "trained on, too"),
    "one that scores": ("sft", {"base": "base", "adapter": "taste"}, "cannot begin from it"),
    "one that writes": (
        "ppo",
        {"base": "base", "reward": "base", "reward_adapter": "small"},
        "no head that scores",
    ),
    "no adapter": ("ppo", {"base": "base", "reward": "base"}, "as reward a reward model is needed"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_cannot_be_is_refused_at_launch(wrong: str) -> None:
    method, roles, sentence = REFUSED[wrong]
    workspace, models, texts, prompts = ready_to_refuse()
    plan = LaunchPlan(
        name="wrong",
        method=method,
        models={role: models[name] for role, name in roles.items()},
        data={"train": texts} if method == "sft" else {"prompts": prompts},
    )
    with pytest.raises(ValidationError, match=sentence):
        launch(workspace=workspace, by=mia(), plan=plan)
    assert not TrainingRun.objects.exists()


def test_four_bits_under_an_adapter_that_is_merged_are_refused_at_launch() -> None:
    workspace, models, texts, _prompts = ready_to_refuse()
    plan = LaunchPlan(
        name="wrong",
        method="sft",
        models={"base": models["base"], "adapter": models["small"]},
        data={"train": texts},
        config={"quantization": "nf4", "lora": {}},
    )
    with pytest.raises(ValidationError, match="merging into 4 bits"):
        launch(workspace=workspace, by=mia(), plan=plan)


def test_the_page_the_command_and_rest_say_the_same_of_adapters() -> None:
    workspace, models, texts, prompts = ready_to_refuse()
    client = log_in(Client(), mia(workspace))
    address = reverse("training:run_new", args=[workspace.slug])
    page = client.get(f"{address}?method=ppo").content.decode()
    assert "merged into the model above" in page
    assert page.count(f'value="{models["taste"].pk}"') == 1, "among the reward model's alone"
    form = {
        "name": "by-page",
        "base": models["base"].pk,
        "adapter": models["small"].pk,
        "reward": models["base"].pk,
        "reward_adapter": models["taste"].pk,
        "data.prompts": prompts.pk,
    }
    assert client.post(f"{address}?method=ppo", {**form, "do": "launch"}).status_code == 302
    by_page = TrainingRun.objects.get(name="by-page")
    plan = LaunchPlan(
        name="by-command",
        method="ppo",
        models={use.role: use.version for use in by_page.models.all()},
        data={"prompts": prompts},
    )
    words = shlex.split(shell_command(workspace, plan, mia().email))
    call_command(*words[2:], "--no-wait", stdout=StringIO())
    for name in ("model", "reward_model"):
        by_command = TrainingRun.objects.get(name="by-command").config[name]
        assert by_command == by_page.config[name], name
    _row, key = create_token(user=mia(), name="runs", scope="write", days=1)
    asked = Client(headers={"Authorization": f"Bearer {key}"}).post(
        reverse("api_runs", args=[workspace.slug]),
        {
            "name": "by-rest",
            "method": "ppo",
            "snapshots": {"prompts": prompts.pk},
            **{role: form[role] for role in ("base", "adapter", "reward", "reward_adapter")},
        },
        "application/json",
    )
    assert asked.status_code == 201, asked.content
    assert asked.json()["config"]["reward_model"] == by_page.config["reward_model"]
    shown = client.get(reverse("training:run", args=[workspace.slug, by_page.pk])).content.decode()
    assert "Adapter, merged into it first" in shown
    clone = client.get(f"{address}?method=ppo&clone={by_page.pk}").content.decode()
    assert f'<option value="{models["taste"].pk}" selected' in clone
    ModelVersion.objects.filter(kind="adapter").update(state="deleted")
    assert "merged into the model above" not in client.get(f"{address}?method=ppo").content.decode()
    assert resolved(LaunchPlan("n", "sft", {"base": models["base"]}, {"train": texts}))[
        "model"
    ] == {
        "path": "model:base v1",
        "sha256": models["base"].sha256,
        "adapter": None,
        "adapter_sha256": "",
    }


# ---- from a shell


def run_on(folder: Path, rows: list[dict[str, Any]] | None = None, **config: Any) -> Path:
    folder.mkdir()
    write_rows(folder / "train.jsonl", rows or demonstrations(8))
    data = [{"role": "train", "path": "train.jsonl", "kind": "prompt_completion"}]
    given = {"method": "sft", "data": data, **SHORT, **config}
    (folder / "run.json").write_text(json.dumps(given))
    return folder


def figures(folder: Path, name: str) -> list[float]:
    assert run_here(folder) == 0, result(folder)["sentence"]
    told = [event["values"] for event in events(folder, "metrics")]
    return [values[name] for values in told if name in values]


def test_a_base_with_its_adapter_learns_as_the_merged_model_does(
    tmp_path: Path, base: Path, tuned: Path
) -> None:
    on_top = {"path": str(base), "adapter": str(tuned / "adapter")}
    losses = figures(run_on(tmp_path / "on-top", model=on_top), "loss")
    merged = figures(run_on(tmp_path / "merged", model={"path": str(tuned / "model")}), "loss")
    untouched = figures(run_on(tmp_path / "base", model={"path": str(base)}), "loss")
    assert len(losses) == 2
    assert losses == pytest.approx(merged, rel=1e-4)
    assert losses != pytest.approx(untouched, rel=1e-3), "the control"


def test_an_adapter_scores_as_the_reward_model_it_was_merged_into(
    tmp_path: Path, base: Path, scorer: Path
) -> None:
    data = [{"role": "prompts", "path": "train.jsonl", "kind": "prompt_only"}]
    adapter = {"path": str(base), "adapter": str(scorer / "adapter")}

    def scores(name: str, **config: Any) -> list[float]:
        given = {"method": "ppo", "model": {"path": str(base)}, "data": data, **PPO, **config}
        folder = run_on(tmp_path / name, rows=PROMPTS, **given)
        return figures(folder, "objective/scores")

    merged = scores("merged", reward_model={"path": str(scorer / "model")})
    assert scores("adapter", reward_model=adapter) == pytest.approx(merged, abs=1e-4)
    shared = scores("shared", reward_model=adapter, lora={"r": 4})
    assert shared == pytest.approx(merged, abs=1e-4), "on the policy's own weights"


def test_an_adapter_on_another_model_is_refused_with_both_names(
    tmp_path: Path, tuned: Path
) -> None:
    for number, sizes in enumerate([{"hidden": 64}, {"layers": 1}]):
        other = write_tiny_model(tmp_path / f"other-{number}", **sizes)
        source = {"path": str(other), "adapter": str(tuned / "adapter")}
        folder = run_on(tmp_path / f"run-{number}", model=source)
        assert run_here(folder) == 2
        said = result(folder)["sentence"]
        assert "does not fit the model" in said
        assert "Name the model that it was trained on" in said


def test_an_adapter_that_changes_under_a_run_is_refused(
    tmp_path: Path, base: Path, tuned: Path
) -> None:
    source = {"path": str(base), "adapter": str(tuned / "adapter"), "adapter_sha256": "0" * 64}
    folder = run_on(tmp_path / "run", model=source)
    assert run_here(folder) == 2
    assert "has changed: its sha256" in result(folder)["sentence"]


def test_a_language_model_without_a_head_scores_nothing(tmp_path: Path, base: Path) -> None:
    data = [{"role": "prompts", "path": "train.jsonl", "kind": "prompt_only"}]
    source = {"path": str(base)}
    folder = run_on(
        tmp_path / "run", method="ppo", model=source, reward_model=source, data=data, training={}
    )
    assert run_here(folder) == 2
    assert "has no head that scores" in result(folder)["sentence"]


def test_a_dry_run_shows_what_is_trained_on_a_merged_adapter(
    tmp_path: Path, base: Path, tuned: Path
) -> None:
    source = {"path": str(base), "adapter": str(tuned / "adapter")}
    folder = run_on(tmp_path / "run", model=source)
    preview = folder / "preview.json"
    assert run_here(folder, "--dry-run", "--preview", str(preview)) == 0
    report = json.loads(preview.read_text())["report"]
    assert report["trainable_parameters"] == report["parameters"], "nothing of peft is left"
    assert events(folder) == []
