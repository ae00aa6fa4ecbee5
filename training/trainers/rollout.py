"""One round of experience: answers, their log-probabilities, their scores.

Ragged lists of token ids are the truth; a rectangle is made for each micro batch, no wider than its
own longest row. Masks come from lengths, never from `ids == pad`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy
import torch
from torch import Tensor

from training.algorithms.rewards import completion_mask
from training.trainers.generation import Completion
from training.trainers.prompts import Prompt

_DEAL_STREAM = 104729  # keeps the dealing of mini batches apart from the draws of answers


@dataclass(frozen=True)
class PaddedBatch:
    """Prompts left-padded to P, completions right-padded to R; everything on one device.

    `ids`, `attention`, `positions` (B, P + R); `mask` (B, R), true on completion tokens; `lengths`
    (B,) of completions; `rows`: which rows of the rollout these are.
    """

    ids: Tensor
    attention: Tensor
    positions: Tensor
    mask: Tensor
    lengths: Tensor
    prompt_width: int
    rows: list[int]

    @property
    def width(self) -> int:
        """R."""
        return self.mask.shape[1]

    def of(self, tensor: Tensor) -> Tensor:
        """The part of a rollout's (N, R_max) tensor that belongs to this batch: (B, R)."""
        return tensor[self.rows, : self.width]


def pad_batch(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    pad_id: int,
    device: Any,
    rows: Sequence[int] | None = None,
) -> PaddedBatch:
    """The rectangle of these prompts and completions (token ids, at least one of each a row)."""
    left = max(len(prompt) for prompt in prompts)
    right = max(len(completion) for completion in completions)
    ids = torch.full((len(prompts), left + right), pad_id, dtype=torch.long)
    attention = torch.zeros_like(ids)
    for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        begin, end = left - len(prompt), left + len(completion)
        ids[row, begin:end] = torch.tensor([*prompt, *completion])
        attention[row, begin:end] = 1
    lengths = torch.tensor([len(completion) for completion in completions], device=device)
    attention = attention.to(device)
    return PaddedBatch(
        ids=ids.to(device),
        attention=attention,
        positions=(attention.cumsum(-1) - 1).clamp(min=0),
        mask=completion_mask(lengths, right),
        lengths=lengths,
        prompt_width=left,
        rows=list(range(len(prompts)) if rows is None else rows),
    )


@dataclass
class Rollout:
    """The answers of one process in one update. Tensors (N, R_max) hold 0 on padding.

    `first_row` is the global number of row 0. `raw_scores` (N,) are the reward model's, `scores`
    (N,) what is learned from: scaled, clipped, less the penalty for a missing EOS. `rewards`,
    `advantages` and `returns` stay 0 under methods that have none for a token.
    """

    prompts: list[Prompt]
    completions: list[Completion]
    first_row: int
    pad_id: int
    device: Any
    logps: Tensor = field(init=False)
    ref_logps: Tensor = field(init=False)
    values: Tensor = field(init=False)
    raw_scores: Tensor = field(init=False)
    scores: Tensor = field(init=False)
    rewards: Tensor = field(init=False)
    advantages: Tensor = field(init=False)
    returns: Tensor = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.completions), max(len(c.ids) for c in self.completions))
        for name in ("logps", "ref_logps", "values", "rewards", "advantages", "returns"):
            setattr(self, name, torch.zeros(shape, device=self.device))
        self.raw_scores = torch.zeros(shape[0], device=self.device)
        self.scores = torch.zeros(shape[0], device=self.device)
        self.lengths = torch.tensor([len(c.ids) for c in self.completions], device=self.device)
        self.ended = torch.tensor([c.ended for c in self.completions], device=self.device)
        self.mask = completion_mask(self.lengths, shape[1])

    def __len__(self) -> int:
        return len(self.completions)

    def batch(self, rows: Sequence[int]) -> PaddedBatch:
        """The rectangle of these rows."""
        return pad_batch(
            [self.prompts[row].ids for row in rows],
            [self.completions[row].ids for row in rows],
            self.pad_id,
            self.device,
            rows,
        )

    def micro_batches(self, rows: Sequence[int], size: int) -> list[list[int]]:
        """Rows in groups of `size`, like lengths together. How rows are grouped changes no result:
        every mean is over the tokens of the mini batch."""
        ordered = sorted(rows, key=lambda row: (self._length(row), row))
        return [ordered[start : start + size] for start in range(0, len(ordered), size)]

    def _length(self, row: int) -> int:
        return len(self.prompts[row].ids) + len(self.completions[row].ids)


def deal(count: int, parts: int, seed: int, update: int, epoch: int) -> list[list[int]]:
    """Rows 0 .. count - 1 in `parts` random mini batches of equal size.

    Each run of `parts` consecutive rows gives one to every mini batch: any process that holds a
    multiple of `parts` consecutive rows has the same share of each, and the mini batches do not
    depend on how many processes there are. Raises ValueError when the count is not a multiple.
    """
    if count % parts:
        raise ValueError(f"{count} rows cannot be dealt evenly into {parts} mini batches.")
    generator = numpy.random.default_rng([seed, _DEAL_STREAM, update, epoch])
    hands = [generator.permutation(parts) for _ in range(count // parts)]
    return [
        [block * parts + int(hand[part]) for block, hand in enumerate(hands)]
        for part in range(parts)
    ]
