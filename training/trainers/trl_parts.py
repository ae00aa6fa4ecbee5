"""The beginning and the end that the TRL-based methods have in common."""

from typing import Any

import torch
from datasets import Dataset
from torch import Tensor

from training.trainers.adapters import attach, count_parameters, estimate_memory
from training.trainers.export import export_model
from training.trainers.loading import uses_bf16
from training.trainers.outcome import Result
from training.trainers.run_directory import Run
from training.trainers.run_trainer import RunTrainer
from training.trainers.tokenising import IGNORED


def index_dataset(count: int) -> Dataset:
    """Row numbers 0 .. count-1; the collator looks the examples up.

    Trainers shuffle and slice it; the examples themselves stay plain Python, tokenised once.
    """
    return Dataset.from_dict({"index": list(range(count))})


def padded(rows: list[list[int]], value: int) -> Tensor:
    """Rows of unequal length as one tensor (B, T), filled up with `value` on the right."""
    width = max(len(row) for row in rows)
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])


def with_adapters(run: Run, model: Any, *, reward: bool = False) -> Any:
    """The model with fresh adapters where the run asks for them; its initial draw is seeded."""
    from transformers import set_seed

    set_seed(run.config.seed)
    if run.config.lora is not None:
        model = attach(model, run.config.lora, reward=reward)
    for name, parameter in model.named_parameters() if reward else ():
        if "score" in name and name.endswith("bias"):
            # Differences of rewards do not see it, and Adam makes full steps of rounding errors.
            parameter.requires_grad_(False)
    if run.config.training.gradient_checkpointing and hasattr(model, "enable_input_require_grads"):
        model.enable_input_require_grads()
    return model


def describe_size(run: Run, model: Any, batch: dict[str, Any]) -> dict[str, int]:
    """Say what will be trained and what memory it takes; returned for the result."""
    counts = count_parameters(model)
    labels = batch.get("labels")
    settings = run.config.training
    rows = settings.micro_batch_size
    tokens = rows * settings.max_length
    share = 1.0 if labels is None else float((labels != IGNORED).float().mean())
    memory = estimate_memory(
        model,
        tokens=tokens,
        bf16=uses_bf16(run),
        checkpointing=settings.gradient_checkpointing,
        learned_tokens=round(tokens * share),
    )
    run.events.log(
        f"{counts.trainable:,} of {counts.total:,} parameters are trained "
        f"({100 * counts.trainable / counts.total:.2f} %). At the longest, a step takes about "
        f"{memory.total / 1e9:.2f} GB: weights {memory.weights / 1e9:.2f}, gradients "
        f"{memory.gradients / 1e9:.2f}, optimiser {memory.optimizer / 1e9:.2f}, activations "
        f"{memory.activations / 1e9:.2f}."
    )
    return {
        "parameters": counts.total,
        "trainable_parameters": counts.trainable,
        "estimated_bytes": memory.total,
    }


def finish(
    run: Run,
    trainer: RunTrainer,
    tokenizer: Any,
    first_batch: dict[str, Any],
    report: dict[str, object] | None = None,
) -> Result:
    """Train, evaluate and export; or, on a dry run, show what would happen."""
    size = describe_size(run, trainer.model, first_batch)
    if run.dry_run:
        from training.trainers.dry_run import show

        return show(run, trainer, tokenizer, first_batch, size)
    trainer.run_training()
    figures = trainer.evaluate_now(trainer.state.global_step)
    with trainer.whole_weights():
        more = trainer.final_report()
    exported = export_model(run, trainer, tokenizer, figures)
    return Result(
        steps=trainer.state.global_step,
        metrics=dict(figures),
        report={**size, **(report or {}), **more, **exported},
        resumed_from_step=trainer.resumed_from_step,
    )
