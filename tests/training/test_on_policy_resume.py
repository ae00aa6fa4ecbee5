"""A run that was stopped and goes on ends where an uninterrupted one does, to the bit; and two
processes end where one does."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.test_several_processes import run_file, run_in_two
from tests.training.tiny_policies import save_causal, save_reward, write_jsonl, write_run
from training.trainers.events import read_events
from training.trainers.methods import trainer_of
from training.trainers.outcome import BadInput, Cancelled, Result
from training.trainers.run_directory import Run

pytestmark = pytest.mark.heavy

CASES = {
    "ppo": ("ppo", {"settings": {"minibatches": 2, "kl_target": 3.0, "score_scaling": True}}),
    "ppo-lora": ("ppo", {"lora": {"r": 4}}),
    "reinforce": ("reinforce", {}),
    "rloo": ("rloo", {}),
    "rloo-lora": ("rloo", {"lora": {"r": 4}}),
    "raft": ("raft", {"settings": {"iterations": 4, "samples_per_prompt": 4}}),
    "best_of_n": ("best_of_n", {"settings": {"n": 3}, "training": {"batch_size": 4}}),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_causal(folder / "policy")
    save_reward(folder / "reward")
    words = ("cat", "dog", "bird", "fish", "sun", "moon", "sea", "tree")
    rows = [{"prompt": f"tell me about the {word}"} for word in words for _ in range(2)]
    write_jsonl(folder / "prompts.jsonl", rows)
    return folder


def make_run(models: Path, folder: Path, case: str) -> Path:
    method, changes = CASES[case]
    settings: dict[str, Any] = {"max_new_tokens": 8}
    if method in ("ppo", "reinforce", "rloo"):
        settings["updates"] = 4
    if method == "raft":
        settings["prompts_per_iteration"] = 6
    training = {"batch_size": 8, "micro_batch_size": 4, "learning_rate": 1e-3, "save_every": 0}
    return write_run(
        folder,
        method=method,
        model={"path": str(models / "policy")},
        reward_model={"path": str(models / "reward")},
        data=[{"role": "prompts", "path": str(models / "prompts.jsonl"), "kind": "prompt_only"}],
        device="cpu",
        seed=5,
        training={**training, **changes.get("training", {})},
        settings={**settings, **changes.get("settings", {})},
        **{key: value for key, value in changes.items() if key not in ("training", "settings")},
    )


def carry_out(folder: Path, stop_after: int | None = None) -> Result:
    """One attempt; a stop is asked for in the midst of step `stop_after`."""
    run = Run.open(folder)
    try:
        if stop_after is not None:
            run.events.listen(
                lambda event: (
                    run.stop.request()
                    if event["kind"] == "metrics" and event["step"] == stop_after
                    else None
                )
            )
        return trainer_of(run.config.method)(run)
    finally:
        run.close()


def leavings(folder: Path) -> dict[str, Any]:
    """Everything that a run made, but for times."""
    found: dict[str, Any] = {}
    for file in sorted(
        [*folder.glob("model/*.safetensors"), *folder.glob("adapter/*.safetensors")]
    ):
        found |= {f"{file.name}:{name}": tensor for name, tensor in load_file(file).items()}
    for file in sorted([*folder.glob("rollouts/*"), *folder.glob("data/*")]):
        found[file.name] = file.read_text()
    metrics = [e for e in read_events(folder / "events.jsonl") if e["kind"] == "metrics"]
    for event in metrics:
        values = {k: v for k, v in event["values"].items() if "time/" not in k and "per_s" not in k}
        found[f"metrics {event['step']}"] = values
    return found


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, other[name]), name
        else:
            assert value == other[name], name


@pytest.mark.parametrize("case", CASES)
def test_stopped_after_two_steps_and_gone_on_with_it_ends_to_the_bit_where_it_would_have(
    models: Path, tmp_path: Path, case: str
) -> None:
    carry_out(make_run(models, tmp_path / "straight", case))
    halting = make_run(models, tmp_path / "halting", case)
    with pytest.raises(Cancelled):
        carry_out(halting, stop_after=2)
    result = carry_out(halting)
    assert result.resumed_from_step == 2
    straight = leavings(tmp_path / "straight")
    assert_same(straight, leavings(halting))
    assert any(name.startswith("metrics 4") for name in straight)


def test_another_seed_ends_elsewhere(models: Path, tmp_path: Path) -> None:
    """The control: the comparison above can fail."""
    ends = []
    for seed in (5, 6):
        folder = make_run(models, tmp_path / str(seed), "reinforce")
        config = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**config, "seed": seed}))
        carry_out(folder)
        ends.append(leavings(folder))
    with pytest.raises(AssertionError):
        assert_same(*ends)


@pytest.mark.parametrize("case", ["ppo", "rloo"])
def test_a_forward_used_twice_ends_to_the_bit_where_two_forwards_do(
    models: Path, tmp_path: Path, case: str
) -> None:
    for shared in (True, False):
        folder = make_run(models, tmp_path / str(shared), case)
        config = json.loads((folder / "run.json").read_text())
        config["settings"] |= {"share_first_forward": shared, "updates": 2}
        config["training"]["micro_batch_size"] = 2
        (folder / "run.json").write_text(json.dumps(config))
        carry_out(folder)
    assert_same(leavings(tmp_path / "True"), leavings(tmp_path / "False"))


def test_a_forward_cannot_be_kept_while_adapters_switch(models: Path, tmp_path: Path) -> None:
    folder = make_run(models, tmp_path / "run", "ppo-lora")
    config = json.loads((folder / "run.json").read_text())
    config["settings"]["share_first_forward"] = True
    (folder / "run.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match="share_first_forward is true, and the networks share"):
        carry_out(folder)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("case", "sharding"),
    [("ppo", "none"), ("ppo", "zero3"), pytest.param("rloo", "none", marks=pytest.mark.slow)],
)
def test_two_processes_end_where_one_does(
    models: Path, tmp_path: Path, case: str, sharding: str
) -> None:
    folders = {count: make_run(models, tmp_path / str(count), case) for count in (1, 2)}
    run_file(folders[2], sharding=sharding, save_every=1)
    carry_out(folders[1])
    if sharding != "none":  # stopped and gone on with, too: checkpoints hold whole tensors
        assert run_in_two(folders[2], fault="checkpoint.written:term:1") == [3, 3]
    assert run_in_two(folders[2]) == [0, 0], (folders[2] / "output.txt").read_text()[-3000:]
    one, two = (leavings(folders[count]) for count in (1, 2))
    tensors = [name for name, value in one.items() if isinstance(value, torch.Tensor)]
    assert tensors
    for name in tensors:
        torch.testing.assert_close(two[name], one[name], rtol=0, atol=2e-5)
    for step in range(1, 5):
        mine, theirs = one[f"metrics {step}"], two[f"metrics {step}"]
        local = {"response/unique_frac"}  # of one process's answers
        assert mine.keys() == theirs.keys()
        for name in mine.keys() - local:
            assert theirs[name] == pytest.approx(mine[name], rel=1e-3, abs=1e-4), name
    result = json.loads((folders[2] / "result.json").read_text())
    assert result["outcome"] == "done"
    assert result["resumed_from_step"] == (None if sharding == "none" else 2)


@pytest.mark.parametrize("case", ["ppo", "raft"])
def test_answers_to_fixed_prompts_are_scored_and_change_nothing(
    models: Path, tmp_path: Path, case: str
) -> None:
    plain = make_run(models, tmp_path / "plain", case)
    looked = make_run(models, tmp_path / "looked", case)
    config = json.loads((looked / "run.json").read_text())
    prompts = ["tell me about the cat", "tell me about the sea"]
    config["training"] |= {"sample_every": 2, "sample_prompts": prompts, "sample_tokens": 8}
    (looked / "run.json").write_text(json.dumps(config))
    carry_out(plain)
    carry_out(looked)
    weights = [load_file(folder / "model" / "model.safetensors") for folder in (plain, looked)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    said = [e for e in read_events(looked / "events.jsonl") if e["kind"] == "sample"]
    steps = [event["step"] for event in said]
    assert steps == ([0, 0, 2, 2, 4, 4] if case == "ppo" else [2, 2, 4, 4])
    assert said[0]["prompt"] == [{"role": "user", "content": prompts[0]}]
    assert all(isinstance(event["score"], float) for event in said)
