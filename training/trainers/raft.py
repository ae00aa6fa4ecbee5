"""RAFT (Dong et al. 2023, arXiv:2304.06767): sample, keep the best, fine-tune on them, again.

An iteration: 1 take the next prompts; 2 sample K answers to each from the current policy; 3 score
them; 4 keep each prompt's best (`local`) or the best share of all (`top`); 5 fine-tune on what was
kept, token ids as sampled. `data/samples-N.jsonl` shows every answer of iteration N and whether it
was kept; `data/kept-N.jsonl` has those kept that ended, as prompt-completion rows.
"""

import math
import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy
import torch

from training.algorithms.masking import masked_sum
from training.algorithms.sampling import raft_select
from training.trainers.actor_critic import Network
from training.trainers.best_of_n import write_rows
from training.trainers.fixed_prompts import due, write_fixed_samples
from training.trainers.generation import Completion
from training.trainers.on_policy_dry_run import dry_run
from training.trainers.on_policy_models import OnPolicyModels, load_models
from training.trainers.optimiser import learning_rate_factor, make_optimiser
from training.trainers.outcome import BadInput, Diverged, Result
from training.trainers.processes import Figures, Processes
from training.trainers.prompts import Prompt, PromptOrder
from training.trainers.rollout import Rollout
from training.trainers.run_directory import Run
from training.trainers.scored_answers import Answer, completion_row, scored_answers
from training.trainers.stepwise import Stepwise

_SHUFFLE_STREAM = 15485863  # keeps the order of fine-tuning apart from the draws of answers


def train(run: Run) -> Result:
    """Carry out the RAFT run that the directory describes. Raises BadInput, Cancelled, Diverged,
    OutOfMemory."""
    processes = Processes(run)
    models, prompts = load_models(run, processes, value=False, reference=False)
    if run.dry_run:
        return dry_run(run, processes, models, prompts)
    return Raft(run, processes, models, prompts).train()


