"""Sampling answers: batched, left-padded, and the same whatever the batch is.

Each answer is drawn with random numbers of its own, made from (seed, round, row). Which rows share
a batch, how many processes share the work and where a run was resumed then change nothing but the
last digit of a logit. The loop is written out, on transformers' cache: `generate` draws from one
generator for the whole batch, and keeps computing rows that have ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch import Tensor

# Rows that ended are dropped from the cache once fewer than this share of the batch is alive:
# dropping copies the cache, so not at every token.
COMPACT_BELOW = 0.75


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. `eos_ids` end an answer; `pad_id` only fills rectangles."""

    max_new_tokens: int
    eos_ids: tuple[int, ...]
    pad_id: int
    temperature: float = 1.0
    top_p: float = 1.0
    batch_size: int = 64


@dataclass(frozen=True)
class Completion:
    """One sampled answer: its token ids, the EOS among them if it `ended` by itself."""

    ids: list[int]
    ended: bool


def uniforms(seed: int, round_number: int, rows: Sequence[int], length: int) -> Tensor:
    """Numbers in [0, 1), float64 (len(rows), length): one stream for each (seed, round, row)."""
    streams = [numpy.random.default_rng([seed, round_number, row]).random(length) for row in rows]
    return torch.from_numpy(numpy.stack(streams)) if streams else torch.empty(0, length).double()


@torch.no_grad()
def generate(
    model: Any, prompts: Sequence[Sequence[int]], draws: Tensor, sampling: Sampling
) -> list[Completion]:
    """An answer to each prompt (token ids, not empty), in the order given.

    `model` is a causal language model in eval mode; `draws` (N, max_new_tokens) from `uniforms`.
    Raises ValueError for an empty prompt, draws that do not fit, or a model in train mode.
    """
    if model.training:
        # transformers would leave the cache out under activation checkpointing, without an error
        raise ValueError("The model is in train mode; call eval() before sampling from it.")
    if any(len(prompt) == 0 for prompt in prompts):
        raise ValueError("A prompt has no tokens; begin it with the model's BOS token.")
    if draws.shape != (len(prompts), sampling.max_new_tokens):
        raise ValueError(
            f"{len(prompts)} answers of {sampling.max_new_tokens} tokens need as many draws; "
            f"{tuple(draws.shape)} were given."
        )
    # Prompts of like length share a batch: less padding to compute.
    order = sorted(range(len(prompts)), key=lambda row: -len(prompts[row]))
    found: dict[int, Completion] = {}
    for start in range(0, len(order), sampling.batch_size):
        rows = order[start : start + sampling.batch_size]
        answers = _generate_batch(model, [prompts[row] for row in rows], draws[rows], sampling)
        found.update(zip(rows, answers, strict=True))
    return [found[row] for row in range(len(prompts))]


def pick_tokens(logits: Tensor, draws: Tensor, temperature: float, top_p: float = 1.0) -> Tensor:
    """Tokens by inverse transform: the first whose cumulative probability exceeds the draw.

    `logits` (B, V), `draws` (B,) in [0, 1). Sums run in float64: in float32 the tail of a large
    vocabulary would be rounded away. Returns (B,) ids; a token of probability 0 is never picked.
    """
    probabilities = torch.softmax(logits.float() / temperature, dim=-1)
    if top_p < 1.0:
        probabilities = _nucleus(probabilities, top_p)
    cumulative = probabilities.double().cumsum(-1)
    # first v with F(v) > u F(V)
    target = draws.to(cumulative.device)[:, None] * cumulative[:, -1:]
    return (
        torch.searchsorted(cumulative, target, right=True)
        .squeeze(-1)
        .clamp(max=logits.shape[-1] - 1)
    )


def left_pad(prompts: Sequence[Sequence[int]], pad_id: int, device: Any) -> tuple[Tensor, Tensor]:
    """Prompts as a rectangle (B, P), real tokens at the right, and its attention mask (B, P)."""
    width = max(len(prompt) for prompt in prompts)
    ids = [[pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _generate_batch(
    model: Any, prompts: Sequence[Sequence[int]], draws: Tensor, sampling: Sampling
) -> list[Completion]:
    from transformers import DynamicCache

    device = next(model.parameters()).device
    ids, attention = left_pad(prompts, sampling.pad_id, device)
    positions = (attention.cumsum(-1) - 1).clamp(min=0)
    stops = torch.tensor(sampling.eos_ids, device=device)
    draws = draws.to(device)
    alive = torch.arange(len(prompts), device=device)  # rows of the prompt that the cache holds
    running = torch.ones(len(prompts), dtype=torch.bool, device=device)  # of those, not ended
    cache = DynamicCache(config=model.config)
    tokens: list[list[int]] = [[] for _ in prompts]
    ended = [False] * len(prompts)
    for step in range(sampling.max_new_tokens):
        logits = model(
            input_ids=ids,
            attention_mask=attention,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        picked = pick_tokens(logits, draws[alive, step], sampling.temperature, sampling.top_p)
        stopped = torch.isin(picked, stops)
        for row, token, on, end in zip(
            alive.tolist(), picked.tolist(), running.tolist(), stopped.tolist(), strict=True
        ):
            if on:
                tokens[row].append(token)
                ended[row] = end
        running = running & ~stopped
        count = int(running.sum())
        if count == 0:
            break
        if count < COMPACT_BELOW * len(running):
            cache.batch_select_indices(running.nonzero().squeeze(-1))
            alive, attention, picked = alive[running], attention[running], picked[running]
            positions, running = positions[running], running[running]
        ids = picked[:, None]
        positions = positions[:, -1:] + 1
        attention = torch.cat([attention, attention.new_ones(len(attention), 1)], dim=-1)
    return [Completion(row, end) for row, end in zip(tokens, ended, strict=True)]


def _nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Zero outside the smallest set of tokens whose mass reaches `top_p` (arXiv:1904.09751)."""
    ranked, order = probabilities.sort(dim=-1, descending=True)
    # a token stays while the mass before it is below top_p, so at least one does
    outside = ranked.cumsum(-1) - ranked >= top_p
    return probabilities.scatter(-1, order, ranked.masked_fill(outside, 0.0))
