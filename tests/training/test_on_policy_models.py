"""What the networks of on-policy training are made of, and the data that RAFT and best-of-N
make."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.tiny_policies import (
    WORDS,
    save_causal,
    save_reward,
    tiny_tokenizer,
    write_jsonl,
    write_run,
)
from training.algorithms.sampling import expected_max
from training.trainers.data import CompletionRow, PreferenceRow, read_rows
from training.trainers.methods import trainer_of
from training.trainers.on_policy_models import OnPolicyModels, OtherTokens, load_models
from training.trainers.outcome import BadInput, Result
from training.trainers.ppo import PPO
from training.trainers.processes import Figures, Processes
from training.trainers.prompts import PromptOrder
from training.trainers.rollout import pad_batch
from training.trainers.run_config import DataSource
from training.trainers.run_directory import Run

pytestmark = pytest.mark.heavy

PROMPTS = [{"prompt": f"tell me about the {word}"} for word in ("cat", "dog", "bird", "sun")]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_causal(folder / "policy")
    save_reward(folder / "reward")
    write_jsonl(folder / "prompts.jsonl", PROMPTS)
    return folder


def open_run(models: Path, folder: Path, method: str = "ppo", **changes: Any) -> Run:
    rounds = {"ppo": {"updates": 2}, "raft": {"iterations": 2, "samples_per_prompt": 4}}
    settings = {"max_new_tokens": 16, **rounds.get(method, {}), **changes.pop("settings", {})}
    training = {"batch_size": 4, "micro_batch_size": 4, "learning_rate": 1e-2, "max_length": 64}
    config = {
        "method": method,
        "model": {"path": str(models / "policy")},
        "reward_model": {"path": str(models / "reward")},
        "data": [{"role": "prompts", "path": str(models / "prompts.jsonl"), "kind": "prompt_only"}],
        "device": "cpu",
        "training": {**training, **changes.pop("training", {})},
        "settings": settings,
    }
    return Run.open(write_run(folder, **{**config, **changes}))


def load(run: Run) -> OnPolicyModels:
    return load_models(run, Processes(run), value=True)[0]


def carry_out(run: Run) -> Result:
    try:
        return trainer_of(run.config.method)(run)
    finally:
        run.close()


def save_reward_adapter(models: Path, folder: Path) -> Path:
    """An adapter and head for a reward model on the policy's own weights."""
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(11)
    base = AutoModelForSequenceClassification.from_pretrained(models / "policy", num_labels=1)
    config = LoraConfig(
        r=4,
        target_modules=["q_proj", "v_proj"],
        task_type=TaskType.SEQ_CLS,
        modules_to_save=["score"],
    )
    model = get_peft_model(base, config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name or "modules_to_save" in name:
                parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    expected = model.eval()
    batch = pad_batch([[3, 4, 5]], [[6, 7, 1]], 0, "cpu")
    with torch.no_grad():
        backbone = expected.get_base_model().model
        hidden = backbone(batch.ids, attention_mask=batch.attention).last_hidden_state[0, -1]
        score = expected.get_base_model().score(hidden)
    torch.save(score, folder.parent / "expected.pt")
    return folder


def test_a_reward_adapter_on_the_policys_base_shares_its_weights(
    models: Path, tmp_path: Path
) -> None:
    adapter = save_reward_adapter(models, tmp_path / "adapter")
    source = {"path": str(models / "policy"), "adapter": str(adapter)}
    run = open_run(models, tmp_path / "run", lora={"r": 4}, reward_model=source)
    actors = load(run).actors
    assert actors.reward is not None
    assert actors.value is not None
    assert actors.reward.host is actors.policy.host is actors.value.host
    batch = pad_batch([[3, 4, 5]], [[6, 7, 1]], 0, "cpu")
    with torch.no_grad():
        score, value = actors.reward.scores(batch), actors.value.scalars(batch)[0, -1]
    expected = torch.load(tmp_path / "expected.pt", weights_only=True)
    torch.testing.assert_close(score, expected)
    torch.testing.assert_close(value, score[0])


def test_learning_moves_the_value_and_leaves_the_reward_that_it_began_as(
    models: Path, tmp_path: Path
) -> None:
    adapter = save_reward_adapter(models, tmp_path / "adapter")
    source = {"path": str(models / "policy"), "adapter": str(adapter)}
    run = open_run(models, tmp_path / "run", lora={"r": 4}, reward_model=source)
    processes = Processes(run)
    ppo = PPO(run, processes, *load_models(run, processes, value=True))
    rollout = ppo.sample()
    ppo.score(rollout, Figures())
    scores, values, ref = (
        x.clone() for x in (rollout.raw_scores, rollout.values, rollout.ref_logps)
    )
    ppo.advance()
    ppo.score(rollout, Figures())
    assert torch.equal(rollout.raw_scores, scores)
    assert torch.equal(rollout.ref_logps, ref)
    assert not torch.equal(rollout.values, values)


def test_a_reward_model_with_another_vocabulary_reads_the_text(
    models: Path, tmp_path: Path
) -> None:
    """The same words under other ids: the scores must be those of the same ids under the same
    words."""
    words = " ".join(reversed(WORDS.split()))
    other = tiny_tokenizer(words)
    folder = tmp_path / "other"
    save_reward(folder, other)
    run = open_run(
        models,
        tmp_path / "run",
        reward_model={"path": str(folder)},
        settings={"value_init": "zero_head"},
    )
    processes = Processes(run)
    loaded, prompts = load_models(run, processes, value=True)
    assert isinstance(loaded.scorer, OtherTokens)
    ppo = PPO(run, processes, loaded, prompts)
    rollout = ppo.sample()
    ppo.score(rollout, Figures())
    reward = loaded.scorer.network
    for row, completion in enumerate(rollout.completions):
        text = loaded.tokenizer.decode(completion.ids, skip_special_tokens=True)
        ids = other(text)["input_ids"] + ([other.eos_token_id] if completion.ended else [])
        prompt = other(str(rollout.prompts[row].source))["input_ids"]
        with torch.no_grad():
            alone = reward.scores(pad_batch([prompt], [ids or [other.eos_token_id]], 0, "cpu"))
        torch.testing.assert_close(rollout.raw_scores[row], alone[0], rtol=1e-4, atol=1e-5)


def test_a_value_cannot_begin_as_a_reward_model_with_another_vocabulary(
    models: Path, tmp_path: Path
) -> None:
    save_reward(tmp_path / "other", tiny_tokenizer("only a few words"))
    run = open_run(models, tmp_path / "run", reward_model={"path": str(tmp_path / "other")})
    with pytest.raises(BadInput, match=r"another vocabulary.*Set value_init to 'zero_head'"):
        load(run)


def test_an_order_of_prompts_asks_each_once_a_pass_and_each_pass_anew() -> None:
    order = PromptOrder(10, seed=3)
    passes = [order.take(start, 10) for start in (0, 10)]
    assert [sorted(one) for one in passes] == [list(range(10))] * 2
    assert passes[0] != passes[1]
    assert PromptOrder(10, seed=3).take(5, 10) == passes[0][5:] + passes[1][:5]


@pytest.mark.parametrize("method", ["ppo", "rloo", "raft", "best_of_n"])
def test_a_dry_run_measures_and_leaves_nothing(
    models: Path, tmp_path: Path, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run(models, tmp_path / "run", method)
    run.close()
    result = carry_out(Run.open(run.path, dry_run=True))
    assert result.report["trainable_parameters"] > 0
    assert result.report["estimated_bytes"] > 0
    assert "minutes here" in capsys.readouterr().out
    assert not (run.path / "checkpoints").exists()
    assert not (run.path / "model").exists()


def test_best_of_n_leaves_rows_that_the_other_methods_read(models: Path, tmp_path: Path) -> None:
    run = open_run(models, tmp_path / "run", "best_of_n", settings={"n": 6, "max_new_tokens": 40})
    result = carry_out(run)
    data = run.path / "data"
    samples = [json.loads(line) for line in (data / "samples.jsonl").read_text().splitlines()]
    assert [row["prompt"] for row in samples] == [row["prompt"] for row in PROMPTS]
    for row in samples:
        assert row["scores"][row["chosen"]] == max(row["scores"])
        assert len(row["completions"]) == len(row["scores"]) == 6
    curve = result.report["best_of_n"]
    assert isinstance(curve, list)
    for point in curve:
        mean = sum(expected_max(row["scores"], point["n"]) for row in samples) / len(samples)
        assert point["expected_max"] == pytest.approx(mean)
    assert curve[0]["kl_bound"] == 0.0
    for name, kind, row_type in (
        ("best", "prompt_completion", CompletionRow),
        ("pairs", "preference", PreferenceRow),
    ):
        path = data / f"{name}.jsonl"
        rows = read_rows(path, DataSource(role="train", path=str(path), kind=kind), row_type)
        assert rows


def test_raft_shows_what_it_kept_and_what_it_dropped(models: Path, tmp_path: Path) -> None:
    run = open_run(models, tmp_path / "run", "raft", settings={"max_new_tokens": 40})
    carry_out(run)
    for iteration in (1, 2):
        path = run.path / "data" / f"samples-{iteration}.jsonl"
        samples = [json.loads(line) for line in path.read_text().splitlines()]
        assert len(samples) == 16
        by_prompt: dict[str, list[dict[str, Any]]] = {}
        for row in samples:
            by_prompt.setdefault(row["prompt"], []).append(row)
        for rows in by_prompt.values():
            kept = [row for row in rows if row["kept"]]
            assert [row["score"] for row in kept] == [max(row["score"] for row in rows)]
        kept_path = run.path / "data" / f"kept-{iteration}.jsonl"
        count = len(kept_path.read_text().splitlines())
        assert count == sum(row["kept"] and row["ended"] for row in samples)


def test_a_share_that_keeps_no_answer_is_refused(models: Path, tmp_path: Path) -> None:
    run = open_run(models, tmp_path / "run", "raft", settings={"select": "top", "keep_share": 0.01})
    with pytest.raises(BadInput, match=r"keep_share 0\.01 of 16 answers is less than one"):
        carry_out(run)


def test_chats_go_through_the_template_and_come_back_as_chats(models: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "chats.jsonl"
    write_jsonl(prompts, [{"prompt": [{"role": "user", "content": "tell me about the cat"}]}])
    run = open_run(
        models,
        tmp_path / "run",
        "best_of_n",
        data=[{"role": "prompts", "path": str(prompts), "kind": "prompt_only"}],
        settings={"n": 8, "max_new_tokens": 40},
    )
    carry_out(run)
    best = json.loads((run.path / "data" / "best.jsonl").read_text())
    assert best["prompt"][0]["role"] == "user"
    assert best["completion"][0]["role"] == "assistant"


def test_vllm_is_asked_for_by_a_sentence_where_it_is_missing(models: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vllm is installed here")
    run = open_run(models, tmp_path / "run", "best_of_n", settings={"engine": "vllm"})
    with pytest.raises(BadInput, match=r"vllm.*not installed.*pip install rondo\[vllm\]"):
        carry_out(run)
