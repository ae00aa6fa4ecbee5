"""A step of SFT, DPO and reward training beside a bare loop and beside TRL alone; a checkpoint.

usage: OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_trainers [--steps N]

A 15 M Llama (hidden 288, 6 layers, 32,000 tokens, tied), 512 tokens a step, float32, one thread.
The figure is CPU seconds a step (median), and its ratio within this one process. The bare loops do
what no loop can leave out: forward, logits at the learned positions, backward, clipping, AdamW.
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from training.trainers.checkpoints import Checkpoints
from training.trainers.events import EventLog
from training.trainers.run_directory import Run
from training.trainers.run_trainer import RunTrainer
from training.trainers.state_io import write_tree

WORDS = 31_996
ROWS, HALF = 4, 64  # rows of a step; tokens of a prompt, and of an answer with its EOS


def write_model(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>", "<unk>"]
    words = {word: i for i, word in enumerate([*special, *(f"w{i}" for i in range(WORDS))])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    names = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=288,
        intermediate_size=768,
        num_hidden_layers=6,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=512,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def text(generator: torch.Generator, length: int) -> str:
    return " ".join(
        f"w{i}" for i in torch.randint(0, WORDS, (length,), generator=generator).tolist()
    )


def write_run(folder: Path, model: Path, method: str, steps: int) -> Path:
    folder.mkdir()
    generator = torch.Generator().manual_seed(1)
    pairs = method != "sft"
    rows = []
    # Pairs have two answers, so that half as many make the same number of tokens.
    for _ in range(steps * ROWS // (2 if pairs else 1)):
        row = {"prompt": text(generator, HALF)}
        for name in ("chosen", "rejected") if pairs else ("completion",):
            row[name] = text(generator, HALF - 1)
        rows.append(json.dumps(row))
    (folder / "train.jsonl").write_text("\n".join(rows) + "\n")
    size = ROWS // 2 if pairs else ROWS
    kind = "preference" if pairs else "prompt_completion"
    config = {
        "method": method,
        "model": {"path": str(model)},
        "data": [{"role": "train", "path": "train.jsonl", "kind": kind}],
        "device": "cpu",
        "training": {
            "max_steps": steps,
            "batch_size": size,
            "micro_batch_size": size,
            "max_length": 2 * HALF,
            "learning_rate": 1e-5,
            "save_every": 0,
        },
    }
    (folder / "run.json").write_text(json.dumps(config))
    return folder


@contextmanager
def held_before_training() -> Iterator[dict[str, Any]]:
    """Build a run's trainer, and keep it instead of training."""
    from training.trainers import dpo, reward, sft, trl_parts

    held: dict[str, Any] = {}

    def hold(run: Any, trainer: Any, *rest: Any) -> None:
        held["trainer"] = trainer

    kept = [(module, module.finish) for module in (trl_parts, dpo, reward)]
    assert sft.train
    for module, _ in kept:
        module.finish = hold  # type: ignore[assignment]
    try:
        yield held
    finally:
        for module, finish in kept:
            module.finish = finish


def build(folder: Path) -> Any:
    from training.trainers.methods import trainer_of

    run = Run.open(folder)
    with held_before_training() as held:
        trainer_of(run.config.method)(run)
    return held["trainer"]


def timed_steps(trainer: Any) -> float:
    """CPU seconds of a step, median, the first two left out."""
    from transformers import TrainerCallback

    marks: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *arguments: Any, **more: Any) -> None:
            marks.append(time.process_time())

    trainer.add_callback(Clock())
    trainer.train()
    return statistics.median(b - a for a, b in itertools.pairwise(marks[2:]))


