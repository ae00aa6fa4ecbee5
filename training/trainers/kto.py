"""Kahneman-Tversky optimisation, on TRL's KTO trainer: answers marked good or bad, without pairs.

The reference point is estimated on mismatched answers: each prompt is also scored with the answer
of another one, drawn once for the run (arXiv:2402.01306, section 4.1).
"""

import random
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from trl import KTOConfig, KTOTrainer

from training.algorithms.kto import KTOLoss, kto_loss
from training.trainers.data import UnpairedRow, read_role
from training.trainers.dpo import completion_logps
from training.trainers.events import Phase
from training.trainers.loading import load_causal_model, load_tokenizer
from training.trainers.outcome import BadInput, Result
from training.trainers.reference_logps import stored_reference
from training.trainers.run_directory import Run
from training.trainers.run_trainer import RunTrainer, steps_of_an_epoch, training_arguments
from training.trainers.sft import report_dropped
from training.trainers.tokenising import IGNORED, Texts
from training.trainers.trl_parts import finish, index_dataset, padded, with_adapters

Batch = dict[str, Any]


class Answer(NamedTuple):
    """A prompt's tokens, an answer's, and whether it is good."""

    prompt: list[int]
    completion: list[int]
    good: bool
    weight: float


class KTORun(RunTrainer, KTOTrainer):
    """TRL's trainer over answers tokenised by us, with our loss."""

    validation: "Answers | None"

    def _prepare_dataset(self, dataset: Any, *arguments: Any, **options: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *arguments: Any, **options: Any) -> Any:
        return dataset

    def batch_loss(self, model: Any, inputs: Batch) -> Tensor:
        weights, good = inputs["weight"], inputs["good"]
        loss = self.answer_losses(model, inputs)
        self.figures["kto/kl"].append(float(loss.kl))
        for name, side in (("good", good), ("bad", ~good)):
            if bool(side.any()):
                self.figures[f"kto/rewards_{name}"].append(float(loss.rewards[side].mean()))
        return (weights * loss.losses).sum()

    def answer_losses(self, model: Any, inputs: Batch) -> KTOLoss:
        """The loss of each answer of a batch."""
        settings = self.run.config.settings
        answers = len(inputs["good"])
        own = {name: inputs[name][:answers] for name in ("input_ids", "attention_mask", "labels")}
        others = {name: inputs[name][answers:] for name in own}
        logps = completion_logps(model, own)
        with torch.no_grad():
            mismatched = completion_logps(model, others)
        reference, ref_mismatched = inputs["reference_logps"].to(logps).chunk(2)
        return kto_loss(
            logps,
            reference,
            inputs["good"],
            mismatched,
            ref_mismatched,
            beta=settings.beta,
            desirable_weight=settings.desirable_weight,
            undesirable_weight=settings.undesirable_weight,
        )

    def evaluation(self) -> dict[str, float]:
        if self.validation is None:
            return {}
        losses, rewards, good = [], [], []
        for batch in self.validation.batches(self.run.config.training.micro_batch_size):
            self.check_evaluation()
            inputs = self._prepare_inputs(batch)
            loss = self.answer_losses(self.model, inputs)
            losses.append(loss.losses)
            rewards.append(loss.rewards)
            good.append(inputs["good"])
        reward, is_good = torch.cat(rewards).double(), torch.cat(good)
        figures = {"eval/loss": float(torch.cat(losses).double().mean())}
        if bool(is_good.any()) and bool((~is_good).any()):
            figures["eval/margin"] = float(reward[is_good].mean() - reward[~is_good].mean())
            # The share of (good, bad) pairs in which the good answer has the larger reward.
            wins = (reward[is_good][:, None] > reward[~is_good][None, :]).double()
            figures["eval/accuracy"] = float(wins.mean())
        return figures

    def final_report(self) -> dict[str, object]:
        return {"reference": (self.run.config.reference or self.run.config.model).path}


