"""Reward models: a scalar for each answer, learned from which answer people preferred.

All answers of one ranking pass through the model once and stay in one batch; each of its pairs
weighs 1 / C(K, 2), so that a ranking of nine counts as much as one of four (arXiv:2203.02155,
equation 1). On TRL's reward trainer.
"""

from typing import Any

import torch
from torch import Tensor
from trl import RewardConfig, RewardTrainer

from training.algorithms.reward_loss import centering_shift, pairwise_losses
from training.trainers.data import CompletionRow, read_role
from training.trainers.events import Phase
from training.trainers.loading import load_reward_model, load_tokenizer
from training.trainers.outcome import Result
from training.trainers.preference_data import Ranking, read_preferences
from training.trainers.reward_report import JudgedPair, report_on
from training.trainers.run_directory import Run
from training.trainers.run_trainer import RunTrainer, steps_of_an_epoch, training_arguments
from training.trainers.tokenising import Texts
from training.trainers.trl_parts import finish, index_dataset, padded, with_adapters

Batch = dict[str, Any]


class RewardRun(RunTrainer, RewardTrainer):
    """TRL's trainer over rankings; the loss is equation 1 of arXiv:2203.02155."""

    validation: list[Ranking]
    demonstrations: list[list[int]]
    pad_id: int

    def _prepare_dataset(self, dataset: Any, *arguments: Any, **options: Any) -> Any:
        return dataset

    def batch_loss(self, model: Any, inputs: Batch) -> Tensor:
        rewards = rewards_of(model, inputs)
        settings = self.run.config.settings
        first, second = rewards[inputs["chosen"]], rewards[inputs["rejected"]]
        losses = pairwise_losses(first, second, inputs["margin"])
        tied = inputs["tie"]
        if bool(tied.any()):
            # A tie is half a judgement in each direction.
            losses = torch.where(tied, 0.5 * (losses + pairwise_losses(second, first)), losses)
        if settings.centering:
            losses = losses + settings.centering * (first + second).square()
        with torch.no_grad():
            strict = ~tied
            self.figures["reward/accuracy"].append(float((first > second)[strict].float().mean()))
            self.figures["reward/margin"].append(float((first - second)[strict].mean()))
            self.figures["reward/mean"].append(float(rewards.mean()))
        # sum over rankings of 1 / C(K, 2) sum over pairs of w l
        return (inputs["share"] * losses).sum()

    def evaluation(self) -> dict[str, float]:
        if not self.validation:
            return {}
        return report_on(self.judged(self.validation), self.run.config.human_ceiling).figures

    def final_report(self) -> dict[str, object]:
        facts: dict[str, object] = {}
        if self.demonstrations and self.run.config.settings.center_on_demonstrations:
            facts["demonstration_shift"] = self.center()
        if self.validation:
            self.model.eval()
            report = report_on(self.judged(self.validation), self.run.config.human_ceiling)
            facts["reward_report"] = report.tables
        return facts

    @torch.no_grad()
    def judged(self, rankings: list[Ranking]) -> list[JudgedPair]:
        """Every judgement with the model's rewards for its two answers."""
        found = []
        for ranking in rankings:
            self.check_evaluation()
            rewards = self.score(ranking.sequences)
            lengths = [len(ids) - ranking.prompt_length for ids in ranking.sequences]
            found += [
                JudgedPair(
                    chosen=rewards[pair.chosen],
                    rejected=rewards[pair.rejected],
                    chosen_length=lengths[pair.chosen],
                    rejected_length=lengths[pair.rejected],
                    strength="" if pair.row.strength is None else str(pair.row.strength),
                    use_case=pair.row.use_case or "",
                    annotator="" if pair.row.annotator is None else str(pair.row.annotator),
                )
                for pair in ranking.pairs
                if not pair.tie
            ]
        return found

    @torch.no_grad()
    def score(self, sequences: list[list[int]]) -> list[float]:
        """Rewards of whole sequences, in their order."""
        batch = self._prepare_inputs(sequence_batch(sequences, self.pad_id))
        with self.compute_loss_context_manager():
            return [float(reward) for reward in rewards_of(self.model, batch)]

    def center(self) -> float:
        """Shift the head's bias so that demonstrations score 0 on average; returns the shift."""
        self.model.eval()
        rewards: list[float] = []
        size = self.run.config.training.micro_batch_size
        for at in range(0, len(self.demonstrations), size):
            self.check_evaluation()
            rewards += self.score(self.demonstrations[at : at + size])
        shift = float(centering_shift(torch.tensor(rewards, dtype=torch.float64)))
        head = self.accelerator.unwrap_model(self.model).score
        # peft keeps a trained copy of the head, and the original for when adapters are off.
        copies = [
            getattr(head, "original_module", None),
            *getattr(head, "modules_to_save", {}).values(),
        ]
        with torch.no_grad():
            for layer in [layer for layer in copies if layer is not None] or [head]:
                layer.bias -= shift
        return shift


