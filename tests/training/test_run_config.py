import json
from pathlib import Path

import msgspec
import pytest

from training.trainers.outcome import BadInput
from training.trainers.run_config import describe, parse_config, read_config
from training.trainers.settings import SETTINGS


def given(**changes: object) -> dict[str, object]:
    return {
        "method": "sft",
        "model": {"path": "base"},
        "data": [{"role": "train", "path": "train.jsonl", "kind": "prompt_completion"}],
        **changes,
    }


def problems(**changes: object) -> list[str]:
    with pytest.raises(BadInput) as refused:
        parse_config(given(**changes))
    return refused.value.problems


def test_it_fills_in_what_the_method_prefers() -> None:
    config = parse_config(given())
    assert (config.training.learning_rate, config.training.epochs) == (2e-5, 3.0)
    assert parse_config(given(lora={})).training.learning_rate == 2e-4
    assert parse_config(given(training={"learning_rate": 0.5})).training.learning_rate == 0.5


def test_it_lists_every_problem_at_once_and_what_is_allowed() -> None:
    found = problems(
        training={"epochs": "many", "learning_rat": 1}, seed=-1, lora={"r": 0}, precision="fp8"
    )
    assert len(found) == 5
    text = "\n".join(found)
    assert "training.learning_rat is not a setting. Did you mean 'learning_rate'?" in text
    assert 'training.epochs is "many"; it must be a number above 0 and at most 1000.' in text
    assert "seed is -1; it must be a whole number of at least 0 and below" in text
    assert "lora.r is 0; it must be a whole number of at least 1 and at most 1024" in text
    assert "precision is \"fp8\"; it must be one of 'auto', 'fp32', 'bf16'" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "sfft"}, "method is"),
        ({"data": []}, "no file with the role 'train'"),
        ({"data": [{"role": "prompts", "path": "p", "kind": "prompt_only"}]}, "does not read"),
        ({"data": [{"role": "train", "path": "p", "kind": "text"}]}, "reads prompt_completion"),
        ({"data": [{"role": "train", "kind": "text"}]}, "data[0].path is missing"),
        ({"quantization": "nf4"}, "without lora"),
        ({"training": {"batch_size": 5, "micro_batch_size": 2}}, "no multiple"),
        ({"training": []}, "must be an object"),
        ({"settings": {"beta": 0.1}}, "settings.beta is not a setting"),
        ({"trackers": ["mail"]}, "tensorboard"),
        ({"model": "base"}, "must be an object"),
    ],
)
def test_it_refuses_what_it_cannot_do(changes: dict[str, object], words: str) -> None:
    assert words in "\n".join(problems(**changes))


def test_leave_one_out_needs_two_answers_and_rloo_begins_with_four() -> None:
    online = {
        "method": "rloo",
        "reward_model": {"path": "rm"},
        "data": [{"role": "prompts", "path": "p", "kind": "prompt_only"}],
    }
    assert parse_config(given(**online)).settings.samples_per_prompt == 4
    assert "leave-one-out" in problems(**online, settings={"samples_per_prompt": 1})[0]
    del online["reward_model"]
    assert "reward_model is not given" in problems(**online)[0]


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"method": NaN}', "[" * 100_000])
def test_it_refuses_a_file_that_is_no_object(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(BadInput):
        read_config(tmp_path / "run.json")


def test_what_it_resolved_can_be_read_again(tmp_path: Path) -> None:
    config = parse_config(given(lora={"targets": ["q_proj"]}))
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(config))
    assert read_config(tmp_path / "run.json") == config


@pytest.mark.parametrize("method", SETTINGS)
def test_every_setting_says_what_it_is_and_its_default_is_allowed(method: str) -> None:
    for setting in describe(method):
        assert setting.help.endswith("."), setting.name
        assert setting.allowed, setting.name
        json.dumps(msgspec.to_builtins(setting))
        if isinstance(setting.default, (int, float)) and setting.low is not None:
            assert setting.low <= setting.default <= setting.high


def test_the_page_of_settings_is_up_to_date() -> None:
    from training.trainers.settings_page import page

    root = Path(__file__).resolve().parents[2]
    assert (root / "docs" / "settings.md").read_text() == page()


def test_every_run_in_the_documentation_is_accepted() -> None:
    import re

    root = Path(__file__).resolve().parents[2]
    text = (root / "docs" / "training.md").read_text()
    runs = re.findall(r"^echo '(\{\"method\".*\})' > \w+/run\.json$", text, re.MULTILINE)
    methods = [parse_config(json.loads(run)).method for run in runs]
    assert methods == ["sft", "pretrain", "reward", "dpo", "ppo"]
