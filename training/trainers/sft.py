"""Supervised fine-tuning and continued pretraining, on TRL's SFT trainer.

The loss is the mean negative log-likelihood of the learned tokens, over the whole optimiser step
and all processes (arXiv:2203.02155, section 3.5); which tokens are learned, `tokenising` decides.
"""

import math
from typing import Any

import torch
from torch import Tensor
from trl import SFTConfig, SFTTrainer

from training.trainers.data import CompletionRow, TextRow, read_role
from training.trainers.events import Phase
from training.trainers.learned_tokens import learned_tokens
from training.trainers.loading import load_causal_model, load_tokenizer
from training.trainers.outcome import BadInput, Result
from training.trainers.run_config import Role
from training.trainers.run_directory import Run
from training.trainers.run_trainer import RunTrainer, steps_of_an_epoch, training_arguments
from training.trainers.tokenising import IGNORED, Texts, Tokenised, pack
from training.trainers.trl_parts import index_dataset, padded

Batch = dict[str, Any]


class SFTRun(RunTrainer, SFTTrainer):
    """TRL's trainer over rows tokenised by us; the loss scores learned positions only."""

    validation: list[Batch]

    def _prepare_dataset(self, dataset: Any, *arguments: Any, **options: Any) -> Any:
        return dataset

    def batch_loss(self, model: Any, inputs: Batch) -> Tensor:
        labels = inputs.pop("labels")
        scored = learned_tokens(model, inputs, labels)
        if len(scored.correct):
            self.figures["token_accuracy"].append(float(scored.correct.float().mean()))
        # L = - sum ln p(y_t | x, y_<t)
        return -scored.logps.sum()

    def evaluation(self) -> dict[str, float]:
        loss, right, tokens = 0.0, 0, 0
        for batch in self.validation:
            self.check_evaluation()
            inputs = self._prepare_inputs(dict(batch))
            labels = inputs.pop("labels")
            tokens += int(inputs.pop("items"))
            inputs.pop("tokens")
            scored = learned_tokens(self.model, inputs, labels)
            loss -= float(scored.logps.double().sum())
            right += int(scored.correct.sum())
        if not tokens:
            return {}
        mean = loss / tokens
        return {
            "eval/loss": mean,
            "eval/perplexity": math.exp(min(mean, 700.0)),
            "eval/token_accuracy": right / tokens,
        }


class Rows:
    """Tokenised examples laid out in rows, one example each or packed."""

    def __init__(
        self, examples: list[Tokenised], pad_id: int, *, width: int, packing: bool
    ) -> None:
        self.examples = examples
        self.pad_id = pad_id
        self.packing = packing
        self.layout = pack(examples, width) if packing else [[i] for i in range(len(examples))]

    def __len__(self) -> int:
        return len(self.layout)

    def collate(self, features: list[dict[str, int]]) -> Batch:
        """Rows by their numbers: `input_ids`, `labels` (B, T), and a mask or positions.

        In a packed row each example counts its positions from 0 and has no mask: this is how
        transformers knows that examples must not see one another.
        """
        rows = [self.layout[feature["index"]] for feature in features]
        ids = [[t for i in row for t in self.examples[i].input_ids] for row in rows]
        labels = [[t for i in row for t in [IGNORED, *self.examples[i].labels[1:]]] for row in rows]
        batch: Batch = {
            "input_ids": padded(ids, self.pad_id),
            "labels": padded(labels, IGNORED),
        }
        if self.packing:
            batch["position_ids"] = self._positions(rows, batch["input_ids"].shape[1])
        else:
            batch["attention_mask"] = padded([[1] * len(row) for row in ids], 0)
        batch["items"] = float((batch["labels"] != IGNORED).sum())
        batch["tokens"] = sum(len(row) for row in ids)
        return batch

    def _positions(self, rows: list[list[int]], width: int) -> Tensor:
        positions = []
        for row in rows:
            counts = [p for i in row for p in range(len(self.examples[i].input_ids))]
            positions.append([*counts, *range(width - len(counts))])  # padding is its own example
        return torch.tensor(positions)


def read_examples(run: Run, role: Role, texts: Texts) -> list[Tokenised]:
    """The tokenised rows of a role, cut at max_length; rows left with nothing to learn are dropped.

    Raises BadInput when none is left.
    """
    width = run.config.training.max_length
    if run.config.method == "pretrain":
        documents = [texts.document(row.text) for row in read_role(run, role, TextRow)]
        # A long document is continued in the next rows: nothing of it is lost.
        pieces = [
            Tokenised(ids[at : at + width], labels[at : at + width])
            for ids, labels in documents
            for at in range(0, len(ids), width)
        ]
        return [piece for piece in pieces if len(piece.input_ids) > 1]
    learn_all = getattr(run.config.settings, "loss_on", "completion") == "all"
    examples = []
    rows = read_role(run, role, CompletionRow)
    for row in rows:
        whole = texts.demonstration(row, learn_all=learn_all)
        cut = Tokenised(whole.input_ids[:width], whole.labels[:width])
        if any(label != IGNORED for label in cut.labels[1:]):
            examples.append(cut)
    report_dropped(run, role, len(rows) - len(examples), len(rows))
    return examples


def report_dropped(run: Run, role: str, dropped: int, total: int) -> None:
    """Warn of rows that are too long for max_length; with none left, raise BadInput."""
    width = run.config.training.max_length
    if dropped == total:
        raise BadInput(
            f"All {total} rows of {role} are too long for training.max_length {width}, so that "
            "nothing could be learned. Raise it, or shorten the prompts."
        )
    if dropped:
        run.events.warning(
            "rows_dropped",
            f"{dropped} of {total} rows of {role} were left out: within training.max_length "
            f"{width} they hold nothing to learn.",
        )


def train(run: Run) -> Result:
    """Fine-tune `model` on the run's demonstrations (sft) or documents (pretrain)."""
    from training.trainers.trl_parts import finish, with_adapters

    run.enter(Phase.LOADING)
    tokenizer = load_tokenizer(run, run.config.model)
    model = with_adapters(run, load_causal_model(run, run.config.model, tokenizer))
    run.enter(Phase.PREPARING)
    texts = Texts(tokenizer)
    layout = {"width": run.config.training.max_length, "packing": run.config.settings.packing}
    rows = Rows(read_examples(run, "train", texts), tokenizer.pad_token_id, **layout)
    held_out = (
        Rows(read_examples(run, "validation", texts), tokenizer.pad_token_id, **layout)
        if run.config.sources("validation")
        else None
    )
    trainer = SFTRun(
        run=run,
        model=model,
        args=training_arguments(
            run, SFTConfig, steps_of_an_epoch=steps_of_an_epoch(run, len(rows))
        ),
        train_dataset=index_dataset(len(rows)),
        data_collator=rows.collate,
        processing_class=tokenizer,
    )
    trainer.validation = _batches(held_out, run.config.training.micro_batch_size)
    return finish(run, trainer, tokenizer, rows.collate([{"index": 0}]))


def _batches(rows: Rows | None, size: int) -> list[Batch]:
    if rows is None:
        return []
    order = range(len(rows))
    return [
        rows.collate([{"index": i} for i in order[at : at + size]])
        for at in range(0, len(rows), size)
    ]
