"""Whether learning happens, in seconds: a reward model that is known to the digit, written by
hand."""

from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch

from tests.training.tiny_policies import (
    WORDS,
    save_causal,
    tiny_config,
    tiny_tokenizer,
    write_jsonl,
    write_run,
)
from training.trainers.methods import trainer_of
from training.trainers.run_directory import Run

pytestmark = pytest.mark.heavy

GOOD = ("cat", "dog", "bird", "fish", "sun", "moon", "sea", "tree")
OTHER = ("is", "was", "tell", "me", "about", "and", "it", "likes")


def save_counting_reward(folder: Path, good: tuple[str, ...]) -> Path:
    """A reward model whose score grows with the share of `good` words among all that it reads.

    One layer with queries and keys of zero attends to all positions alike; values carry the mark
    of a good word from dimension 0 to dimension 1, which the head reads.
    """
    from transformers import LlamaForSequenceClassification

    tokenizer = tiny_tokenizer()
    config = tiny_config(tokenizer, layers=1)
    config.num_labels, config.num_key_value_heads = 1, config.num_attention_heads
    model = LlamaForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.zero_()
        embedding = model.model.embed_tokens.weight
        embedding[:, 2] = 1.0  # a constant, so that no state has norm 0
        embedding[tokenizer.convert_tokens_to_ids(list(good)), 0] = 1.0
        attention = model.model.layers[0].self_attn
        attention.v_proj.weight[0, 0] = 1.0
        attention.o_proj.weight[1, 0] = 1.0
        model.score.weight[0, 1] = 2.0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def good_share(run: Path, step: int) -> float:
    """Share of GOOD words in the answers of an update."""
    import json

    lines = (run / "rollouts" / f"step-{step}.jsonl").read_text().splitlines()
    words = [word for line in lines for word in json.loads(line)["completion"].split()]
    return fmean(word in GOOD for word in words)


def learn(
    tmp_path: Path, method: str, rewarded: tuple[str, ...], **changes: Any
) -> tuple[float, float]:
    """(share of GOOD words in the first update's answers, and in the last's)."""
    updates = changes.pop("updates", 25)
    save_causal(tmp_path / "policy")
    save_counting_reward(tmp_path / "reward", rewarded)
    prompts = [{"prompt": f"tell me about {word}"} for word in WORDS.split()]
    write_jsonl(tmp_path / "prompts.jsonl", prompts)
    run = Run.open(
        write_run(
            tmp_path / "run",
            method=method,
            model={"path": str(tmp_path / "policy")},
            reward_model={"path": str(tmp_path / "reward")},
            data=[
                {"role": "prompts", "path": str(tmp_path / "prompts.jsonl"), "kind": "prompt_only"}
            ],
            device="cpu",
            training={
                "batch_size": 32,
                "micro_batch_size": 32,
                "learning_rate": 3e-3,
                "scheduler": "constant",
                "save_every": 0,
            },
            settings={
                "updates": updates,
                "max_new_tokens": 8,
                "missing_eos_penalty": 0.0,
                "kl_coef": 0.02,
                "record_rollouts": 32,
                **changes.pop("settings", {}),
            },
            **changes,
        )
    )
    trainer_of(method)(run)
    run.close()
    return good_share(run.path, 1), good_share(run.path, updates)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("ppo", {}),
        ("ppo", {"lora": {"r": 8}}),
        ("reinforce", {"updates": 40}),
        ("rloo", {"updates": 40}),
    ],
    ids=["ppo", "ppo-lora", "reinforce", "rloo"],
)
def test_the_policy_learns_to_say_what_is_rewarded(
    tmp_path: Path, method: str, changes: dict[str, Any]
) -> None:
    before, after = learn(tmp_path, method, GOOD, **changes)
    assert before < 0.3
    assert after > before + 0.3


def test_it_does_not_when_other_words_are_rewarded(tmp_path: Path) -> None:
    """The control: the same run under a reward for other words."""
    before, after = learn(tmp_path, "ppo", OTHER)
    assert after < before + 0.1


def test_a_heavier_kl_penalty_keeps_the_policy_nearer(tmp_path: Path) -> None:
    shares = []
    for kl_coef in (0.0, 0.5):
        folder = tmp_path / str(kl_coef)
        folder.mkdir()
        shares.append(learn(folder, "ppo", GOOD, settings={"kl_coef": kl_coef})[1])
    assert shares[0] > shares[1] + 0.1