def rewards_of(model: Any, inputs: Batch) -> Tensor:
    """Rewards of right-padded rows, float32 (N,), read at each row's last token (its EOS)."""
    kept = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    rewards: Tensor = model(**kept, use_cache=False).logits.squeeze(-1).float()
    return rewards


def sequence_batch(sequences: list[list[int]], pad_id: int) -> Batch:
    return {
        "input_ids": padded(sequences, pad_id),
        "attention_mask": padded([[1] * len(ids) for ids in sequences], 0),
    }


class Rankings:
    """Rankings by number, laid out as batches."""

    def __init__(self, rankings: list[Ranking], pad_id: int) -> None:
        self.rankings = rankings
        self.pad_id = pad_id

    def collate(self, features: list[dict[str, int]]) -> Batch:
        """All answers of the rankings as rows (N, T); `chosen`, `rejected` (P,) index them.

        `share` (P,) is w / C(K, 2); `items` counts rankings.
        """
        rankings = [self.rankings[feature["index"]] for feature in features]
        sequences: list[list[int]] = []
        chosen, rejected, share, margin, tie = [], [], [], [], []
        for ranking in rankings:
            base = len(sequences)
            sequences += ranking.sequences
            for pair in ranking.pairs:
                chosen.append(base + pair.chosen)
                rejected.append(base + pair.rejected)
                share.append(pair.weight / ranking.combinations)
                margin.append(pair.margin)
                tie.append(pair.tie)
        return {
            **sequence_batch(sequences, self.pad_id),
            "chosen": torch.tensor(chosen),
            "rejected": torch.tensor(rejected),
            "share": torch.tensor(share),
            "margin": torch.tensor(margin),
            "tie": torch.tensor(tie),
            "items": float(len(rankings)),
            "tokens": sum(len(ids) for ids in sequences),
        }


def train(run: Run) -> Result:
    """Train a reward model from `model` (a language model, or a reward model to go on with)."""
    settings, training = run.config.settings, run.config.training
    if training.epochs > 1 and training.max_steps is None:
        run.events.warning(
            "epochs",
            f"A reward model is trained for {training.epochs:g} epochs. More than one overfits the "
            "comparisons (arXiv:2203.02155, C.2); watch eval/accuracy.",
        )
    run.enter(Phase.LOADING)
    tokenizer = load_tokenizer(run, run.config.model)
    start = load_reward_model(run, run.config.model, tokenizer, new_head=True)
    model = with_adapters(run, start, reward=True)
    run.enter(Phase.PREPARING)
    texts = Texts(tokenizer)
    grouping = {"grouped": settings.group_rankings, "keep_ties": settings.ties == "half"}
    rankings = read_preferences(run, "train", texts, **grouping)
    if not settings.use_margin:
        rankings = [_without_margins(ranking) for ranking in rankings]
    rows = Rankings(rankings, tokenizer.pad_token_id)
    trainer = RewardRun(
        run=run,
        model=model,
        args=training_arguments(
            run, RewardConfig, steps_of_an_epoch=steps_of_an_epoch(run, len(rankings))
        ),
        train_dataset=index_dataset(len(rankings)),
        data_collator=rows.collate,
        processing_class=tokenizer,
    )
    trainer.pad_id = tokenizer.pad_token_id
    trainer.validation = (
        read_preferences(run, "validation", texts, grouped=False, keep_ties=False)
        if run.config.sources("validation")
        else []
    )
    trainer.demonstrations = _demonstrations(run, texts)
    return finish(run, trainer, tokenizer, rows.collate([{"index": 0}]))


def _without_margins(ranking: Ranking) -> Ranking:
    from dataclasses import replace

    return replace(ranking, pairs=[replace(pair, margin=0.0) for pair in ranking.pairs])


def _demonstrations(run: Run, texts: Texts) -> list[list[int]]:
    if not run.config.sources("demonstrations"):
        return []
    rows = read_role(run, "demonstrations", CompletionRow)
    sequences = [texts.demonstration(row, learn_all=True).input_ids for row in rows]
    return [ids for ids in sequences if len(ids) <= run.config.training.max_length]
