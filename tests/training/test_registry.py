"""Models come in checked or not at all, and what descends from what can be read both ways."""

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from tests.cast import a_workspace, log_in, mia
from tests.training.registry import (
    a_model,
    a_run,
    model_files,
    safetensors,
    uploads,
    zipped,
)
from training.actions.change_model import delete_model
from training.actions.import_model import import_from_hub, import_uploaded
from training.actions.register import make_ready, new_version
from training.lineage import lineage_of
from training.models import ModelVersion, Parentage, TrainingRun
from webapp.artifacts import exists
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next

pytestmark = [pytest.mark.heavy, pytest.mark.django_db(transaction=True)]


def imported(files: dict[str, bytes], name: str = "base") -> ModelVersion:
    """The version after its job has run."""
    workspace = a_workspace()
    version = import_uploaded(
        workspace=workspace, by=mia(workspace), name=name, files=uploads(files)
    )
    run_next(queue="default", worker="here")
    version.refresh_from_db()
    return version


def reason(version: ModelVersion) -> str:
    assert version.job is not None
    return Job.objects.get(pk=version.job.pk).error


def test_an_uploaded_folder_is_checked_stored_and_fingerprinted() -> None:
    version = imported(model_files())
    assert (version.state, version.kind) == ("ready", "policy")
    assert version.facts["parameters"] == 4
    folder = version.folder()
    assert (folder / "model.safetensors").read_bytes() == safetensors()
    from training.trainers.manifest import fingerprint

    assert fingerprint(folder) == version.sha256
    assert not exists(f"{version.job.arguments['upload']}/config.json")


def test_a_reward_model_and_an_adapter_are_known_by_their_files() -> None:
    reward = imported(model_files(architectures=["LlamaForSequenceClassification"]), "scorer")
    assert reward.kind == "reward"
    config = {"peft_type": "LORA", "base_model_name_or_path": "base", "r": 4}
    adapter = imported(
        {
            "adapter_config.json": json.dumps(config).encode(),
            "adapter_model.safetensors": safetensors(),
        },
        "adapter",
    )
    facts = adapter.facts
    assert (adapter.kind, facts["base"], facts["rank"]) == ("adapter", "base", 4)
    assert facts["adapts"] == "policy", "it brings no head"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({**model_files(), "weights.bin": b"\x80\x04."}, "pickle"),
        ({**model_files(), "run.py": b"import os"}, "code"),
        ({"config.json": b"{}", "model.safetensors": b"short"}, "safetensors"),
        (model_files(auto_map={"AutoModel": "run.Model"}), "auto_map"),
        ({"model.zip": b"no zip at all"}, "zip"),
        ({"model.zip": zipped({"a/b/config.json": b"{}", "c/x.json": b"{}"})}, "folders"),
        ({"model.zip": zipped({**model_files(), "x.py": b""})}, "code"),
    ],
    ids=["pickle", "code", "weights", "auto-map", "no-zip", "folders", "zip-with-code"],
)
def test_a_hostile_folder_is_refused_with_its_reason(files: dict[str, bytes], said: str) -> None:
    version = imported(files)
    assert version.state == "importing"
    assert said in reason(version)
    with pytest.raises(ValueError, match="cannot be read"):
        version.folder()


def test_a_zip_of_one_folder_is_unpacked() -> None:
    version = imported({"model.zip": zipped(model_files(), "my-model/")})
    assert version.ready
    assert {entry["file"] for entry in version.manifest} == set(model_files())


def test_a_name_gets_its_next_version_and_bad_names_a_sentence() -> None:
    first, second = imported(model_files()), imported(model_files())
    assert (first.version, second.version) == (1, 2)
    with pytest.raises(ValidationError, match="Allowed"):
        import_uploaded(workspace=a_workspace(), by=mia(), name="../x", files=[])
    with pytest.raises(ValidationError, match="owner/name"):
        import_from_hub(workspace=a_workspace(), by=mia(), name="x", repository="../../etc")


def test_deleting_says_what_goes_keeps_the_lineage_and_is_refused_while_a_run_needs_it() -> None:
    workspace = a_workspace()
    manager = mia(workspace)
    base = a_model(workspace, manager)
    run = a_run(workspace, manager, base=base)
    with pytest.raises(ValidationError, match="needs base v1"):
        delete_model(version=base, by=manager)
    TrainingRun.objects.filter(pk=run.pk).update(job=None)
    child = new_version(workspace=workspace, name="child", by=manager, kind="policy", run=run)
    make_ready(version=child, place="models/none", sha256="0" * 64)
    Parentage.objects.create(child=child, parent=base, role="base")
    client = log_in(Client(), manager)
    address = reverse("training:model_delete", args=[workspace.slug, base.pk])
    asked = client.get(address)
    assert "1 model was made with it" in asked.content.decode()
    client.post(address)
    base.refresh_from_db()
    assert base.state == "deleted"
    assert not exists(f"{base.place}/config.json")
    assert client.get(reverse("training:model", args=[workspace.slug, child.pk])).status_code == 200
    columns = lineage_of(child).columns
    assert [node.row for node in columns[-1]] == [run]
    assert base in [node.row for node in columns[-2]]
    forward = lineage_of(base).columns
    assert [node.row for node in forward[2]] == [child]


def test_a_lineage_asks_as_often_for_many_children_as_for_one(
    django_assert_num_queries: Any,
) -> None:
    workspace = a_workspace()
    manager = mia(workspace)
    base = a_model(workspace, manager)

    def questions() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as asked:
            lineage_of(base)
        return len(asked)

    a_run(workspace, manager, "one", base=base)
    before = questions()
    for number in range(5):
        a_run(workspace, manager, f"more-{number}", base=base)
    assert questions() == before


def test_all_files_come_as_one_zip() -> None:
    import io
    import zipfile

    workspace = a_workspace()
    version = a_model(workspace, mia(workspace))
    client = log_in(Client(), mia())
    answer = client.get(reverse("training:model_archive", args=[workspace.slug, version.pk]))
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.testzip() is None
        assert archive.read("base/model.safetensors") == safetensors()
