"""A run that was stopped or killed ends as if it had not been: the same figures, the same bytes."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.running import events, learned, result, run_apart, run_here, start
from tests.training.tiny_model import write_run

pytestmark = pytest.mark.heavy

LORA = {"lora": {"r": 4}}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sft": ("sft", "prompt_completion", {}),
    "sft, lora": ("sft", "prompt_completion", LORA),
    # Dropout draws from the generators, whose state must come back with the checkpoint.
    "sft, dropout": ("sft", "prompt_completion", {"lora": {"r": 4, "dropout": 0.3}}),
    "sft, packed": ("sft", "prompt_completion", {"settings": {"packing": True}}),
    "pretrain": ("pretrain", "text", {}),
    "reward": ("reward", "preference", {}),
    "reward, lora": ("reward", "preference", LORA),
    "dpo": ("dpo", "preference", {}),
    "dpo, lora": ("dpo", "preference", {**LORA, "settings": {"precompute_reference": False}}),
    "kto": ("kto", "unpaired", {}),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_cancelled_run_goes_on_bit_for_bit(tmp_path: Path, base: Path, name: str) -> None:
    method, kind, more = KINDS[name]
    straight = write_run(tmp_path / "straight", method, kind, model=base, **more)
    stopped = write_run(tmp_path / "stopped", method, kind, model=base, **more)
    assert run_here(straight) == 0
    assert run_here(stopped, fault="step.end:term:3") == 3
    assert result(stopped)["outcome"] == "cancelled"
    assert not (stopped / "model").exists()
    assert [event["step"] for event in events(stopped, "checkpoint")] == [2, 3]
    assert run_here(stopped) == 0
    assert result(stopped)["resumed_from_step"] == 3
    assert learned(stopped) == learned(straight)


def test_another_seed_learns_something_else(tmp_path: Path, base: Path) -> None:
    """The control: what the tests above compare can differ."""
    first = write_run(tmp_path / "a", "sft", "prompt_completion", model=base)
    second = write_run(tmp_path / "b", "sft", "prompt_completion", model=base)
    text = (second / "run.json").read_text().replace('"seed": 7', '"seed": 8')
    (second / "run.json").write_text(text)
    assert (run_here(first), run_here(second)) == (0, 0)
    assert learned(first)[1] != learned(second)[1]


# Twenty places to die: between steps, inside a step, and at every point of a save and an export.
KILLS = [
    *[f"step:kill:{n}" for n in (1, 4, 6, 9, 12)],
    *[f"step.end:kill:{n}" for n in (1, 2, 5, 6)],
    *[f"checkpoint.file:kill:{n}" for n in (1, 3, 6, 8)],
    *[f"checkpoint.written:kill:{n}" for n in (1, 2)],
    *[f"checkpoint.manifest:kill:{n}" for n in (1, 3)],
    "checkpoint.renamed:kill:2",
    "phase.evaluating:kill:1",
    "export.written:kill:1",
]


@pytest.mark.fault
def test_twenty_kills_of_twenty_are_resumed_bit_for_bit(tmp_path: Path, base: Path) -> None:
    assert len(KILLS) == 20
    straight = write_run(tmp_path / "straight", "sft", "prompt_completion", model=base)
    assert run_here(straight) == 0
    expected = learned(straight)
    for number, fault in enumerate(KILLS):
        folder = write_run(tmp_path / f"run{number}", "sft", "prompt_completion", model=base)
        assert run_apart(folder, fault=fault) == -9, fault
        assert not (folder / "result.json").exists(), fault
        # Here, where the killed process never was: a start-up less for each of twenty.
        assert run_here(folder) == 0, fault
        assert learned(folder) == expected, fault


@pytest.mark.fault
@pytest.mark.parametrize("name", ["reward, lora", "dpo, lora"])
def test_a_killed_run_of_another_method_too(tmp_path: Path, base: Path, name: str) -> None:
    method, kind, more = KINDS[name]
    straight = write_run(tmp_path / "straight", method, kind, model=base, **more)
    killed = write_run(tmp_path / "killed", method, kind, model=base, **more)
    assert run_here(straight) == 0
    assert run_apart(killed, fault="checkpoint.file:kill:7") == -9
    assert run_here(killed) == 0
    assert learned(killed) == learned(straight)


@pytest.mark.fault
def test_a_kill_from_outside_at_any_event(tmp_path: Path, base: Path) -> None:
    """Not at a point of our choosing: as soon as the diary has so many lines."""
    import time

    straight = write_run(tmp_path / "straight", "sft", "prompt_completion", model=base)
    assert run_here(straight) == 0
    expected = learned(straight)
    for lines in (6, 11, 17):
        folder = write_run(tmp_path / f"run{lines}", "sft", "prompt_completion", model=base)
        process = start(folder)
        deadline = time.monotonic() + 120
        while len(events(folder)) < lines and process.is_alive():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.kill()
        process.join(30)
        assert run_here(folder) == 0
        assert learned(folder) == expected


def test_the_stock_library_would_take_a_half_written_checkpoint(tmp_path: Path) -> None:
    """The control for the kills: without a manifest there is no telling."""
    from transformers.trainer_utils import get_last_checkpoint

    (tmp_path / "checkpoint-2").mkdir()
    half = tmp_path / "checkpoint-4"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half of the weig")
    assert get_last_checkpoint(str(tmp_path)) == str(half)


def test_no_file_of_a_checkpoint_is_a_pickle(tmp_path: Path, base: Path) -> None:
    folder = write_run(tmp_path, "sft", "prompt_completion", model=base, **LORA)
    assert run_here(folder) == 0
    files = [path for path in (folder / "checkpoints").rglob("*") if path.is_file()]
    assert files
    assert {path.suffix for path in files} == {".json", ".safetensors"}
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pth")]