def bare_steps(model: Any, loss_of: Callable[[int], torch.Tensor], steps: int) -> float:
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.95), weight_decay=0.0)
    model.train()
    marks = []
    for step in range(steps):
        marks.append(time.process_time())
        loss = loss_of(step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    return statistics.median(b - a for a, b in itertools.pairwise(marks[2:]))


def answer_logps(model: Any, batch: dict[str, Any]) -> torch.Tensor:
    """ln p of every learned token, its logits alone computed."""
    hidden = model.model(batch["input_ids"], attention_mask=batch["attention_mask"])[0]
    learned = batch["labels"][:, 1:] != -100
    logits = model.lm_head(hidden[:, :-1][learned])
    targets = batch["labels"][:, 1:][learned]
    return -torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def bench_sft(work: Path, model: Path, steps: int) -> dict[str, float]:
    from transformers import AutoModelForCausalLM
    from trl import SFTTrainer

    trainer = build(write_run(work / "sft", model, "sft", steps))
    rows = trainer.data_collator.__self__
    batches = [rows.collate([{"index": ROWS * s + i} for i in range(ROWS)]) for s in range(steps)]
    ours = timed_steps(trainer)
    bare_model = AutoModelForCausalLM.from_pretrained(model)
    bare = bare_steps(bare_model, lambda s: -answer_logps(bare_model, batches[s]).mean(), steps)
    other = build(write_run(work / "sft-trl", model, "sft", steps))
    other.batch_loss = lambda m, inputs: SFTTrainer.compute_loss(
        other, m, inputs, num_items_in_batch=1
    )
    return {"bare": bare, "ours": ours, "trl": timed_steps(other)}


def bench_dpo(work: Path, model: Path, steps: int) -> dict[str, float]:
    from transformers import AutoModelForCausalLM
    from trl import DPOTrainer

    trainer = build(write_run(work / "dpo", model, "dpo", steps))
    size = ROWS // 2
    rows = trainer.data_collator.__self__
    batches = [rows.collate([{"index": size * s + i} for i in range(size)]) for s in range(steps)]
    ours = timed_steps(trainer)
    bare_model = AutoModelForCausalLM.from_pretrained(model)

    def loss(step: int) -> torch.Tensor:
        logps = answer_logps(bare_model, batches[step]).view(ROWS, -1).sum(1)
        ratio = logps - batches[step]["reference_logps"]
        return -torch.nn.functional.logsigmoid(0.1 * (ratio[:size] - ratio[size:])).mean()

    bare = bare_steps(bare_model, loss, steps)
    other = build(write_run(work / "dpo-trl", model, "dpo", steps))

    def theirs(m: Any, batch: dict[str, Any]) -> Any:
        chosen, rejected = batch["reference_logps"].chunk(2)
        inputs = {
            "input_ids": batch["input_ids"],
            "attention_mask": batch["attention_mask"],
            "completion_mask": (batch["labels"] != -100).long(),
            "ref_chosen_logps": chosen,
            "ref_rejected_logps": rejected,
        }
        return DPOTrainer._compute_loss(other, m, inputs, False) * size

    other.batch_loss = theirs
    return {"bare": bare, "ours": ours, "trl": timed_steps(other)}


def bench_reward(work: Path, model: Path, steps: int) -> dict[str, float]:
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    trainer = build(write_run(work / "reward", model, "reward", steps))
    rankings = trainer.data_collator.__self__.rankings
    tokenizer = trainer.processing_class
    ours = timed_steps(trainer)
    data = [
        {"chosen_ids": ranking.sequences[0], "rejected_ids": ranking.sequences[1]}
        for ranking in rankings
    ]
    arguments = RewardConfig(
        output_dir=str(work / "trl"),
        per_device_train_batch_size=ROWS // 2,
        max_steps=steps,
        learning_rate=1e-5,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
        logging_steps=1,
        optim="adamw_torch",
    )
    plain = AutoModelForSequenceClassification.from_pretrained(model, num_labels=1)
    theirs = RewardTrainer(
        model=plain,
        args=arguments,
        train_dataset=Dataset.from_list(data),
        processing_class=tokenizer,
    )
    return {"ours": ours, "trl": timed_steps(theirs)}


def bench_checkpoint(work: Path) -> dict[str, float]:
    """A 135 M Llama with AdamW's moments: seconds, bytes, and memory beyond what was there."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=49_152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    optimiser = torch.optim.AdamW(model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    optimiser.zero_grad()
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    wall, cpu = time.monotonic(), time.process_time()
    checkpoints = Checkpoints(work / "checkpoints", EventLog(None))
    with checkpoints.writing(1) as folder:
        write_tree(folder / "model", model.state_dict())
        write_tree(folder / "optimizer", optimiser.state_dict())
    seconds = (time.monotonic() - wall, time.process_time() - cpu)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    size = sum(path.stat().st_size for path in (work / "checkpoints").rglob("*.safetensors"))
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "wall_s": seconds[0],
        "cpu_s": seconds[1],
        "written_gb": size / 1e9,
        "weights_gb": weights / 1e9,
        "peak_growth_gb": grown / 1e9,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    RunTrainer._save_checkpoint = lambda *arguments: None  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        print("checkpoint", json.dumps(bench_checkpoint(work)))
        write_model(work / "model")
        for title, bench in (("sft", bench_sft), ("dpo", bench_dpo), ("reward", bench_reward)):
            found = bench(work, work / "model", steps)
            least = found.get("bare", found["trl"])
            ratios = {f"{key}_ratio": round(value / least, 3) for key, value in found.items()}
            print(title, json.dumps({k: round(v, 4) for k, v in found.items()} | ratios))


if __name__ == "__main__":
    main()
