"""PPO for language models, top to bottom: docs/ppo.md explains each step and figure.

An update: 1 sample answers; 2 recompute their log-probabilities with the forward that training
uses; 3 score them, on the EOS; 4 turn scores and KL into a reward for each token; 5 estimate
advantages; 6 take `ppo_epochs` passes of clipped steps; 7 leave them early when the policy has
moved enough; 8 adjust the KL coefficient. 1 to 3 and 8 are shared with REINFORCE, in `on_policy`.
"""

from typing import Any

import torch
from torch import Tensor

from training.algorithms import ppo
from training.algorithms.advantages import gae, whiten
from training.algorithms.kl import kl_estimate
from training.algorithms.logprobs import token_entropy
from training.algorithms.masking import masked_mean, masked_moments, masked_sum
from training.algorithms.rewards import token_rewards
from training.trainers.actor_critic import Network
from training.trainers.on_policy import OnPolicy
from training.trainers.on_policy_dry_run import dry_run
from training.trainers.on_policy_models import load_models
from training.trainers.outcome import BadInput, Diverged, Result
from training.trainers.pretraining_mix import PretrainingMix
from training.trainers.processes import Figures, Processes, rows_of
from training.trainers.rollout import PaddedBatch, Rollout, deal
from training.trainers.run_directory import Run


def train(run: Run) -> Result:
    """Carry out the PPO run that the directory describes.

    Raises BadInput, Cancelled (after a checkpoint), Diverged, OutOfMemory.
    """
    processes = Processes(run)
    models, prompts = load_models(run, processes, value=True)
    if run.dry_run:
        return dry_run(run, processes, models, prompts)
    return PPO(run, processes, models, prompts).train()


