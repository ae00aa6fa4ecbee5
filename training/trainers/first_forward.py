"""One forward for two uses: scoring answers, and the first gradient step on them.

Old log-probabilities are those of the forward that training uses, and the first step is taken at
the very weights that scored: its forward would compute the same numbers again. Kept with its graph,
it is computed once. The price is memory: the activations of all micro batches of the first step
live until their backward pass.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from training.trainers.outcome import BadInput
from training.trainers.processes import Processes
from training.trainers.rollout import PaddedBatch
from training.trainers.run_config import RunConfig

T = TypeVar("T")
Key = tuple[str, tuple[int, ...]]


class FirstForwards:
    """Forwards that wait for their backward pass, by network and rows."""

    def __init__(self, config: RunConfig, processes: Processes) -> None:
        wanted = config.settings.share_first_forward
        hindrance = _hindrance(config, processes)
        if wanted and hindrance:
            raise BadInput(f"settings.share_first_forward is true, and {hindrance} Leave it out.")
        self._most = 0 if wanted is False or hindrance else None if wanted else 1
        self._chosen: set[tuple[int, ...]] = set()
        self._keeping: Key | None = None
        self._kept: dict[Key, Any] = {}

    def choose(self, batches: Sequence[Sequence[int]]) -> None:
        """Begin an update whose first step is taken on these micro batches."""
        self._kept.clear()
        fits = self._most is None or len(batches) <= self._most
        self._chosen = {tuple(rows) for rows in batches} if fits else set()

    @contextmanager
    def kept(self, name: str, batch: PaddedBatch, *, wanted: bool = True) -> Iterator[None]:
        """Within, what `take` computes is kept with its graph, if this batch was chosen."""
        key = (name, tuple(batch.rows))
        if not wanted or key[1] not in self._chosen:
            yield
            return
        self._keeping = key
        try:
            with torch.enable_grad():
                yield
        finally:
            self._keeping = None

    def take(self, name: str, batch: PaddedBatch, forward: Callable[[], T]) -> T:
        """What was kept for this network and batch, once; else `forward()`."""
        key = (name, tuple(batch.rows))
        if key == self._keeping:
            self._kept[key] = forward()
            kept: T = self._kept[key]
            return kept
        found: T = self._kept.pop(key) if key in self._kept else forward()
        return found


def _hindrance(config: RunConfig, processes: Processes) -> str:
    """Why a forward cannot wait here; empty if it can."""
    if config.lora is not None:
        return "the networks share adapted weights (lora), which switch between passes."
    if config.training.gradient_checkpointing:
        return "training.gradient_checkpointing computes activations again."
    if processes.sharding != "none":
        return "the weights are sharded (training.sharding), and shared out again after a forward."
    return ""
