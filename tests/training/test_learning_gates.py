"""Learning that must show, through the product's own runs: SFT, reward model, DPO, best-of-N and
PPO, on three seeds.

Each gate has its control. Only sampling tells: a rising reward or accuracy alone passes models that
have become worse.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch

from tests.training import topic_facts as world
from tests.training.tiny_policies import save_causal, tiny_tokenizer, write_jsonl, write_run
from training.trainers.generation import Sampling, generate, uniforms
from training.trainers.methods import trainer_of
from training.trainers.outcome import Result
from training.trainers.rollout import pad_batch
from training.trainers.run_directory import Run

pytestmark = pytest.mark.slow
SEEDS = (0, 1, 2)
HIDDEN, LAYERS = 64, 2
ANSWER_TOKENS = 20


@dataclass
class Stage:
    """What one seed has before on-policy training: models, data, and known limits."""

    folder: Path
    sft: Path
    reward: Path
    shuffled_reward: Path
    before: float
    before_held: float
    ceiling: float
    accuracy: float
    shuffled_accuracy: float


def carry_out(folder: Path, **config: Any) -> Result:
    run = Run.open(write_run(folder, device="cpu", **config))
    try:
        return trainer_of(run.config.method)(run)
    finally:
        run.close()


def source(path: Path, role: str, kind: str) -> dict[str, str]:
    return {"role": role, "path": str(path), "kind": kind}


def say(model_folder: Path, asked: list[world.Question], seed: int) -> list[world.Said]:
    """One sampled answer to each question."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(model_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    prompts = [tokenizer(question.prompt)["input_ids"] for question in asked]
    draws = uniforms(seed, 0, range(len(asked)), ANSWER_TOKENS)
    stop = (tokenizer.eos_token_id,)
    sampling = Sampling(ANSWER_TOKENS, stop, tokenizer.pad_token_id, batch_size=256)
    answers = generate(model, prompts, draws, sampling)
    return [
        world.Said(question, tokenizer.decode(answer.ids, skip_special_tokens=True), answer.ended)
        for question, answer in zip(asked, answers, strict=True)
    ]


def divergence(model_folder: Path, reference: Path, said: list[world.Said]) -> float:
    """Mean log-ratio of these answers, sampled from the model: its KL to the reference, in nats."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from training.trainers.actor_critic import Network

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    prompts = [tokenizer(s.question.prompt)["input_ids"] for s in said]
    eos = [tokenizer.eos_token_id]
    answers = [tokenizer(s.text)["input_ids"] + (eos if s.ended else []) for s in said]
    batch = pad_batch(prompts, [ids or eos for ids in answers], tokenizer.pad_token_id, "cpu")
    sums = []
    for folder in (model_folder, reference):
        network = Network(AutoModelForCausalLM.from_pretrained(folder).eval())
        with torch.no_grad():
            sums.append((network.logps(batch, 1.0) * batch.mask).sum(1))
    return float((sums[0] - sums[1]).mean())


@pytest.fixture(scope="module", params=SEEDS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """SFT on sloppy demonstrations, preferences between its samples, and two reward models: one
    that learned them, one that learned them with labels drawn by a coin."""
    seed: int = request.param
    folder = tmp_path_factory.mktemp(f"seed{seed}")
    tokenizer = tiny_tokenizer(world.WORDS)
    save_causal(folder / "base", tokenizer, seed=seed, hidden=HIDDEN, layers=LAYERS, std=0.05)
    write_jsonl(folder / "demonstrations.jsonl", world.demonstrations(4000, seed))
    training = {"micro_batch_size": 32, "batch_size": 32, "max_length": 48, "save_every": 0}
    carry_out(
        folder / "sft",
        method="sft",
        seed=seed,
        model={"path": str(folder / "base")},
        data=[source(folder / "demonstrations.jsonl", "train", "prompt_completion")],
        training={**training, "learning_rate": 3e-3, "epochs": 4, "log_every": 50},
    )
    sft = folder / "sft" / "model"
    dice = random.Random(seed)
    asked = [dice.choice(world.questions(held_out=False)) for _ in range(5000)]
    pairs = list(zip(say(sft, asked, 1), say(sft, asked, 2), strict=True))
    rows, _ = world.preferences(pairs[:4000], seed)
    held, ceiling = world.preferences(pairs[4000:], seed + 100)
    coin = [
        row
        if dice.random() < 0.5
        else {**row, "chosen": row["rejected"], "rejected": row["chosen"]}
        for row in rows
    ]
    write_jsonl(folder / "held.jsonl", held)
    accuracy = {}
    for name, data in (("reward", rows), ("shuffled", coin)):
        write_jsonl(folder / f"{name}.jsonl", data)
        result = carry_out(
            folder / name,
            method="reward",
            seed=seed,
            model={"path": str(sft)},
            data=[
                source(folder / f"{name}.jsonl", "train", "preference"),
                source(folder / "held.jsonl", "validation", "preference"),
            ],
            training={**training, "learning_rate": 1e-3, "epochs": 3, "log_every": 50},
        )
        accuracy[name] = result.metrics["eval/accuracy"]
    return Stage(
        folder,
        sft,
        folder / "reward" / "model",
        folder / "shuffled" / "model",
        worth(sft)[0],
        worth(sft, held_out=True)[0],
        ceiling,
        accuracy["reward"] or 0.0,
        accuracy["shuffled"] or 0.0,
    )


def run_ppo(stage: Stage, name: str, reward: Path, **settings: Any) -> Path:
    prompts = stage.folder / "prompts.jsonl"
    write_jsonl(prompts, [{"prompt": q.prompt} for q in world.questions(held_out=False)])
    carry_out(
        stage.folder / name,
        method="ppo",
        model={"path": str(stage.sft)},
        reward_model={"path": str(reward)},
        data=[source(prompts, "prompts", "prompt_only")],
        training={
            "batch_size": 128,
            "micro_batch_size": 128,
            "learning_rate": 5e-4,
            "scheduler": "constant",
            "max_length": 48,
            "save_every": 0,
        },
        settings={
            "updates": 40,
            "max_new_tokens": ANSWER_TOKENS,
            "rollout_batch_size": 128,
            "kl_coef": 0.3,
            "record_rollouts": 0,
            **settings,
        },
    )
    return stage.folder / name / "model"


def run_dpo(stage: Stage, labels: str) -> tuple[float, Path]:
    """(accuracy of the implicit reward on held-out pairs, the policy) from these labels."""
    result = carry_out(
        stage.folder / f"dpo-{labels}",
        method="dpo",
        model={"path": str(stage.sft)},
        data=[
            source(stage.folder / f"{labels}.jsonl", "train", "preference"),
            source(stage.folder / "held.jsonl", "validation", "preference"),
        ],
        training={
            "batch_size": 32,
            "micro_batch_size": 32,
            "learning_rate": 3e-4,
            "max_length": 48,
            "save_every": 0,
            "log_every": 50,
        },
        settings={"beta": 0.3},
    )
    accuracy = result.metrics["eval/accuracy"]
    assert accuracy is not None
    return accuracy, stage.folder / f"dpo-{labels}" / "model"


def best_of_four(stage: Stage) -> float:
    """Mean gold of the answers that the reward model finds best of four of the SFT model's."""
    asked = [q for q in world.questions(held_out=False) for _ in range(8)]
    prompts = write_jsonl(stage.folder / "four.jsonl", [{"prompt": q.prompt} for q in asked])
    folder = stage.folder / "best-of-four"
    carry_out(
        folder,
        method="best_of_n",
        model={"path": str(stage.sft)},
        reward_model={"path": str(stage.reward)},
        data=[source(prompts, "prompts", "prompt_only")],
        training={"batch_size": 128, "micro_batch_size": 128, "max_length": 48},
        settings={"n": 4, "max_new_tokens": ANSWER_TOKENS, "rollout_batch_size": 256},
    )
    found = []
    lines = (folder / "data" / "samples.jsonl").read_text().splitlines()
    for question, line in zip(asked, lines, strict=True):
        row = json.loads(line)
        best = row["chosen"]
        found.append(world.gold(question, row["completions"][best], row["ended"][best]))
    return fmean(found)


