"""Direct preference optimisation: the policy itself is the reward model.

The implicit reward of an answer is beta (ln pi - ln pi_ref), so a trained model scores answers only
together with its reference; result.json names it. Both log-probabilities are logged, since the
chosen answer's commonly falls too (arXiv:2305.18290). On TRL's DPO trainer; the loss is
`algorithms.dpo`, over the learned tokens only.
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor
from trl import DPOConfig, DPOTrainer

from training.algorithms.dpo import DPOLoss, dpo_loss
from training.trainers.events import Phase
from training.trainers.learned_tokens import learned_tokens
from training.trainers.loading import load_causal_model, load_tokenizer
from training.trainers.outcome import Result
from training.trainers.preference_data import Ranking, read_preferences
from training.trainers.reference_logps import stored_reference
from training.trainers.run_directory import Run
from training.trainers.run_trainer import RunTrainer, steps_of_an_epoch, training_arguments
from training.trainers.tokenising import IGNORED, Texts
from training.trainers.trl_parts import finish, index_dataset, padded, with_adapters

Batch = dict[str, Any]


class DPORun(RunTrainer, DPOTrainer):
    """TRL's trainer over pairs tokenised by us, with our loss."""

    validation: "Pairs | None"
    reference: Any = None  # a frozen model, when its log-probabilities were not stored

    def _prepare_dataset(self, dataset: Any, *arguments: Any, **options: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *arguments: Any, **options: Any) -> Any:
        return dataset  # stored_reference has done it, for the batches of this run's collator

    def batch_loss(self, model: Any, inputs: Batch) -> Tensor:
        weights = inputs["weight"]
        loss, logps = self.pair_losses(model, inputs)
        with torch.no_grad():
            self._note(loss, logps, "dpo")
        return (weights * loss.losses).sum()

    def pair_losses(self, model: Any, inputs: Batch) -> tuple[DPOLoss, Tensor]:
        """The loss of each pair, and the policy's log-probabilities (2 B,), chosen first."""
        logps = completion_logps(model, inputs)
        reference = inputs.get("reference_logps")
        if reference is None:
            reference = self._reference_logps(inputs)
        settings = self.run.config.settings
        return (
            dpo_loss(
                *logps.chunk(2),
                *reference.to(logps).chunk(2),
                beta=settings.beta,
                variant=variant_of(settings),
                label_smoothing=settings.label_smoothing,
            ),
            logps,
        )

    def evaluation(self) -> dict[str, float]:
        if self.validation is None:
            return {}
        sums: dict[str, float] = {}
        for batch in self.validation.batches(self.run.config.training.micro_batch_size):
            self.check_evaluation()
            inputs = self._prepare_inputs(batch)
            loss, logps = self.pair_losses(self.model, inputs)
            for name, values in _pair_figures(loss, logps).items():
                sums[name] = sums.get(name, 0.0) + float(values.double().sum())
        return {f"eval/{name}": total / len(self.validation) for name, total in sums.items()}

    def final_report(self) -> dict[str, object]:
        config = self.run.config
        return {"reference": (config.reference or config.model).path}

    @torch.no_grad()
    def _reference_logps(self, inputs: Batch) -> Tensor:
        if self.reference is not None:
            return completion_logps(self.reference, inputs)
        with self.accelerator.unwrap_model(self.model).disable_adapter():
            return completion_logps(self.model, inputs)

    def _note(self, loss: DPOLoss, logps: Tensor, prefix: str) -> None:
        for name, values in _pair_figures(loss, logps).items():
            if name != "loss":
                self.figures[f"{prefix}/{name}"].append(float(values.mean()))


def variant_of(settings: Any) -> Literal["dpo", "cdpo", "ipo", "ref_free"]:
    """The loss of `algorithms.dpo` that the settings ask for."""
    if settings.loss == "ipo":
        return "ipo"
    if settings.reference_free:
        return "ref_free"
    return "cdpo" if settings.label_smoothing else "dpo"


def completion_logps(model: Any, inputs: Batch) -> Tensor:
    """Summed log-probabilities of the answers, (2 B,): the chosen ones, then the rejected."""
    kept = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    scored = learned_tokens(model, kept, inputs["labels"])
    return scored.sums(len(inputs["labels"]))


