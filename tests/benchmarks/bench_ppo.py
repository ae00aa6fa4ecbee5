"""PPO beside the last PPO that TRL had (1.12): CPU seconds on the same models, prompts and lengths.

    python tests/benchmarks/bench_ppo.py [--trl-python PYTHON] [--updates 3] [--lengths fixed]
    [--lora]

PYTHON belongs to an environment with trl==1.12.0 and this project's torch, transformers and peft;
without it, one is made with uv in a temporary folder. Both sides train all weights (or LoRA) of a
Llama of 15 million parameters with random weights, whose answers end after 20 tokens of at most 32
in the mean; with --lengths fixed they practically never end, and nothing is gained from rows that
stop early. TRL samples and scores the whole batch at once, which is its fastest here. One thread
each.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VOCABULARY, HIDDEN, LAYERS = 32_000, 288, 6
PROMPT, ANSWER = 32, 32  # tokens
BATCH, MICRO, EPOCHS = 32, 8, 4
SHARED, EOS_PULL = 3.0, 3.8  # measured: an EOS probability of 0.029 to 0.035 at every position
TARGET = 0.6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trl-python", help="a Python with trl 1.12.0; made when left out")
    parser.add_argument("--updates", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2, help="runs of each side; the best counts")
    parser.add_argument("--lengths", choices=("ragged", "fixed"), default="ragged")
    parser.add_argument("--lora", action="store_true", help="adapters instead of all weights")
    parser.add_argument("--side", choices=("ours", "trl"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side = {"ours": ours, "trl": trl}[options.side]
        print(json.dumps({"cpu_s": side(options.folder, options.updates, options.lora)}))
        return
    with tempfile.TemporaryDirectory(prefix="bench-ppo-") as name:
        compare(Path(name), options)


def compare(folder: Path, options: argparse.Namespace) -> None:
    """Run both sides by turns and print the ratio of their best times."""
    theirs = options.trl_python or make_environment(folder / "trl")
    make_models(folder, ending=options.lengths == "ragged")
    seconds: dict[str, list[float]] = {"ours": [], "trl": []}
    for _ in range(options.rounds):
        for side, python in (("ours", sys.executable), ("trl", theirs)):
            seconds[side].append(measure(python, side, folder, options))
            print(f"{side}: {seconds[side][-1]:.1f} CPU s", file=sys.stderr, flush=True)
    best = {side: min(found) for side, found in seconds.items()}
    ratio = best["ours"] / best["trl"]
    kind = "LoRA r 16" if options.lora else "all weights"
    shape = f"{options.updates} updates x {BATCH} answers x {ANSWER} tokens ({options.lengths}), "
    shape += f"{EPOCHS} passes"
    print(f"PPO, {kind}, {shape}")
    for side, found in seconds.items():
        shown = ", ".join(f"{s / options.updates:.2f}" for s in found)
        print(f"  {side:5} CPU s an update: {shown}")
    print(f"  ratio {ratio:.2f} (target at most {TARGET})")


def measure(python: str, side: str, folder: Path, options: argparse.Namespace) -> float:
    command = [python, __file__, "--side", side, "--folder", str(folder)]
    command += ["--updates", str(options.updates), *(["--lora"] if options.lora else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    environment |= {"TRL_EXPERIMENTAL_SILENCE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-4000:])
    sys.stderr.writelines(f"  {row}\n" for row in done.stderr.splitlines() if "answers of" in row)
    return float(json.loads(done.stdout.splitlines()[-1])["cpu_s"])


def make_environment(folder: Path) -> str:
    """A virtual environment of its own with TRL 1.12 and our versions of the rest."""
    subprocess.run(["uv", "venv", "-q", str(folder)], check=True)
    same = [f"{name}=={metadata.version(name)}" for name in ("transformers", "peft", "accelerate")]
    torch = f"torch=={metadata.version('torch').split('+')[0]}"
    python = str(folder / "bin" / "python")
    command = ["uv", "pip", "install", "-q", "--python", python, "trl==1.12.0", torch, *same]
    subprocess.run(command, check=True)
    return python


def make_models(folder: Path, *, ending: bool) -> None:
    """Policy, reward model and prompts, for both sides; answers that end, or never do."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        LlamaForSequenceClassification,
        PreTrainedTokenizerFast,
    )

    names = ["<pad>", "<eos>", "<unk>", *(f"w{i}" for i in range(VOCABULARY - 3))]
    core = Tokenizer(models.WordLevel({n: i for i, n in enumerate(names)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=768,
        num_hidden_layers=LAYERS,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        num_labels=1,
    )
    torch.manual_seed(0)
    for name, kind in (("policy", LlamaForCausalLM), ("reward", LlamaForSequenceClassification)):
        model = kind(config)
        if ending and name == "policy":
            with torch.no_grad():
                # Every state shares a direction, and the EOS's logit reads it.
                model.model.embed_tokens.weight[:, 0] = SHARED
                model.model.embed_tokens.weight[1, 0] = EOS_PULL
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    ids = torch.randint(3, VOCABULARY, (256, PROMPT)).tolist()
    rows = [{"prompt": " ".join(names[i] for i in row), "input_ids": row} for row in ids]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def ours(folder: Path, updates: int, lora: bool) -> float:
    """CPU seconds of our updates, loading and saving aside."""
    sys.path.insert(0, str(ROOT))
    from training.trainers.allocator import keep_freed_memory
    from training.trainers.on_policy_models import load_models
    from training.trainers.ppo import PPO
    from training.trainers.processes import Processes
    from training.trainers.run_directory import Run

    config: dict[str, Any] = {
        "method": "ppo",
        "model": {"path": str(folder / "policy")},
        "reward_model": {"path": str(folder / "reward")},
        "data": [{"role": "prompts", "path": str(folder / "prompts.jsonl"), "kind": "prompt_only"}],
        "device": "cpu",
        "lora": {"r": 16, "targets": ["q_proj", "v_proj"]} if lora else None,
        "training": {"batch_size": BATCH, "micro_batch_size": MICRO, "learning_rate": 1e-6},
        "settings": {
            "updates": updates,
            "max_new_tokens": ANSWER,
            "ppo_epochs": EPOCHS,
            "share_first_forward": None if lora else True,
        },
    }
    keep_freed_memory()  # as python -m training.trainers does on a CPU
    with tempfile.TemporaryDirectory(dir=folder) as name:
        (Path(name) / "run.json").write_text(json.dumps(config))
        run = Run.open(Path(name))
        processes = Processes(run)
        ppo = PPO(run, processes, *load_models(run, processes, value=True))
        started = time.process_time()
        for _ in range(updates):
            ppo.advance()
        seconds = time.process_time() - started
        run.close()
    print(f"answers of {ppo.metrics['response/length']:.1f} tokens", file=sys.stderr)
    assert ppo.metrics["early_stopped"] == 0.0
    return seconds


def trl(folder: Path, updates: int, lora: bool) -> float:
    """CPU seconds of TRL's training loop."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import (
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
        AutoTokenizer,
    )
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    def policy() -> Any:
        return AutoModelForCausalLM.from_pretrained(folder / "policy", dtype="float32")

    def reward() -> Any:
        return AutoModelForSequenceClassification.from_pretrained(
            folder / "reward", dtype="float32", num_labels=1
        )

    tokenizer = AutoTokenizer.from_pretrained(folder / "policy", padding_side="left")
    lines = (folder / "prompts.jsonl").read_text().splitlines()
    data = Dataset.from_list([{"input_ids": json.loads(line)["input_ids"]} for line in lines])
    with tempfile.TemporaryDirectory(dir=folder) as name:
        arguments = PPOConfig(
            output_dir=name,
            per_device_train_batch_size=MICRO,
            gradient_accumulation_steps=BATCH // MICRO,
            num_mini_batches=1,
            num_ppo_epochs=EPOCHS,
            total_episodes=updates * BATCH,
            response_length=ANSWER,
            local_rollout_forward_batch_size=BATCH,
            num_sample_generations=0,
            temperature=1.0,
            learning_rate=1e-6,
            missing_eos_penalty=1.0,
            stop_token="eos",
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        )
        trainer = PPOTrainer(
            args=arguments,
            processing_class=tokenizer,
            model=policy(),
            ref_model=None if lora else policy(),
            reward_model=reward(),
            value_model=reward(),
            train_dataset=data,
            eval_dataset=data.select(range(8)),
            peft_config=LoraConfig(r=16, target_modules=["q_proj", "v_proj"]) if lora else None,
        )
        started = time.process_time()
        trainer.train()
        return time.process_time() - started


if __name__ == "__main__":
    main()