class Answers:
    """Answers by number, laid out as batches: their own rows, then the mismatched ones."""

    def __init__(self, answers: list[Answer], pad_id: int, seed: int) -> None:
        self.answers = answers
        self.pad_id = pad_id
        self.reference: Tensor | None = None  # (answers, 2): own and mismatched
        # One cycle through all answers: each gets another one's completion, and none its own.
        cycle = list(range(len(answers)))
        random.Random(seed).shuffle(cycle)  # noqa: S311 - an experiment's draw, not a secret
        self.other = dict(zip(cycle, [*cycle[1:], cycle[0]], strict=True))

    def __len__(self) -> int:
        return len(self.answers)

    def collate(self, features: list[dict[str, int]]) -> Batch:
        """`input_ids`, `attention_mask`, `labels` (2 B, T); `good`, `weight` (B,)."""
        places = [feature["index"] for feature in features]
        rows = [(self.answers[p].prompt, self.answers[p].completion) for p in places]
        rows += [(self.answers[p].prompt, self.answers[self.other[p]].completion) for p in places]
        weights = [self.answers[place].weight for place in places]
        batch: Batch = {
            "input_ids": padded([prompt + answer for prompt, answer in rows], self.pad_id),
            "attention_mask": padded([[1] * len(x + y) for x, y in rows], 0),
            "labels": padded([[IGNORED] * len(x) + y for x, y in rows], IGNORED),
            "good": torch.tensor([self.answers[place].good for place in places]),
            "weight": torch.tensor(weights),
            "items": sum(weights),
            "tokens": sum(len(x) + len(y) for x, y in rows),
        }
        if self.reference is not None:
            batch["reference_logps"] = self.reference[places].T.reshape(-1)
        return batch

    def batches(self, size: int) -> list[Batch]:
        """All answers in their order."""
        order = [{"index": place} for place in range(len(self))]
        return [self.collate(order[at : at + size]) for at in range(0, len(self), size)]


def train(run: Run) -> Result:
    """Train `model` towards good answers and away from bad ones."""
    run.enter(Phase.LOADING)
    tokenizer = load_tokenizer(run, run.config.model)
    model = load_causal_model(run, run.config.model, tokenizer)
    run.enter(Phase.PREPARING)
    texts = Texts(tokenizer)
    answers = _read(run, "train", texts)
    held_out = _read(run, "validation", texts) if run.config.sources("validation") else None
    other = run.config.reference
    reference = model if other is None else load_causal_model(run, other, tokenizer)
    for name, some in (("train", answers), ("validation", held_out)):
        if some is not None:
            some.reference = stored_reference(run, name, reference, some)
    del reference
    model = with_adapters(run, model)
    trainer = KTORun(
        run=run,
        model=model,
        args=training_arguments(
            run,
            KTOConfig,
            steps_of_an_epoch=steps_of_an_epoch(run, len(answers)),
            precompute_ref_log_probs=True,
            # Silences TRL's check of its own KL pairing, which ours replaces.
            loss_type="apo_zero_unpaired",
        ),
        train_dataset=index_dataset(len(answers)),
        data_collator=answers.collate,
        processing_class=tokenizer,
    )
    trainer.validation = held_out
    return finish(run, trainer, tokenizer, answers.collate([{"index": 0}]))


def _read(run: Run, role: Literal["train", "validation"], texts: Texts) -> Answers:
    rows = read_role(run, role, UnpairedRow)
    answers = []
    for row in rows:
        prompt, completion = texts.pair(row.prompt, row.completion)
        if len(prompt) + len(completion) <= run.config.training.max_length:
            answers.append(Answer(prompt, completion, row.label, row.weight))
    report_dropped(run, role, len(rows) - len(answers), len(rows))
    if len(answers) < 2:
        raise BadInput(
            f"The {role} data has one usable answer; KTO needs at least two, since its reference "
            "point comes from answers to other prompts."
        )
    return Answers(answers, texts.tokenizer.pad_token_id, run.config.seed)
