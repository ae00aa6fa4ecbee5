"""What a launcher may ask for, and what it is told where it may not."""

from pathlib import Path
from typing import Any

import pytest

from tests.training.tiny_policies import write_run
from training.trainers.outcome import BadInput
from training.trainers.run_config import RunConfig, read_config
from training.trainers.sharding import keep_accelerate_out, sharding_of

LAUNCH = Path(__file__).resolve().parents[2] / "training" / "launch"


def config(folder: Path, method: str = "dpo", **changes: Any) -> RunConfig:
    kinds = {"dpo": ("train", "preference"), "sft": ("train", "prompt_completion")}
    role, kind = kinds.get(method, ("prompts", "prompt_only"))
    more = {} if method in kinds else {"reward_model": {"path": "reward"}}
    data = [{"role": role, "path": "rows.jsonl", "kind": kind}]
    write_run(folder, method=method, model={"path": "base"}, data=data, **more, **changes)
    return read_config(folder / "run.json")


@pytest.mark.parametrize(
    ("name", "stage"), [("fsdp2", "zero3"), ("zero3", "zero3"), ("zero2", "zero2")]
)
def test_each_shipped_launch_configuration_shards_as_its_name_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stage: str
) -> None:
    """What accelerate itself makes of the file, held to what we read of it."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    asked = ["--config_file", str(LAUNCH / f"{name}.yaml"), "script.py"]
    options, _, _ = _validate_launch_command(launch_command_parser().parse_args(asked))
    for key, value in prepare_multi_gpu_env(options).items():
        if key.startswith(("ACCELERATE_", "FSDP_")):
            monkeypatch.setenv(key, value)
    assert sharding_of(config(tmp_path), world_size=2) == stage
    assert sharding_of(config(tmp_path), world_size=1) == "none"
    keep_accelerate_out()
    assert sharding_of(config(tmp_path), world_size=2) == "none"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "launch/zero2.yaml or zero3.yaml"),
        ({"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "1"}, "only version 2 is supported"),
        (
            {
                "ACCELERATE_USE_FSDP": "true",
                "FSDP_VERSION": "2",
                "FSDP_OFFLOAD_PARAMS": "true",
            },
            "fsdp_offload_params, which is not supported",
        ),
    ],
)
def test_other_engines_are_refused_with_what_to_use_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(BadInput, match=sentence):
        sharding_of(config(tmp_path), world_size=2)


@pytest.mark.parametrize(
    ("method", "changes", "sentence"),
    [
        ("sft", {"lora": {}}, "adapters are small"),
        ("sft", {"lora": {}, "quantization": "nf4"}, "4-bit weights are not sharded"),
        ("raft", {}, "raft keeps whole weights"),
        ("best_of_n", {}, "best_of_n keeps whole weights"),
    ],
)
def test_what_cannot_be_sharded_says_so(
    tmp_path: Path, method: str, changes: dict[str, Any], sentence: str
) -> None:
    wanted = config(tmp_path, method, training={"sharding": "zero3"}, **changes)
    assert sharding_of(wanted, world_size=1) == "none"
    with pytest.raises(BadInput, match=sentence):
        sharding_of(wanted, world_size=2)
