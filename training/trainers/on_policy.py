"""What every on-policy method does in an update: sample, score, learn, adjust, record.

PPO and REINFORCE add how they learn from a rollout.
"""

import math
import time
from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from training.algorithms.kl import AdaptiveKL, FixedKL, exact_token_kl, kl_estimate
from training.algorithms.logprobs import token_entropy, token_logps
from training.algorithms.masking import masked_sum, zero_outside
from training.algorithms.rewards import RunningScale, penalise_missing_eos
from training.trainers.actor_critic import Network
from training.trainers.episodes import record_rollout
from training.trainers.first_forward import FirstForwards
from training.trainers.fixed_prompts import due, write_fixed_samples
from training.trainers.generation import Sampling, generate, uniforms
from training.trainers.on_policy_models import OnPolicyModels
from training.trainers.optimiser import learning_rate_factor, make_optimiser
from training.trainers.outcome import Diverged, Result
from training.trainers.processes import Figures, Processes
from training.trainers.prompts import Prompt, PromptOrder
from training.trainers.rollout import PaddedBatch, Rollout
from training.trainers.run_directory import Run
from training.trainers.sharding import whole_weights
from training.trainers.stepwise import Stepwise
from training.trainers.vocabulary_layers import tune_for_cpu


class OnPolicy(Stepwise):
    """The updates of one run."""

    samples_per_prompt = 1
    optimiser: torch.optim.Optimizer

    def __init__(
        self, run: Run, processes: Processes, models: OnPolicyModels, prompts: list[Prompt]
    ) -> None:
        super().__init__(run, processes, models, run.config.settings.updates)
        self.prompts = prompts
        self.order = PromptOrder(len(prompts), run.config.seed)
        self.scale = RunningScale()
        self.kl: FixedKL | AdaptiveKL = FixedKL(self.settings.kl_coef)
        if self.settings.kl_target is not None:
            self.kl = AdaptiveKL(
                self.settings.kl_coef, self.settings.kl_target, self.settings.kl_horizon
            )
        for network in self.actors.all() if processes.sharding != "none" else ():
            network.share_out(processes.sharding, processes.device)
        if processes.sharding == "none" and processes.device.type == "cpu":
            for module in {network.module for network in self.actors.all()}:
                tune_for_cpu(module)
        self.optimiser = make_optimiser(self.training, self.trained_groups())
        self.first = FirstForwards(self.config, processes)

    # ---- what a method adds

    @abstractmethod
    def trained_groups(self) -> list[tuple[Network, float]]:
        """The networks that learn, each with its peak learning rate."""

    @abstractmethod
    def learn(self, rollout: Rollout, figures: Figures) -> dict[str, float]:
        """Take the gradient steps of one update; returns figures equal on all processes."""

    @abstractmethod
    def scoring_batches(self, rollout: Rollout) -> list[list[int]]:
        """The micro batches in which log-probabilities are first computed."""

    def first_step_batches(self, rollout: Rollout) -> list[list[int]]:
        """Those of them that the first gradient step is taken on."""
        return self.scoring_batches(rollout)

    @property
    def policy_learns(self) -> bool:
        """Whether this update moves the policy."""
        return True

    # ---- one update

    def advance(self) -> float:
        """One update: steps 1 to 8 of docs/ppo.md. Returns tokens generated a second."""
        if self.step == 0:
            self._look()
        clock = [time.monotonic()]
        figures = Figures()
        self._set_learning_rates()
        rollout = self.sample()
        clock.append(time.monotonic())
        self.score(rollout, figures)
        clock.append(time.monotonic())
        kl, eos_rate = self._rollout_kl(rollout), self._share(rollout.ended)
        self._guard_rollout(kl, eos_rate)
        learned = self.learn(rollout, figures)
        clock.append(time.monotonic())
        tokens = float(self.processes.sum(rollout.lengths.sum().double().reshape(1))[0])
        metrics = {
            "objective/kl_coef": self.kl.coef,
            "response/unique_frac": self._unique_share(rollout),
            "lr": self.optimiser.param_groups[0]["lr"],
            "time/rollout": clock[1] - clock[0],
            "time/score": clock[2] - clock[1],
            "time/update": clock[3] - clock[2],
            "tokens_per_s": tokens / max(clock[3] - clock[0], 1e-9),
            **figures.means(self.processes),
            **learned,
        }
        self.kl.update(kl, self.training.batch_size)
        self.step += 1
        self.metrics = metrics
        if self.step % self.training.log_every == 0 or self.step == self.settings.updates:
            self.run.events.metrics(self.step, metrics)
        self._look()
        if self.run.is_main:
            self._record(rollout)
        return metrics["tokens_per_s"]

    # ---- 1. rollout

    def sample(self) -> Rollout:
        """Answers to the prompts of this update: this process's share of the batch."""
        mine = self.processes.slice(self.training.batch_size)
        asked = self.training.batch_size // self.samples_per_prompt
        places = self.order.take(self.step * asked, asked)
        prompts = [self.prompts[places[row // self.samples_per_prompt]] for row in mine]
        draws = uniforms(self.config.seed, self.step, mine, self.settings.max_new_tokens)
        sampling = Sampling(
            max_new_tokens=self.settings.max_new_tokens,
            eos_ids=self.models.eos_ids,
            pad_id=self.models.pad_id,
            temperature=self.settings.temperature,
            batch_size=self.settings.rollout_batch_size,
        )
        policy = self.actors.policy
        policy.module.eval()
        with (
            torch.no_grad(),
            whole_weights(policy.module, sharding=self.processes.sharding),
            policy.active(),
            self.processes.autocast(),
        ):
            completions = generate(policy.module, [p.ids for p in prompts], draws, sampling)
        return Rollout(prompts, completions, mine.start, self.models.pad_id, self.processes.device)

    # ---- 2. log-probabilities, by the training forward; 3. scores, on the EOS

    @torch.no_grad()
    def score(self, rollout: Rollout, figures: Figures) -> None:
        """Fill in log-probabilities, values and scores, and count them."""
        actors = self.actors
        self.first.choose(self.first_step_batches(rollout))
        for rows in self.scoring_batches(rollout):
            batch = rollout.batch(rows)
            with self.first.kept("policy", batch, wanted=self.policy_learns):
                logits, logps = self.policy_forward(batch)
            _put(rollout.logps, batch.rows, zero_outside(logps, batch.mask))
            if actors.value is not None:
                with self.first.kept("value", batch):
                    values = self.value_forward(batch)
                _put(rollout.values, batch.rows, zero_outside(values, batch.mask))
            with self.processes.autocast():
                if actors.reference is not None:
                    ref_logits = actors.reference.logits(batch)
                    ref = self._logps(ref_logits, batch)
                    _put(rollout.ref_logps, batch.rows, zero_outside(ref, batch.mask))
                    if self.settings.exact_figures:
                        self._count_exact(logits.detach(), ref_logits, batch, figures)
                rollout.raw_scores[batch.rows] = self.models.scorer.scores(rollout, batch)
        rollout.scores = self._shaped(rollout)
        self._count(rollout, figures)

    def policy_forward(self, batch: PaddedBatch) -> tuple[Tensor, Tensor]:
        """(logits (B, R, V), log-probabilities (B, R)) of the policy as it is now."""

        def forward() -> tuple[Tensor, Tensor]:
            with self.processes.autocast():
                logits = self.actors.policy.logits(batch)
            return logits, self._logps(logits, batch)

        found: tuple[Tensor, Tensor] = self.first.take("policy", batch, forward)
        return found

    def _logps(self, logits: Tensor, batch: PaddedBatch) -> Tensor:
        return token_logps(logits, batch.ids, batch.width, self.settings.temperature)

    def value_forward(self, batch: PaddedBatch) -> Tensor:
        """The values as they are now, (B, R)."""
        value = self.actors.value
        assert value is not None

        def forward() -> Tensor:
            with self.processes.autocast():
                return value.values(batch)

        found: Tensor = self.first.take("value", batch, forward)
        return found

    def _shaped(self, rollout: Rollout) -> Tensor:
        """raw -> / running deviation -> clip -> - penalty for a missing EOS."""
        settings, raw = self.settings, rollout.raw_scores.double()
        scores = rollout.raw_scores
        if settings.score_scaling:
            sums = torch.stack([torch.ones_like(raw).sum(), raw.sum(), raw.square().sum()])
            self.scale.update(*self.processes.sum(sums).tolist())
            scores = scores / self.scale.std
        if settings.score_clip is not None:
            scores = scores.clamp(-settings.score_clip, settings.score_clip)
        return penalise_missing_eos(scores, rollout.ended, settings.missing_eos_penalty)

    def _count(self, rollout: Rollout, figures: Figures) -> None:
        mask, n, tokens = rollout.mask, len(rollout), int(rollout.mask.sum())
        k1 = kl_estimate(rollout.logps, rollout.ref_logps, "k1")
        k3 = kl_estimate(rollout.logps, rollout.ref_logps, "k3")
        coef = self.kl.coef
        figures.add("objective/kl", masked_sum(k1, mask), n)
        figures.add("objective/kl_k3", masked_sum(k3, mask), n)
        figures.add("objective/scores", rollout.raw_scores.sum(), n)
        figures.add("objective/rlhf_reward", rollout.scores.sum() - coef * masked_sum(k1, mask), n)
        figures.add("objective/entropy", -masked_sum(rollout.logps, mask), tokens)
        figures.add("response/length", rollout.lengths.sum(), n)
        figures.add("response/eos_rate", rollout.ended.sum(), n)
        figures.add("objective/scores_std", self._score_deviation(rollout), 1)

    def _count_exact(
        self, logits: Tensor, ref_logits: Tensor, batch: PaddedBatch, figures: Figures
    ) -> None:
        """What objective/kl and objective/entropy estimate, from the whole distributions."""
        heat, mask = self.settings.temperature, batch.mask
        kl = exact_token_kl(logits.float() / heat, ref_logits.float() / heat)
        figures.add("objective/kl_exact", masked_sum(kl, mask), len(batch.rows))
        entropy = masked_sum(token_entropy(logits / heat), mask)
        figures.add("objective/entropy_exact", entropy, int(mask.sum()))

    def _score_deviation(self, rollout: Rollout) -> Tensor:
        scores = self.processes.gather(rollout.raw_scores)
        return scores.std() if len(scores) > 1 else torch.tensor(0.0)

    def _rollout_kl(self, rollout: Rollout) -> float:
        """Mean over answers of the summed k1, which the controller and the guard read."""
        k1 = kl_estimate(rollout.logps, rollout.ref_logps, "k1")
        sums = torch.stack(
            [masked_sum(k1, rollout.mask).double().cpu(), torch.tensor(len(rollout))]
        )
        total, count = self.processes.sum(sums)
        return float(total / count)

    def _share(self, flags: Tensor) -> float:
        counts = torch.tensor([float(flags.sum()), float(len(flags))], dtype=torch.float64)
        yes, count = self.processes.sum(counts)
        return float(yes / count)

    def _unique_share(self, rollout: Rollout) -> float:
        """Different answers among this process's, as a share: near 0 the policy has collapsed."""
        return len({tuple(c.ids) for c in rollout.completions}) / len(rollout)

    # ---- learning's common parts

    def _set_learning_rates(self) -> None:
        factor = learning_rate_factor(self.training, self.step, self.settings.updates)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak_lr"] * factor

    # ---- guards, checkpoints, the end

    def _guard_rollout(self, kl: float, eos_rate: float) -> None:
        """Stop before learning from a policy that has gone astray; the state is a whole
        update's."""
        reasons = []
        if not math.isfinite(kl):
            reasons.append("the KL to the reference is not a number")
        elif kl > self.settings.max_kl:
            reasons.append(
                f"the KL to the reference is {kl:.3g} nats an answer, above settings.max_kl "
                f"{self.settings.max_kl:g}"
            )
        if eos_rate < self.settings.min_eos_rate:
            reasons.append(
                f"only {eos_rate:.1%} of the answers end, below settings.min_eos_rate "
                f"{self.settings.min_eos_rate:.1%}"
            )
        if reasons:
            self.save()
            raise Diverged(
                f"Before update {self.step + 1}, {' and '.join(reasons)}. Raise settings.kl_coef "
                "or lower training.learning_rate, and go on from an earlier model."
            )

    def networks(self) -> dict[str, Network]:
        value = self.actors.value
        return {"policy": self.actors.policy} | ({} if value is None else {"value": value})

    def method_state(self) -> dict[str, Any]:
        scale = [self.scale.count, self.scale.mean, self.scale.m2]
        return {"kl_coef": self.kl.coef, "scale": scale}

    def load_method_state(self, state: dict[str, Any]) -> None:
        self.kl.coef = state["kl_coef"]
        self.scale = RunningScale(*state["scale"])

    def finish(self) -> Result:
        """Write the model and hand back the last figures."""
        return self.export()

    def _look(self) -> None:
        """The fixed prompts, answered by the policy as it is now."""
        if due(self.run, self.step):
            write_fixed_samples(self.run, self.processes, self.models, self.step)

    def _record(self, rollout: Rollout) -> None:
        """Sample texts for the diary, and whole episodes for the rollout viewer."""
        every = self.training.sample_every
        if every and self.step % every == 0 and not self.training.sample_prompts:
            shown = min(len(rollout), 4)
            for row in range(shown):
                text = self.models.text(rollout.completions[row].ids)
                score = float(rollout.raw_scores[row])
                prompt = rollout.prompts[row].plain
                self.run.events.sample(self.step, prompt, text, score=score)
        if self.settings.record_rollouts:
            record_rollout(self.run, self.step, rollout, self.models, self.settings.record_rollouts)


def _put(whole: Tensor, rows: list[int], part: Tensor) -> None:
    whole[rows, : part.shape[1]] = part.detach().float()
