"""The models of on-policy training: policy, reference, reward and value.

With all weights trained they are four models. With LoRA they share frozen weights: the policy is an
adapter on the base, the reference is the base with no adapter on (or a frozen copy of the adapter
that training went on from), and reward and value are adapters on the same base where the reward
model was trained on it, else on the reward model's own weights.

Switching adapters is switching state: a backward pass must come before the next network's forward.
"""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.algorithms.logprobs import token_logps
from training.trainers.answer_positions import answer_positions
from training.trainers.outcome import BadInput
from training.trainers.rollout import PaddedBatch
from training.trainers.sharding import Sharding, part_of, shard, sum_gradients

POLICY = "default"  # peft writes the adapter of this name into the folder itself, not below it
REFERENCE, VALUE, REWARD = "reference", "value", "reward"


@dataclass
class Network:
    """One forward pass: a module, the scalar head on it, and the adapter that must be on.

    `module` is a causal language model (no head) or a backbone (with one). `host` is the peft model
    around it, if any; `adapter` the name to switch on, None to switch all off.
    """

    module: Any
    head: nn.Module | None = None
    host: Any = None
    adapter: str | None = None
    checkpointing: bool = False

    @contextmanager
    def active(self) -> Iterator[None]:
        """With this network's adapter on, and no other."""
        if self.checkpointing:  # transformers recomputes activations in train mode only
            self.module.train(torch.is_grad_enabled())
        if self.host is None:
            yield
        elif self.adapter is None:
            with self.host.disable_adapter():
                yield
        else:
            self.host.set_adapter(self.adapter)
            yield

    def logits(self, batch: PaddedBatch) -> Tensor:
        """The logits that predict the completion's tokens, (B, R, V). The last token predicts
        nothing that is scored, so it is not computed."""
        with self.active(), self._read_from(batch.prompt_width - 1):
            logits: Tensor = self.module(
                input_ids=batch.ids[:, :-1],
                attention_mask=batch.attention[:, :-1],
                position_ids=batch.positions[:, :-1],
                use_cache=False,
                logits_to_keep=batch.width,
            ).logits
        return logits

    def logps(self, batch: PaddedBatch, temperature: float) -> Tensor:
        """Log-probability of each completion token, (B, R): the one forward for rollout, reference
        and training."""
        return token_logps(self.logits(batch), batch.ids, batch.width, temperature)

    def _read_from(self, first: int) -> AbstractContextManager[None]:
        return nullcontext() if self.checkpointing else answer_positions(self.module, first)

    def scalars(self, batch: PaddedBatch, length: int | None = None) -> Tensor:
        """The head at the first `length` positions, default all P + R: (B, length), float32. Those
        of the prompt, but for its last, are not to be read."""
        if self.head is None:
            raise TypeError("This network has no scalar head.")
        with self.active(), self._read_from(batch.prompt_width - 1):
            hidden = self.module(
                input_ids=batch.ids[:, :length],
                attention_mask=batch.attention[:, :length],
                position_ids=batch.positions[:, :length],
                use_cache=False,
            ).last_hidden_state
        weight = next(self.head.parameters())
        scalars: Tensor = self.head(hidden.to(weight.dtype)).squeeze(-1).float()
        return scalars

    def values(self, batch: PaddedBatch) -> Tensor:
        """V_t, read at the state before token t: (B, R)."""
        before_last = batch.ids.shape[1] - 1
        return self.scalars(batch, before_last)[:, batch.prompt_width - 1 :]

    def scores(self, batch: PaddedBatch) -> Tensor:
        """The score of each answer, read at its last real token: (B,)."""
        last = batch.prompt_width + batch.lengths - 1
        return self.scalars(batch).gather(1, last[:, None]).squeeze(1)

    def trained(self) -> dict[str, nn.Parameter]:
        """What training moves, by name: the adapter and head, or everything."""
        modules: dict[str, Any] = {"model": self.module if self.host is None else self.host}
        mark = None if self.host is None else f".{self.adapter}."
        found = {
            f"model.{name}": parameter
            for name, parameter in modules["model"].named_parameters()
            if mark is None or (mark in name and "lora_" in name)
        }
        if self.head is not None:
            found |= {f"head.{name}": p for name, p in self.head.named_parameters()}
        return found

    def freeze(self) -> "Network":
        """This network, never to be trained; shared weights must not be frozen through it."""
        for parameter in self.trained().values():
            parameter.requires_grad_(False)
        return self

    def share_out(self, sharding: Sharding, device: Any) -> None:
        """Shard module and head over the processes; gradients are summed."""
        for part in (self.module, self.head):
            if part is not None:
                shard(part, sharding, device)
                sum_gradients(part)

    def state(self) -> dict[str, Tensor]:
        """The trained tensors, detached, for a checkpoint."""
        return {name: parameter.detach() for name, parameter in self.trained().items()}

    @torch.no_grad()
    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put a checkpoint's tensors back. Raises BadInput when the names are not the same."""
        trained = self.trained()
        if trained.keys() != state.keys():
            raise BadInput(
                "The checkpoint belongs to another model: its weights have other names. Start a "
                "new run for changed settings."
            )
        for name, parameter in trained.items():
            parameter.copy_(part_of(state[name], parameter))


@dataclass
class ActorCritic:
    """The networks of one run. `reference` or `value` is None where the method needs none."""

    policy: Network
    reward: Network | None = None
    reference: Network | None = None
    value: Network | None = None

    def all(self) -> list[Network]:
        """The networks that this run has."""
        found = (self.policy, self.value, self.reward, self.reference)
        return [network for network in found if network is not None]


def same_vocabulary(one: Any, other: Any) -> bool:
    """Whether token ids mean the same to both tokenizers."""
    return bool(one.get_vocab() == other.get_vocab())


def backbone_of(model: Any) -> Any:
    """The transformer under a head: what gives hidden states."""
    return getattr(model, model.base_model_prefix)


def scalar_head(model: Any) -> nn.Linear:
    """A copy, in float32, of the head of a sequence classifier with one label."""
    head: nn.Linear = copy.deepcopy(model.score).float().requires_grad_(True)
    return head


def zero_head(width: int, device: Any) -> nn.Linear:
    """A head that answers 0 to everything until it is trained."""
    head = nn.Linear(width, 1, device=device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head
