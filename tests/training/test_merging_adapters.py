"""A whole model is made of a registered adapter and its base; it is then asked, sampled from and
scored with like any other. The adapters are real ones, trained here on a tiny model."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tests.cast import a_workspace, log_in, mia
from tests.training.generate.asking import one
from tests.training.registry import a_model
from tests.training.running import run_here
from tests.training.scoring.world import a_sampling
from tests.training.tiny_model import write_run, write_tiny_model
from training.actions.endpoint import endpoint_of_version
from training.actions.merge_adapter import merge_adapter
from training.actions.trial import TrialPlan, start_trial
from training.models import Generation, ModelVersion, RewardScore
from training.trainers.check_folder import describe
from webapp.api.actions.token import create_token
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.heavy, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    folder = tmp_path_factory.mktemp("merging") / "tuned"
    write_run(folder, "sft", "prompt_completion", model=base, lora={"r": 4})
    assert run_here(folder) == 0
    return folder


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    folder = tmp_path_factory.mktemp("merging") / "scorer"
    write_run(folder, "reward", "preference", model=base, lora={"r": 4})
    assert run_here(folder) == 0
    return folder


def an_adapter(workspace: Any, folder: Path, name: str) -> ModelVersion:
    version = a_model(workspace, mia(workspace), name, folder=folder)
    found = describe(folder)
    ModelVersion.objects.filter(pk=version.pk).update(kind=found["kind"], facts=found["facts"])
    version.refresh_from_db()
    return version


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return {
        name: tensor.float()
        for file in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def same_weights(one: Path, other: Path) -> bool:
    import torch

    left, right = weights(one), weights(other)
    assert set(left) == set(right)
    return all(torch.allclose(left[name], right[name], atol=1e-6) for name in left)


def merged(version: ModelVersion) -> ModelVersion:
    job = run_next(queue="gpu", worker="here")
    assert job is not None
    made = ModelVersion.objects.select_related("job").get(pk=version.pk)
    assert made.ready, made.job and made.job.error
    return made


def test_a_merged_adapter_is_the_model_that_its_run_made_and_can_be_asked(
    base: Path, tuned: Path
) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    whole = a_model(workspace, by, folder=base, licence="apache-2.0")
    adapter = an_adapter(workspace, tuned / "adapter", "small")
    client = log_in(Client(), by)
    page = reverse("training:model", args=[workspace.slug, adapter.pk])
    assert "A whole model of it" in client.get(page).content.decode()
    address = reverse("training:model_merge", args=[workspace.slug, adapter.pk])
    posted = client.post(address, {"base": whole.pk, "name": "small-merged"})
    made = ModelVersion.objects.get(name="small-merged")
    assert posted["Location"] == reverse("training:model", args=[workspace.slug, made.pk])
    made = merged(made)
    assert (made.kind, made.licence) == ("policy", "apache-2.0")
    assert same_weights(made.folder(), tuned / "model")
    assert not same_weights(made.folder(), base), "the control: it is not the base alone"
    parents = set(made.origins.values_list("role", "parent__name"))
    assert parents == {("base", "base"), ("adapter", "small")}
    shown = client.get(posted["Location"]).content.decode()
    assert "small v1 merged into base v1" in shown
    assert "A whole model of it" not in shown
    assert adapter.sha256 in (made.folder() / "README.md").read_text()
    endpoint = endpoint_of_version(version=made, by=by)
    asked = TrialPlan(one("tell me about the cat ."), (endpoint,))
    trial = start_trial(workspace=workspace, by=by, plan=asked)
    assert run_next(queue="gpu", worker="here") is not None
    answer = Generation.objects.get(pk=trial.columns.get().generation_id)
    assert (answer.state, bool(answer.text)) == ("done", True), answer.error


def test_a_reward_adapter_becomes_a_reward_model_that_scores_a_sampling_by_command(
    base: Path, scorer: Path
) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    a_model(workspace, by, folder=base)
    adapter = an_adapter(workspace, scorer / "adapter", "taste")
    said = StringIO()
    call_command(
        "register", workspace.slug, "taste", "--into", "base", "--name", "taste-merged",
        "--by", by.email, "--no-wait", stdout=said,
    )  # fmt: skip
    assert "taste-merged v1 is merged by job" in said.getvalue()
    made = merged(ModelVersion.objects.get(name="taste-merged"))
    assert made.kind == "reward"
    assert same_weights(made.folder(), scorer / "model")
    batch = a_sampling(workspace, by)
    said = StringIO()
    given = ["sampling", workspace.slug, str(batch.pk), "--reward", "taste-merged"]
    call_command("score", *given, "--by", by.email, stdout=said)
    assert "It is queued as job" in said.getvalue()
    assert run_next(queue="gpu", worker="here") is not None
    assert RewardScore.objects.filter(reward=made, value__isnull=False).count() == 4
    with pytest.raises(CommandError, match="has scored every answer"):
        call_command("score", *given, "--by", by.email, stdout=said)
    with pytest.raises(CommandError, match="no registered model"):
        call_command("score", *given[:-1], "taste", "--by", by.email, stdout=said)
    assert adapter.ready


def test_what_cannot_be_merged_says_why(tmp_path: Path, base: Path, tuned: Path) -> None:
    workspace = a_workspace()
    by = mia(workspace)
    whole = a_model(workspace, by, folder=base)
    adapter = an_adapter(workspace, tuned / "adapter", "small")
    judge = a_model(workspace, by, "judge", kind="reward")
    stranger = a_workspace("Elsewhere")
    far = a_model(stranger, mia(stranger), "far")
    for chosen, on, sentence in (
        (whole, whole, "is no adapter"),
        (adapter, judge, "cannot be the base"),
        (adapter, far, "cannot be the base"),
        (adapter, adapter, "cannot be the base"),
    ):
        with pytest.raises(ValidationError, match=sentence):
            merge_adapter(adapter=chosen, base=on, by=by, name="wrong")
    with pytest.raises(ValidationError, match="Allowed"):
        merge_adapter(adapter=adapter, base=whole, by=by, name="not a name")
    assert not ModelVersion.objects.filter(source__kind="merge").exists()
    other = a_model(workspace, by, "other", folder=write_tiny_model(tmp_path / "other", hidden=64))
    version = merge_adapter(adapter=adapter, base=other, by=by, name="misfit")
    assert run_next(queue="gpu", worker="here") is not None
    version.refresh_from_db()
    assert version.state == "importing"
    assert version.job is not None
    assert "does not fit the model" in version.job.error
    page = log_in(Client(), by).get(reverse("training:model", args=[workspace.slug, version.pk]))
    assert "It was not registered" in page.content.decode()


def test_the_same_over_rest() -> None:
    workspace = a_workspace()
    by = mia(workspace)
    whole = a_model(workspace, by)
    adapter = a_model(workspace, by, "small", kind="adapter")
    _row, key = create_token(user=by, name="merges", scope="write", days=1)
    rest = Client(headers={"Authorization": f"Bearer {key}"})
    address = reverse("api_model_merge", args=[workspace.slug, adapter.pk])
    body = {"base": whole.pk, "name": "over-rest"}
    made = rest.post(address, body, "application/json")
    assert made.status_code == 201, made.content
    assert (made.json()["kind"], made.json()["state"]) == ("policy", "importing")
    assert made.json()["job"]
    for wrong in ({**body, "base": adapter.pk}, {"base": whole.pk, "name": "no name"}, {}):
        assert rest.post(address, wrong, "application/json").status_code == 400, wrong
    not_one = reverse("api_model_merge", args=[workspace.slug, whole.pk])
    assert rest.post(not_one, body, "application/json").status_code == 400
    told = rest.get(reverse("api_model", args=[workspace.slug, whole.pk])).json()
    assert told["parents"] == []
