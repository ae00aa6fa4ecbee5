import json
import math
import os
from pathlib import Path

import numpy
import pytest
import torch

from training.trainers.checkpoints import Checkpoints
from training.trainers.events import EventLog, read_events
from training.trainers.outcome import BadInput, DiskFull
from training.trainers.state_io import read_tree, write_safetensors, write_tree


def store(folder: Path, keep: int = 2) -> Checkpoints:
    return Checkpoints(folder / "checkpoints", EventLog(folder / "events.jsonl"), keep=keep)


def save(checkpoints: Checkpoints, step: int) -> None:
    with checkpoints.writing(step) as folder:
        write_tree(folder / "state", {"step": step, "weights": torch.full((64,), float(step))})


def test_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    weight = torch.randn(3, 5)
    tree = {
        "tied": [weight, weight],
        3: (1, 2.5, None, True, "ü", b"\x00\xff"),
        "odd": {"$tensor": 1, None: -math.inf},
        "marks": {"$tuple": "text"},
        "half": torch.randn(4).bfloat16(),
        "flags": torch.tensor([True, False]),
        "scalar": torch.tensor(7),
        "none": torch.zeros(0, 4),
        "numpy": numpy.random.RandomState(3).get_state()[1],
        "column": torch.randn(4, 6).t(),
        "tiny": 5e-324,
    }
    write_tree(tmp_path / "state", tree)
    back = read_tree(tmp_path / "state")
    assert back["tied"][0] is back["tied"][1]
    assert back[3] == tree[3]
    assert back["odd"] == tree["odd"]
    assert back["marks"] == tree["marks"]
    assert (back["numpy"] == tree["numpy"]).all()
    assert back["tiny"] == 5e-324
    for key in ("half", "flags", "scalar", "none", "column"):
        assert torch.equal(back[key], tree[key]), key
        assert back[key].dtype == tree[key].dtype
    assert torch.equal(back["tied"][0], weight)


def test_nan_comes_back_as_nan(tmp_path: Path) -> None:
    write_tree(tmp_path / "state", {"loss": math.nan})
    assert math.isnan(read_tree(tmp_path / "state")["loss"])


def test_it_refuses_an_object_that_only_pickle_could_write(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"\$\.deep\[0\] is a PosixPath"):
        write_tree(tmp_path / "state", {"deep": [tmp_path]})


def test_other_readers_understand_the_weights(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    tensors = {"a": torch.randn(2, 3), "b": torch.arange(5, dtype=torch.int16)}
    write_safetensors(tmp_path / "w.safetensors", tensors, {"format": "pt"})
    back = load_file(tmp_path / "w.safetensors")
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


def test_the_newest_complete_checkpoint_is_found_and_old_ones_go(tmp_path: Path) -> None:
    checkpoints = store(tmp_path)
    assert checkpoints.newest_complete() is None
    for step in (1, 2, 10):
        save(checkpoints, step)
    assert checkpoints.newest_complete().step == 10
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-10", "step-2"]


DAMAGE = {
    "truncated": lambda f: os.truncate(f / "state.safetensors", 100),
    "one byte less": lambda f: os.truncate(
        f / "state.safetensors", (f / "state.safetensors").stat().st_size - 1
    ),
    "one bit flipped": lambda f: flip(f / "state.safetensors"),
    "emptied": lambda f: [path.unlink() for path in f.iterdir()],
    "weights missing": lambda f: (f / "state.safetensors").unlink(),
    "state missing": lambda f: (f / "state.json").unlink(),
    "manifest missing": lambda f: (f / "manifest.json").unlink(),
    "manifest torn": lambda f: os.truncate(f / "manifest.json", 50),
    "wrong sha256": lambda f: edit_manifest(f, "sha256", "0" * 64),
    "wrong size": lambda f: edit_manifest(f, "size", 1),
    "zeroed": lambda f: (f / "state.json").write_bytes(bytes((f / "state.json").stat().st_size)),
}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def edit_manifest(folder: Path, key: str, value: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][0][key] = value
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_checkpoint_is_passed_over_and_said_so(tmp_path: Path, kind: str) -> None:
    checkpoints = store(tmp_path)
    save(checkpoints, 1)
    save(checkpoints, 2)
    assert checkpoints.newest_complete().step == 2  # the control: whole, it would be taken
    DAMAGE[kind](tmp_path / "checkpoints" / "step-2")
    assert checkpoints.newest_complete().step == 1
    warning = read_events(tmp_path / "events.jsonl")[-1]
    assert warning["code"] == "checkpoint_damaged"
    assert "The checkpoint of step 2 is damaged: " in warning["sentence"]
    assert "Going on from step 1" in warning["sentence"]
    DAMAGE["manifest missing"](tmp_path / "checkpoints" / "step-1")
    with pytest.raises(BadInput, match="No complete checkpoint is left"):
        checkpoints.newest_complete()


def test_a_damaged_checkpoint_makes_way_for_the_same_step(tmp_path: Path) -> None:
    checkpoints = store(tmp_path)
    for step in (1, 2, 3):
        save(checkpoints, step)
    flip(tmp_path / "checkpoints" / "step-3" / "state.safetensors")
    assert checkpoints.newest_complete().step == 2
    save(checkpoints, 3)
    assert checkpoints.newest_complete().step == 3


def test_half_written_folders_are_never_checkpoints_and_are_removed(tmp_path: Path) -> None:
    checkpoints = store(tmp_path)
    save(checkpoints, 1)
    draft = tmp_path / "checkpoints" / ".draft-step-2"
    draft.mkdir()
    (draft / "state.json").write_text("{")
    assert checkpoints.newest_complete().step == 1
    checkpoints.remove_drafts()
    assert not draft.exists()


def test_a_full_disk_leaves_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = store(tmp_path)
    save(checkpoints, 1)
    monkeypatch.setenv("TESTING", "1")
    monkeypatch.setenv("FAULT", "checkpoint.written:disk_full")
    with pytest.raises(DiskFull, match="step 2 could not be saved"):
        save(checkpoints, 2)
    monkeypatch.delenv("FAULT")
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-1"]
    save(checkpoints, 2)
    assert checkpoints.newest_complete().step == 2
