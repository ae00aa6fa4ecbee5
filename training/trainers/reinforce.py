"""REINFORCE and RLOO: PPO's rollout, and one unclipped step on the reward less a baseline.

An update: 1 sample answers; 2 recompute log-probabilities; 3 score them, on the EOS; 4 take the KL
from the score of the whole answer; 5 subtract the baseline; 6 one step along
(1/m) sum_i A_i grad ln pi(y_i); 7 adjust the KL coefficient. There is no value model.
"""

import torch
from torch import Tensor

from training.algorithms.advantages import baseline_advantages
from training.algorithms.kl import kl_estimate
from training.algorithms.masking import masked_sum, zero_outside
from training.algorithms.ppo import reinforce_loss
from training.trainers.actor_critic import Network
from training.trainers.on_policy import OnPolicy
from training.trainers.on_policy_dry_run import dry_run
from training.trainers.on_policy_models import load_models
from training.trainers.outcome import BadInput, Diverged, Result
from training.trainers.processes import Figures, Processes
from training.trainers.prompts import Prompt
from training.trainers.rollout import Rollout
from training.trainers.run_directory import Run

# run.json says rloo where the formula says what it is.
_BASELINES = {"none": "none", "mean": "mean", "rloo": "leave_one_out"}


def train(run: Run) -> Result:
    """Carry out the REINFORCE or RLOO run that the directory describes.

    Raises BadInput, Cancelled (after a checkpoint), Diverged, OutOfMemory.
    """
    processes = Processes(run)
    models, prompts = load_models(run, processes, value=False)
    if run.dry_run:
        return dry_run(run, processes, models, prompts)
    return Reinforce(run, processes, models, prompts).train()


class Reinforce(OnPolicy):
    """Williams 1992, with the baselines of Kool et al. 2019 and Ahmadian et al. 2024
    (arXiv:2402.14740)."""

    def __init__(
        self, run: Run, processes: Processes, models: object, prompts: list[Prompt]
    ) -> None:
        super().__init__(run, processes, models, prompts)  # type: ignore[arg-type]
        self.samples_per_prompt = self.settings.samples_per_prompt
        together = self.samples_per_prompt * processes.world_size
        if self.training.batch_size % together:
            raise BadInput(
                f"training.batch_size is {self.training.batch_size}; it must be a multiple of "
                f"{together} (settings.samples_per_prompt times the number of processes)."
            )

    def trained_groups(self) -> list[tuple[Network, float]]:
        return [(self.actors.policy, self.training.learning_rate or 0.0)]

    def scoring_batches(self, rollout: Rollout) -> list[list[int]]:
        return rollout.micro_batches(range(len(rollout)), self.training.micro_batch_size)

    def learn(self, rollout: Rollout, figures: Figures) -> dict[str, float]:
        advantages = self.advantages(rollout)
        rollout.rewards, rollout.advantages = self._shown(rollout, advantages)
        figures.add("advantages/std", self.processes.gather(advantages).std(unbiased=False), 1)
        self.optimiser.zero_grad(set_to_none=True)
        broken = False
        for rows in self.scoring_batches(rollout):
            loss = self.micro_batch_loss(rollout, rows, advantages)
            loss.backward()
            broken = broken or not bool(loss.isfinite())
            figures.add("policy/loss", loss.detach() * self.training.batch_size, len(rows))
        if self.processes.any(broken):
            raise Diverged(
                f"The loss of update {self.step + 1} is not finite. The newest checkpoint is from "
                "before it. Lower training.learning_rate."
            )
        return self.optimiser_step()

    # ---- 4. the reward of a whole answer; 5. less a baseline

    def advantages(self, rollout: Rollout) -> Tensor:
        """A_i of this process's answers: (N,)."""
        rewards = rollout.scores
        if self.settings.kl_in == "reward":
            kl = kl_estimate(rollout.logps, rollout.ref_logps, self.settings.kl_estimator)
            # R_i = s_i - beta sum_t kl_t
            rewards = rewards - self.kl.coef * zero_outside(kl, rollout.mask).sum(-1)
        kind = _BASELINES[self.settings.baseline]
        everyone = self.processes.gather(rewards)
        if kind == "leave_one_out":
            everyone = everyone.reshape(-1, self.samples_per_prompt)
        whole = baseline_advantages(everyone, kind).reshape(-1)  # type: ignore[arg-type]
        return whole[rollout.first_row : rollout.first_row + len(rollout)]

    # ---- 6. one step

    def micro_batch_loss(self, rollout: Rollout, rows: list[int], advantages: Tensor) -> Tensor:
        """This micro batch's part of - (1/m) sum_i A_i sum_t ln pi(y_t), m the global batch."""
        batch, m = rollout.batch(rows), self.training.batch_size
        _, logps = self.policy_forward(batch)
        weights = advantages[batch.rows, None].expand_as(logps)
        loss = reinforce_loss(logps, weights, batch.mask, count=m)
        if self.settings.kl_in == "loss":
            kl = kl_estimate(logps, batch.of(rollout.ref_logps), self.settings.kl_estimator)
            loss = loss + self.kl.coef * masked_sum(kl, batch.mask) / m
        return loss

    def _shown(self, rollout: Rollout, advantages: Tensor) -> tuple[Tensor, Tensor]:
        """Per token, for the viewer: the whole answer's reward stands on its last token, and its
        advantage on every one."""
        rewards = torch.zeros_like(rollout.logps)
        rewards.scatter_(1, (rollout.lengths - 1)[:, None], rollout.scores[:, None])
        everywhere = advantages[:, None].expand_as(rewards)
        return rewards, zero_outside(everywhere.contiguous(), rollout.mask)