def worth(model: Path, held_out: bool = False) -> tuple[float, float, list[world.Said]]:
    """(mean gold, EOS rate, the answers) over 400 samples."""
    asked = world.questions(held_out)
    said = say(model, [asked[i % len(asked)] for i in range(400)], seed=77)
    return fmean(s.worth for s in said), fmean(s.ended for s in said), said


def test_the_reward_model_comes_near_the_ceiling_and_one_of_coin_tosses_does_not(
    stage: Stage,
) -> None:
    print(f"ceiling {stage.ceiling:.3f}, {stage.accuracy:.3f}, coin {stage.shuffled_accuracy:.3f}")
    assert stage.accuracy > 0.5
    assert stage.accuracy >= stage.ceiling - 0.08
    assert stage.shuffled_accuracy < stage.ceiling - 0.08


def test_ppo_makes_answers_better_and_not_only_their_scores(stage: Stage) -> None:
    model = run_ppo(stage, "ppo", stage.reward)
    after, eos, said = worth(model)
    kl = divergence(model, stage.sft, said)
    held = worth(model, held_out=True)[0] - stage.before_held
    control = worth(run_ppo(stage, "ppo-shuffled", stage.shuffled_reward))[0]
    best = best_of_four(stage)
    print(f"{stage.before:.2f} -> {after:.2f} (held out +{held:.2f}), KL {kl:.2f}, EOS {eos:.3f}")
    print(f"control {control:.2f}, best of four {best:.2f}")
    assert after - stage.before >= 1.0
    assert held >= 0.5
    assert kl <= 3.0
    assert eos >= 0.98
    assert after >= best - 0.2
    assert best > stage.before + 0.3
    assert control - stage.before < 0.5


def test_dpo_makes_answers_better_and_not_only_its_accuracy(stage: Stage) -> None:
    accuracy, model = run_dpo(stage, "reward")
    after, eos, said = worth(model)
    held = worth(model, held_out=True)[0] - stage.before_held
    kl = divergence(model, stage.sft, said)
    shuffled_accuracy, shuffled = run_dpo(stage, "shuffled")
    control = worth(shuffled)[0]
    print(f"DPO accuracy {accuracy:.3f}, coin {shuffled_accuracy:.3f}, ceiling {stage.ceiling:.3f}")
    print(f"{stage.before:.2f} -> {after:.2f} (held out +{held:.2f}), KL {kl:.2f}, EOS {eos:.3f}")
    print(f"control {control:.2f}")
    assert accuracy >= 0.68
    assert after - stage.before >= 0.4
    assert held >= 0.2
    assert eos >= 0.98
    assert shuffled_accuracy < 0.62
    assert control - stage.before < 0.2


def test_a_larger_beta_keeps_the_policy_nearer_to_its_reference(stage: Stage) -> None:
    found = []
    for beta in (0.05, 0.3, 2.0):
        model = run_ppo(stage, f"ppo-{beta}", stage.reward, kl_coef=beta, updates=25)
        found.append(divergence(model, stage.sft, worth(model)[2]))
    print(f"KL at beta .05, .3, 2: {found}")
    assert found == sorted(found, reverse=True)
    assert found[0] > 2 * found[2]