class PPO(OnPolicy):
    """Schulman et al. 2017 (arXiv:1707.06347) as Ouyang et al. 2022 (arXiv:2203.02155) use it."""

    def __init__(self, run: Run, processes: Processes, *rest: object) -> None:
        super().__init__(run, processes, *rest)  # type: ignore[arg-type]
        together = self.settings.minibatches * processes.world_size
        if self.training.batch_size % together:
            raise BadInput(
                f"training.batch_size is {self.training.batch_size}; it must be a multiple of "
                f"{together} (settings.minibatches times the number of processes)."
            )
        minibatch = self.training.batch_size // self.settings.minibatches
        self.ptx = PretrainingMix.load(run, self.models, processes, minibatch)

    def trained_groups(self) -> list[tuple[Network, float]]:
        rate = self.training.learning_rate or 0.0
        assert self.actors.value is not None
        value_rate = self.settings.value_learning_rate or rate
        return [(self.actors.policy, rate), (self.actors.value, value_rate)]

    def scoring_batches(self, rollout: Rollout) -> list[list[int]]:
        """Those of the first pass: the first ratio is then exactly 1, not 1 within rounding."""
        return [rows for part in self._minibatches(rollout, epoch=0) for rows in part]

    def first_step_batches(self, rollout: Rollout) -> list[list[int]]:
        return self._minibatches(rollout, epoch=0)[0]

    def learn(self, rollout: Rollout, figures: Figures) -> dict[str, float]:
        self.prepare(rollout, figures)
        steps: dict[str, float] = {"early_stopped": 0.0}
        for epoch in range(self.settings.ppo_epochs):
            for micro_batches in self._minibatches(rollout, epoch):
                taken = self.minibatch_step(rollout, micro_batches, figures)
                if taken is None:
                    return {**steps, "early_stopped": 1.0}
                steps.update(taken)
        return steps

    def method_state(self) -> dict[str, Any]:
        mine = {} if self.ptx is None else {"ptx_cursor": self.ptx.cursor}
        return super().method_state() | mine

    def load_method_state(self, state: dict[str, Any]) -> None:
        super().load_method_state(state)
        if self.ptx is not None:
            self.ptx.cursor = state["ptx_cursor"]

    # ---- 4. token rewards; 5. advantages

    def prepare(self, rollout: Rollout, figures: Figures) -> None:
        """Fill in the rewards, advantages and returns of a scored rollout."""
        settings, mask = self.settings, rollout.mask
        rewards = token_rewards(
            rollout.scores,
            rollout.logps,
            rollout.ref_logps,
            rollout.lengths,
            kl_coef=self.kl.coef if settings.kl_in == "reward" else 0.0,
            estimator=settings.kl_estimator,
        )
        if settings.whiten_rewards:
            rewards = whiten(rewards, mask, shift_mean=False, reduce=self.processes.sum)
        advantages, returns = gae(
            rewards, rollout.values, rollout.lengths, gamma=settings.gamma, lam=settings.lam
        )
        tokens = int(mask.sum())
        figures.add("returns/mean", masked_sum(returns, mask), tokens)
        figures.add("value/mean", masked_sum(rollout.values, mask), tokens)
        together = self.processes.sum
        explained = ppo.explained_variance(rollout.values, returns, mask, reduce=together)
        figures.add("value/explained_variance", explained, 1)
        figures.add("advantages/std", masked_moments(advantages, mask, together).std, 1)
        if settings.whiten_advantages:
            advantages = whiten(advantages, mask, reduce=self.processes.sum)
        rollout.rewards, rollout.advantages, rollout.returns = rewards, advantages, returns

    # ---- 6. clipped steps; 7. early stop

    def minibatch_step(
        self,
        rollout: Rollout,
        micro_batches: list[list[int]],
        figures: Figures,
    ) -> dict[str, float] | None:
        """One optimiser step over a mini batch, in micro batches; None when it was dropped because
        the policy had already moved further than `stop_kl`."""
        mine = sum(int(rollout.lengths[row]) for rows in micro_batches for row in rows)
        tokens = self.processes.sum(torch.tensor([float(mine)]))[0]
        self.optimiser.zero_grad(set_to_none=True)
        moved = torch.zeros(2, dtype=torch.float64)  # KL(old || new) per token; not-finite losses
        for rows in micro_batches:
            batch = rollout.batch(rows)
            if self.policy_learns:
                moved += self.policy_gradient(rollout, batch, tokens, figures)
            moved[1] += self.value_gradient(rollout, batch, tokens, figures)
        kl, broken = self.processes.sum(moved)
        if broken:
            raise Diverged(
                f"In update {self.step + 1} the loss is not finite. The newest checkpoint is from "
                "before it. Lower training.learning_rate."
            )
        if self.settings.stop_kl is not None and kl > self.settings.stop_kl:
            self.optimiser.zero_grad(set_to_none=True)
            return None
        if self.ptx is not None and self.policy_learns:
            figures.add("ptx/loss", *self.ptx.gradient(self.settings.ptx_coef))
        return self.optimiser_step()

    @property
    def policy_learns(self) -> bool:
        """False while the critic warms up alone."""
        return self.step >= self.settings.critic_warmup_updates

    def policy_gradient(
        self,
        rollout: Rollout,
        batch: PaddedBatch,
        tokens: Tensor,
        figures: Figures,
    ) -> Tensor:
        """Add the gradient of max(-A rho, -A clip(rho)) - c2 H [+ beta k3], each a sum over this
        batch divided by the mini batch's `tokens`. Returns (KL share, 1 if not finite)."""
        settings, mask = self.settings, batch.mask
        logits, logps = self.policy_forward(batch)
        part = ppo.policy_loss(
            logps,
            batch.of(rollout.logps),
            batch.of(rollout.advantages),
            mask,
            clip_range=settings.clip_range,
            token_count=tokens,
        )
        loss = part.loss
        if settings.kl_in == "loss":
            kl = kl_estimate(logps, batch.of(rollout.ref_logps), settings.kl_estimator)
            loss = loss + self.kl.coef * masked_mean(kl, mask, tokens)
        count = int(mask.sum())
        if settings.entropy_coef:
            per_token = token_entropy(logits / settings.temperature)
            loss = ppo.total_loss(
                loss,
                entropy=masked_mean(per_token, mask, tokens),
                value_coef=0.0,
                entropy_coef=settings.entropy_coef,
            )
            figures.add("policy/entropy", masked_sum(per_token.detach(), mask), count)
        loss.backward()
        scale = float(tokens)
        figures.add("policy/loss", part.loss.detach() * scale, count)
        figures.add("policy/approx_kl", part.approx_kl_k3 * scale, count)
        figures.add("policy/clipfrac", part.clip_fraction * scale, count)
        figures.add("policy/ratio", masked_sum(part.ratio, mask), count)
        figures.largest("policy/ratio_max", part.ratio[mask].max())
        return torch.tensor([float(part.approx_kl_k3), float(not loss.isfinite())])

    def value_gradient(
        self,
        rollout: Rollout,
        batch: PaddedBatch,
        tokens: Tensor,
        figures: Figures,
    ) -> float:
        """Add the gradient of c1 0.5 max((V - R)^2, (V_clip - R)^2). Returns 1 if not finite."""
        part = ppo.value_loss(
            self.value_forward(batch),
            batch.of(rollout.values),
            batch.of(rollout.returns),
            batch.mask,
            clip_range=self.settings.value_clip_range,
            token_count=tokens,
        )
        (self.settings.value_coef * part.loss).backward()
        count, scale = int(batch.mask.sum()), float(tokens)
        figures.add("value/loss", part.loss.detach() * scale, count)
        figures.add("value/clipfrac", part.clip_fraction * scale, count)
        return float(not part.loss.isfinite())

    def _minibatches(self, rollout: Rollout, epoch: int) -> list[list[list[int]]]:
        """My rows of each mini batch of a pass, in micro batches."""
        mine = range(rollout.first_row, rollout.first_row + len(rollout))
        hands = deal(
            self.training.batch_size, self.settings.minibatches, self.config.seed, self.step, epoch
        )
        return [
            rollout.micro_batches(rows_of(rows, mine), self.training.micro_batch_size)
            for rows in hands
        ]
