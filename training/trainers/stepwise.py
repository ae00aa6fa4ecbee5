"""A run in steps that can be stopped after each and gone on with: on-policy training, RAFT,
best-of-N.

All randomness is a function of (seed, step, row), so a checkpoint needs no generator's state: the
weights, the optimiser, and what the method counts are enough for a bit-equal continuation.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch

from training.trainers.actor_critic import Network
from training.trainers.events import Phase
from training.trainers.on_policy_models import OnPolicyModels
from training.trainers.outcome import Cancelled, Diverged, Result
from training.trainers.processes import Processes
from training.trainers.run_directory import Run
from training.trainers.sharding import gathered, make_whole, optimiser_parts
from training.trainers.state_io import read_tree, write_tree
from training.trainers.stop import CANCELLED_SENTENCE


class Stepwise(ABC):
    """`step` is the number of steps done, of `total`."""

    optimiser: torch.optim.Optimizer | None = None
    phase = Phase.TRAINING

    def __init__(self, run: Run, processes: Processes, models: OnPolicyModels, total: int) -> None:
        self.run, self.processes, self.models = run, processes, models
        self.config, self.settings = run.config, run.config.settings
        self.training = run.config.training
        self.actors = models.actors
        self.total = total
        self.step = 0
        self.resumed_from: int | None = None
        self.metrics: dict[str, float] = {}

    @abstractmethod
    def advance(self) -> float:
        """Take one step, count it, and return tokens a second."""

    @abstractmethod
    def finish(self) -> Result:
        """Write what the run made."""

    def networks(self) -> dict[str, Network]:
        """The networks that learn, by the name under which a checkpoint keeps them."""
        return {}

    def method_state(self) -> dict[str, Any]:
        """What a checkpoint holds beyond weights and optimiser."""
        return {}

    def load_method_state(self, state: dict[str, Any]) -> None:  # noqa: B027 - some have none
        """Take back what `method_state` gave."""

    def train(self) -> Result:
        """All steps that are left, then the results. Raises Cancelled, Diverged, OutOfMemory."""
        self.resume()
        self.run.enter(self.phase)
        started, first = time.monotonic(), self.step
        while self.step < self.total:
            tokens_per_s = self.advance()
            took = (time.monotonic() - started) / (self.step - first)
            eta = took * (self.total - self.step)
            self.run.events.progress(self.step, self.total, eta_s=eta, tokens_per_s=tokens_per_s)
            self.save_or_stop()
        result = self.finish()
        result.resumed_from_step = self.resumed_from
        return result

    def save_or_stop(self) -> None:
        """A checkpoint where one is due; where a stop was asked for, a checkpoint and Cancelled."""
        stopping = self.processes.any(self.run.stop.requested)
        every, last = self.training.save_every, self.step == self.total
        if stopping or last or (every and self.step % every == 0):
            self.save()
            if not (stopping or last):
                self.run.events.phase(self.phase)
        if stopping and not last:
            raise Cancelled(CANCELLED_SENTENCE)

    def save(self) -> None:
        """Write the checkpoint of this step; the first process writes, all hold the same, or
        their shards of it."""
        state = self.state()
        if self.processes.sharding != "none":
            state = gathered(state, keep=self.run.is_main)
        if self.run.is_main:
            with self.run.checkpoints.writing(self.step) as folder:
                write_tree(folder / "state", state)
        self.processes.wait()

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "step": self.step,
            "networks": {name: network.state() for name, network in self.networks().items()},
            "optimiser": None if self.optimiser is None else self.optimiser.state_dict(),
            "metrics": self.metrics,
            "method": self.method_state(),
        }

    def resume(self) -> None:
        """Go on from the newest complete checkpoint, if there is one."""
        checkpoint = self.run.checkpoints.newest_complete()
        if checkpoint is None:
            return
        state = read_tree(checkpoint.path / "state")
        for name, network in self.networks().items():
            network.load_state(state["networks"][name])
        if self.optimiser is not None:
            groups = self.optimiser.param_groups
            mine = optimiser_parts(state["optimiser"], [p for g in groups for p in g["params"]])
            self.optimiser.load_state_dict(mine)
        self.metrics = state["metrics"]
        self.load_method_state(state["method"])
        self.step = self.resumed_from = checkpoint.step

    def export(self) -> Result:
        """Write the trained policy to `model/`; the result with the last figures."""
        facts: dict[str, object] = {}
        make_whole(self.actors.policy.module)
        if self.run.is_main:
            facts = self.models.export_policy(self.run, self.metrics)
        self.processes.wait()
        return Result(steps=self.step, metrics=dict(self.metrics), report=facts)

    def optimiser_step(self) -> dict[str, float]:
        """Sum gradients over processes, clip each network's norm, step. Raises Diverged."""
        assert self.optimiser is not None
        norms = []
        for group in self.optimiser.param_groups:
            self.processes.sum_gradients(group["params"])
            norms.append(clip_gradients(group["params"], self.training.grad_clip))
        if not all(math.isfinite(norm) for norm in norms):
            raise Diverged(
                f"In step {self.step + 1} the gradient is not finite. The newest checkpoint is "
                "from before it. Lower training.learning_rate."
            )
        self.optimiser.step()
        return {"grad_norm": max(norms)}


def clip_gradients(parameters: Sequence[torch.nn.Parameter], largest: float) -> float:
    """Scale gradients so that their joint norm is at most `largest` (0: leave them); returns the
    norm before. Each network is clipped by itself: a large value error must not shrink the
    policy's step."""
    limit = largest if largest > 0 else math.inf
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