def _pair_figures(loss: DPOLoss, logps: Tensor) -> dict[str, Tensor]:
    chosen, rejected = logps.detach().chunk(2)
    return {
        "loss": loss.losses.detach(),
        "accuracy": (loss.chosen_rewards > loss.rejected_rewards).float(),
        "margin": loss.chosen_rewards - loss.rejected_rewards,
        "rewards_chosen": loss.chosen_rewards,
        "rewards_rejected": loss.rejected_rewards,
        "logps_chosen": chosen,
        "logps_rejected": rejected,
    }


class Pairs:
    """Pairs by number, laid out as batches: the chosen rows, then the rejected ones."""

    def __init__(self, rankings: list[Ranking], pad_id: int) -> None:
        self.rankings = rankings
        self.pad_id = pad_id
        self.reference: Tensor | None = None  # (pairs, 2) log-probabilities, once stored

    def __len__(self) -> int:
        return len(self.rankings)

    def collate(self, features: list[dict[str, int]]) -> Batch:
        """`input_ids`, `attention_mask`, `labels` (2 B, T); `weight` (B,), mean 1 over an epoch."""
        places = [feature["index"] for feature in features]
        chosen = [self._side(place, "chosen") for place in places]
        rejected = [self._side(place, "rejected") for place in places]
        both = chosen + rejected
        weights = [self.rankings[place].pairs[0].weight for place in places]
        batch: Batch = {
            "input_ids": padded([ids for ids, _ in both], self.pad_id),
            "attention_mask": padded([[1] * len(ids) for ids, _ in both], 0),
            "labels": padded([[IGNORED] * length + ids[length:] for ids, length in both], IGNORED),
            "weight": torch.tensor(weights),
            "items": math.fsum(weights),
            "tokens": sum(len(ids) for ids, _ in both),
        }
        if self.reference is not None:
            batch["reference_logps"] = self.reference[places].T.reshape(-1)
        return batch

    def batches(self, size: int) -> list[Batch]:
        """All pairs in their order."""
        order = [{"index": place} for place in range(len(self))]
        return [self.collate(order[at : at + size]) for at in range(0, len(self), size)]

    def _side(self, place: int, side: Literal["chosen", "rejected"]) -> tuple[list[int], int]:
        ranking = self.rankings[place]
        return ranking.sequences[getattr(ranking.pairs[0], side)], ranking.prompt_length


def train(run: Run) -> Result:
    """Train `model` to prefer what people preferred, held to `reference` (default: its start)."""
    settings = run.config.settings
    run.enter(Phase.LOADING)
    tokenizer = load_tokenizer(run, run.config.model)
    model = load_causal_model(run, run.config.model, tokenizer)
    run.enter(Phase.PREPARING)
    texts = Texts(tokenizer)
    pairs = _read(run, "train", texts)
    held_out = _read(run, "validation", texts) if run.config.sources("validation") else None
    other = run.config.reference
    reference = None if other is None else load_causal_model(run, other, tokenizer)
    keeps_reference = not (settings.precompute_reference or settings.reference_free)
    if not keeps_reference or (reference is None and run.config.lora is None):
        for name, some in (("train", pairs), ("validation", held_out)):
            if some is not None:
                some.reference = stored_reference(run, name, reference or model, some)
        reference = None
    model = with_adapters(run, model)
    trainer = DPORun(
        run=run,
        model=model,
        args=training_arguments(
            run,
            DPOConfig,
            steps_of_an_epoch=steps_of_an_epoch(run, len(pairs)),
            precompute_ref_log_probs=True,
        ),
        train_dataset=index_dataset(len(pairs)),
        data_collator=pairs.collate,
        processing_class=tokenizer,
    )
    trainer.reference = reference
    trainer.validation = held_out
    return finish(run, trainer, tokenizer, pairs.collate([{"index": 0}]))


def _read(run: Run, role: Literal["train", "validation"], texts: Texts) -> Pairs:
    rankings = read_preferences(run, role, texts, grouped=False, keep_ties=False)
    return Pairs(rankings, texts.tokenizer.pad_token_id)
