"""The processes that share one on-policy run, and the sums they take together.

Every process holds a slice of the answers, and all weights or a shard of them (see sharding).
Gradients are summed, not averaged: each is already divided by the token count of all processes, so
the sum is the gradient of the whole mini batch, and two processes step exactly where one would
have.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from training.trainers.loading import device_of, uses_bf16
from training.trainers.run_directory import Run


class Processes:
    """One process among `world_size`, on `device`; alone, every method is the identity."""

    def __init__(self, run: Run) -> None:
        from accelerate import Accelerator

        half, on_cpu = uses_bf16(run), device_of(run).type == "cpu"
        self.accelerator = Accelerator(
            cpu=on_cpu, mixed_precision="bf16" if half else "no", log_with=None
        )
        self.sharding = run.sharding
        self.device = self.accelerator.device
        self.rank = self.accelerator.process_index
        self.world_size = self.accelerator.num_processes

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def autocast(self) -> Any:
        """The arithmetic of forward passes, as `precision` asks."""
        return self.accelerator.autocast()

    def sum(self, tensor: Tensor) -> Tensor:
        """Elementwise sum over processes; every one of them must call it."""
        if self.world_size == 1:
            return tensor
        summed: Tensor = self.accelerator.reduce(tensor.to(self.device), reduction="sum")
        return summed.to(tensor.device)

    def gather(self, tensor: Tensor) -> Tensor:
        """The tensors of all processes, joined along the first axis in order of rank."""
        if self.world_size == 1:
            return tensor
        joined: Tensor = self.accelerator.gather(tensor.to(self.device))
        return joined.to(tensor.device)

    def gather_objects(self, objects: list[Any]) -> list[Any]:
        """The lists of all processes, joined in order of rank."""
        if self.world_size == 1:
            return objects
        from accelerate.utils import gather_object

        joined: list[Any] = gather_object(objects)
        return joined

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each gradient by its sum over processes, in one transfer for each data type;
        shards have summed theirs in the backward pass."""
        if self.world_size == 1 or self.sharding != "none":
            return
        by_type: dict[torch.dtype, list[torch.nn.Parameter]] = {}
        for parameter in parameters:
            by_type.setdefault(gradient_of(parameter).dtype, []).append(parameter)
        for group in by_type.values():
            flat = self.sum(torch.cat([gradient_of(p).reshape(-1) for p in group]))
            sizes = [parameter.numel() for parameter in group]
            for parameter, part in zip(group, flat.split(sizes), strict=True):
                gradient_of(parameter).copy_(part.view_as(parameter))

    def any(self, flag: bool) -> bool:
        """True everywhere if it is true anywhere: a decision that all take together."""
        return bool(self.sum(torch.tensor([float(flag)]))[0] > 0)

    def slice(self, count: int) -> range:
        """The rows, of `count` shared evenly, that belong to this process."""
        share = count // self.world_size
        return range(self.rank * share, (self.rank + 1) * share)

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()


class Figures:
    """Sums of figures over micro batches and processes, turned into means once."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, float] = {}
        self._largest: dict[str, float] = {}

    def add(self, name: str, total: Tensor | float, count: float) -> None:
        """Add `count` observations whose sum is `total`."""
        self._sums[name] = self._sums.get(name, 0.0) + float(total)
        self._counts[name] = self._counts.get(name, 0.0) + count

    def largest(self, name: str, value: Tensor | float) -> None:
        """Keep the largest of the values given."""
        self._largest[name] = max(self._largest.get(name, -math.inf), float(value))

    def means(self, processes: Processes) -> dict[str, float]:
        """The mean (or largest) of each figure over all processes; a mean without observations is
        NaN.

        Every process must have added the same names."""
        names = sorted(self._sums)
        if not names:
            return {}
        table = torch.tensor(
            [[self._sums[name] for name in names], [self._counts[name] for name in names]],
            dtype=torch.float64,
        )
        sums, counts = processes.sum(table)
        most = {
            name: float(processes.gather(torch.tensor([value])).max())
            for name, value in sorted(self._largest.items())
        }
        return most | {
            name: float(total / count) if count else float("nan")
            for name, total, count in zip(names, sums, counts, strict=True)
        }


def gradient_of(parameter: torch.nn.Parameter) -> Tensor:
    """The gradient; zeros, set in place, where this process had no row of the mini batch."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


def rows_of(rows: Sequence[int], mine: range) -> list[int]:
    """Those of the global `rows` that are mine, counted from the start of my slice."""
    return [row - mine.start for row in rows if row in mine]
