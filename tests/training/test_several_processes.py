"""Two processes over gloo learn what one learns."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.training.running import events, result, run_here, start
from tests.training.test_resume import KINDS
from tests.training.tiny_model import write_run

pytestmark = pytest.mark.heavy


def run_in_two(folder: Path, fault: str = "", **variables: str) -> list[int]:
    """Exit codes of both processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared |= {"ACCELERATE_USE_CPU": "true", **variables}
    processes = [
        start(folder, fault=fault, RANK=str(rank), LOCAL_RANK=str(rank), **shared)
        for rank in range(2)
    ]
    for process in processes:
        process.join(180)
        if process.is_alive():
            for each in processes:
                each.kill()
            raise AssertionError((folder / "output.txt").read_text()[-3000:])
    return [process.exitcode for process in processes]


def figures(folder: Path, name: str) -> list[float]:
    return [e["values"][name] for e in events(folder, "metrics") if name in e["values"]]


@pytest.mark.fault
@pytest.mark.parametrize("name", ["sft", "reward, lora", "dpo, lora"])
def test_two_processes_equal_one(tmp_path: Path, base: Path, name: str) -> None:
    method, kind, more = KINDS[name]
    settings: dict[str, Any] = {"batch_size": 4, "micro_batch_size": 1}
    one = write_run(tmp_path / "one", method, kind, model=base, training=settings, **more)
    two = write_run(tmp_path / "two", method, kind, model=base, training=settings, **more)
    assert run_here(one) == 0
    assert run_in_two(two) == [0, 0], (two / "output.txt").read_text()[-3000:]
    # Each process takes every second row of the same order, so that steps are the same batches.
    assert figures(two, "loss") == pytest.approx(figures(one, "loss"), abs=1e-5)
    assert figures(two, "grad_norm") == pytest.approx(figures(one, "grad_norm"), rel=1e-3)
    ours, theirs = (load_file(f / "model" / "model.safetensors") for f in (one, two))
    for key in ours:
        assert ours[key].shape == theirs[key].shape
        assert float((ours[key] - theirs[key]).abs().max()) < 1e-4, key


@pytest.mark.fault
def test_two_processes_stop_together_and_go_on(tmp_path: Path, base: Path) -> None:
    straight = write_run(tmp_path / "straight", "sft", "prompt_completion", model=base)
    stopped = write_run(tmp_path / "stopped", "sft", "prompt_completion", model=base)
    assert run_in_two(straight) == [0, 0]
    assert run_in_two(stopped, fault="step.end:term:3") == [3, 3]
    assert run_in_two(stopped) == [0, 0]
    assert result(stopped)["resumed_from_step"] == 3
    weights = [(f / "model" / "model.safetensors").read_bytes() for f in (straight, stopped)]
    assert weights[0] == weights[1]


def run_file(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "run.json").read_text())
    config["training"] |= changes
    (folder / "run.json").write_text(json.dumps(config))


def assert_near(one: Path, two: Path) -> None:
    ours, theirs = (load_file(f / "model" / "model.safetensors") for f in (one, two))
    assert ours.keys() == theirs.keys()
    for key in ours:
        assert float((ours[key] - theirs[key]).abs().max()) < 1e-4, key


@pytest.mark.fault
@pytest.mark.parametrize(("name", "sharding"), [("sft", "zero3"), ("dpo", "zero2")])
def test_two_processes_with_a_shard_each_equal_one_with_all(
    tmp_path: Path, base: Path, name: str, sharding: str
) -> None:
    method, kind, more = KINDS[name]
    settings: dict[str, Any] = {"batch_size": 4, "micro_batch_size": 1}
    one = write_run(tmp_path / "one", method, kind, model=base, training=settings, **more)
    two = write_run(tmp_path / "two", method, kind, model=base, training=settings, **more)
    run_file(two, sharding=sharding)
    assert run_here(one) == 0
    # Stopped and gone on with: checkpoints hold whole tensors, gathered from the shards.
    assert run_in_two(two, fault="step.end:term:3") == [3, 3], (two / "output.txt").read_text()
    assert run_in_two(two) == [0, 0], (two / "output.txt").read_text()[-3000:]
    assert result(two)["resumed_from_step"] == 3
    assert figures(two, "loss") == pytest.approx(figures(one, "loss"), abs=1e-5)
    assert figures(two, "grad_norm") == pytest.approx(figures(one, "grad_norm"), rel=1e-3)
    assert figures(two, "eval/loss") == pytest.approx(figures(one, "eval/loss"), abs=1e-5)
    assert_near(one, two)
    assert config_of(one) == config_of(two)


def config_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "model" / "config.json").read_text())
    return found
