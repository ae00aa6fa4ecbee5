"""`--dry-run`: everything is checked and loaded, the first batch shown, and nothing trained."""

import sys
import time
from typing import Any

import torch

from training.trainers.outcome import Result
from training.trainers.run_directory import Run
from training.trainers.tokenising import IGNORED

_LEARNED, _CONTEXT, _RESET = "\x1b[32m", "\x1b[2m", "\x1b[0m"
MAX_ROWS = 4
MAX_TOKENS = 400


def show(
    run: Run, trainer: Any, tokenizer: Any, batch: dict[str, Any], size: dict[str, int]
) -> Result:
    """Print the first batch and the estimates; the result has them too, with no step done."""
    print(render(tokenizer, batch, colours=sys.stdout.isatty()))
    seconds = _seconds_of_a_micro_batch(trainer, batch)
    steps = trainer.args.max_steps
    total = seconds * trainer.args.gradient_accumulation_steps * steps
    print(
        f"{size['trainable_parameters']:,} of {size['parameters']:,} parameters are trained; a "
        f"step takes about {size['estimated_bytes'] / 1e9:.2f} GB. {steps} steps of "
        f"{run.config.training.batch_size} take about {total / 60:.1f} minutes here."
    )
    return Result(
        report={
            **size,
            "steps": steps,
            "estimated_seconds": round(total, 1),
            "batch": shown_tokens(tokenizer, batch),
        }
    )


def shown_tokens(tokenizer: Any, batch: dict[str, Any]) -> list[list[tuple[str, bool]]]:
    """The tokens of a batch for a page: (text, whether it is learned), row by row."""
    labels = batch.get("labels")
    rows = []
    for row, ids in enumerate(batch["input_ids"][:MAX_ROWS].tolist()):
        rows.append(
            [
                (tokenizer.decode([token]), labels is None or int(labels[row, place]) != IGNORED)
                for place, token in enumerate(ids[:MAX_TOKENS])
                if token != tokenizer.pad_token_id
            ]
        )
    return rows


def render(tokenizer: Any, batch: dict[str, Any], *, colours: bool) -> str:
    """The tokens of a batch: what is learned in green (or «so»), what is context dim (or plain).

    Escape characters in the data are shown, not sent to the terminal.
    """
    labels = batch.get("labels")
    lines = []
    for row, ids in enumerate(batch["input_ids"][:MAX_ROWS].tolist()):
        parts = []
        for place, token in enumerate(ids[:MAX_TOKENS]):
            if token == tokenizer.pad_token_id:
                continue
            text = _visible(tokenizer.decode([token]))
            learned = labels is None or int(labels[row, place]) != IGNORED
            if colours:
                parts.append(f"{_LEARNED if learned else _CONTEXT}{text}{_RESET}")
            else:
                parts.append(f"«{text}»" if learned else f"{text}|")
        lines.append(f"row {row}: " + "".join(parts))
    return "\n".join(lines)


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _seconds_of_a_micro_batch(trainer: Any, batch: dict[str, Any]) -> float:
    """One forward and backward pass over one row, timed, for all rows of a micro batch."""
    model = trainer.model
    model.train()
    inputs = trainer._prepare_inputs(dict(batch))
    started = time.perf_counter()
    with trainer.compute_loss_context_manager():
        loss = trainer.compute_loss(model, inputs)
    trainer.accelerator.backward(loss)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    model.zero_grad(set_to_none=True)
    rows = batch["input_ids"].shape[0]
    return (time.perf_counter() - started) * trainer.args.per_device_train_batch_size / rows