class Raft(Stepwise):
    """One step is one iteration."""

    optimiser: torch.optim.Optimizer

    def __init__(
        self, run: Run, processes: Processes, models: OnPolicyModels, prompts: list[Prompt]
    ) -> None:
        super().__init__(run, processes, models, run.config.settings.iterations)
        if self.training.batch_size % processes.world_size:
            raise BadInput(
                f"training.batch_size is {self.training.batch_size}; it must be a multiple of the "
                f"number of processes, {processes.world_size}."
            )
        self.prompts = prompts
        self.asked = min(self.settings.prompts_per_iteration, len(prompts))
        self.order = PromptOrder(len(prompts), run.config.seed)
        self.optimiser = make_optimiser(
            self.training, [(self.actors.policy, self.training.learning_rate or 0.0)]
        )

    def networks(self) -> dict[str, Network]:
        return {"policy": self.actors.policy}

    def advance(self) -> float:
        started = time.monotonic()
        places = self.order.take(self.step * self.asked, self.asked)
        prompts = [self.prompts[place] for place in places]
        table = scored_answers(
            self.models,
            self.processes,
            prompts,
            self.config,
            per_prompt=self.settings.samples_per_prompt,
            round_number=self.step,
        )
        kept = self.select(table)
        if self.run.is_main:
            self._write_data(prompts, table, set(kept))
        figures = Figures()
        learned = self.fine_tune(prompts, table, kept, figures)
        scores = [answer.score for answers in table for answer in answers]
        self.metrics = {
            "raft/score": fmean(scores),
            "raft/kept_score": fmean(table[prompt][k].score for prompt, k in kept),
            "raft/kept_share": len(kept) / len(scores),
            "response/eos_rate": fmean(a.ended for answers in table for a in answers),
            "response/length": fmean(len(a.ids) for answers in table for a in answers),
            "lr": self.optimiser.param_groups[0]["lr"],
            **figures.means(self.processes),
            **learned,
        }
        self.step += 1
        self.run.events.metrics(self.step, self.metrics)
        if due(self.run, self.step):
            write_fixed_samples(self.run, self.processes, self.models, self.step)
        tokens = sum(len(answer.ids) for answers in table for answer in answers)
        return tokens / max(time.monotonic() - started, 1e-9)

    # ---- 4. keep the best

    def select(self, table: Sequence[Sequence[Answer]]) -> list[tuple[int, int]]:
        """(prompt, answer) of what is kept. Raises BadInput when the share keeps nothing."""
        rewards = [[answer.score for answer in answers] for answers in table]
        if self.settings.select == "local":
            return raft_select(rewards, "local")
        kept = raft_select(rewards, "global", self.settings.keep_share)
        if not kept:
            raise BadInput(
                f"settings.keep_share {self.settings.keep_share:g} of {sum(map(len, rewards))} "
                "answers is less than one. Raise it, or sample more."
            )
        return kept

    # ---- 5. fine-tune on it

    def fine_tune(
        self,
        prompts: Sequence[Prompt],
        table: Sequence[Sequence[Answer]],
        kept: Sequence[tuple[int, int]],
        figures: Figures,
    ) -> dict[str, float]:
        """`training.epochs` passes of maximum likelihood over the kept answers."""
        factor = learning_rate_factor(self.training, self.step, self.total)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak_lr"] * factor
        answers = [table[prompt][k] for prompt, k in kept]
        data = Rollout(
            [prompts[prompt] for prompt, _ in kept],
            [Completion(answer.ids, answer.ended) for answer in answers],
            0,
            self.models.pad_id,
            self.processes.device,
        )
        taken: dict[str, float] = {}
        for epoch in range(math.ceil(self.training.epochs)):
            generator = numpy.random.default_rng(
                [self.config.seed, _SHUFFLE_STREAM, self.step, epoch]
            )
            order = generator.permutation(len(data)).tolist()
            for start in range(0, len(order), self.training.batch_size):
                rows = order[start : start + self.training.batch_size]
                taken = self.likelihood_step(data, rows, figures)
        return taken

    def likelihood_step(self, data: Rollout, rows: list[int], figures: Figures) -> dict[str, float]:
        """One step on - (1/n) sum ln pi(y_t | x, y_<t) over these rows' n tokens."""
        tokens = float(data.lengths[rows].sum())
        mine = rows[self.processes.rank :: self.processes.world_size]
        self.optimiser.zero_grad(set_to_none=True)
        broken = False
        for part in data.micro_batches(mine, self.training.micro_batch_size):
            batch = data.batch(part)
            with self.processes.autocast():
                logps = self.actors.policy.logps(batch, 1.0)
            nll = -masked_sum(logps, batch.mask)
            (nll / tokens).backward()
            broken = broken or not bool(nll.isfinite())
            figures.add("raft/loss", nll.detach(), int(batch.mask.sum()))
        if self.processes.any(broken):
            raise Diverged(
                f"In iteration {self.step + 1} the loss is not finite. The newest checkpoint is "
                "from before it. Lower training.learning_rate."
            )
        return self.optimiser_step()

    def finish(self) -> Result:
        return self.export()

    def _write_data(
        self,
        prompts: Sequence[Prompt],
        table: Sequence[Sequence[Answer]],
        kept: set[tuple[int, int]],
    ) -> None:
        samples: list[dict[str, Any]] = []
        demonstrations: list[dict[str, Any]] = []
        for place, (prompt, answers) in enumerate(zip(prompts, table, strict=True)):
            for k, answer in enumerate(answers):
                row = {**completion_row(prompt, answer), "score": answer.score}
                samples.append({**row, "ended": answer.ended, "kept": (place, k) in kept})
                if answer.ended and (place, k) in kept:
                    demonstrations.append(row)
        folder = self.run.path / "data"
        folder.mkdir(exist_ok=True)
        write_rows(folder / f"samples-{self.step + 1}.jsonl", samples)
        write_rows(folder / f"kept-{self.step + 1}.jsonl", demonstrations)
