"""Many answers to each prompt, scored: what best-of-N chooses from and RAFT learns from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from training.trainers.data import Text
from training.trainers.generation import Sampling, generate, uniforms
from training.trainers.on_policy_models import OnPolicyModels
from training.trainers.processes import Processes
from training.trainers.prompts import Prompt
from training.trainers.rollout import Rollout
from training.trainers.run_config import RunConfig

_ROUND_STRIDE = 1_000_003  # seeds of one round's rows stay apart from the next one's


@dataclass(frozen=True)
class Answer:
    """One answer to a prompt: token ids, text, whether it ended by itself, and its score."""

    ids: list[int]
    text: str
    ended: bool
    score: float


def scored_answers(
    models: OnPolicyModels,
    processes: Processes,
    prompts: Sequence[Prompt],
    config: RunConfig,
    *,
    per_prompt: int,
    round_number: int,
) -> list[list[Answer]]:
    """`per_prompt` answers to each prompt, in order; the same on every process.

    The work is shared by prompts; the answers do not depend on how.
    """
    mine = [
        place for place in range(len(prompts)) if place % processes.world_size == processes.rank
    ]
    rows = [place * per_prompt + k for place in mine for k in range(per_prompt)]
    asked = [prompts[place] for place in mine for _ in range(per_prompt)]
    found = _answers(models, processes, asked, rows, config, round_number)
    table: list[list[Answer]] = [[] for _ in prompts]
    for row, answer in sorted(
        processes.gather_objects(list(zip(rows, found, strict=True))), key=lambda pair: pair[0]
    ):
        table[row // per_prompt].append(Answer(**answer))
    return table


@torch.no_grad()
def _answers(
    models: OnPolicyModels,
    processes: Processes,
    prompts: list[Prompt],
    rows: list[int],
    config: RunConfig,
    round_number: int,
) -> list[dict[str, Any]]:
    if not prompts:
        return []
    settings, policy = config.settings, models.actors.policy
    sampling = Sampling(
        max_new_tokens=settings.max_new_tokens,
        eos_ids=models.eos_ids,
        pad_id=models.pad_id,
        temperature=settings.temperature,
        top_p=getattr(settings, "top_p", 1.0),
        batch_size=settings.rollout_batch_size,
    )
    ids = [prompt.ids for prompt in prompts]
    if models.vllm is not None:
        seeds = [config.seed + _ROUND_STRIDE * round_number + row for row in rows]
        completions = models.vllm.generate(ids, seeds, sampling)
    else:
        draws = uniforms(config.seed, round_number, rows, settings.max_new_tokens)
        policy.module.eval()
        with policy.active(), processes.autocast():
            completions = generate(policy.module, ids, draws, sampling)
    rollout = Rollout(prompts, completions, 0, models.pad_id, processes.device)
    for part in rollout.micro_batches(range(len(rollout)), config.training.micro_batch_size):
        batch = rollout.batch(part)
        with processes.autocast():
            rollout.raw_scores[batch.rows] = models.scorer.scores(rollout, batch)
    return [
        asdict(Answer(completion.ids, models.text(completion.ids), completion.ended, score))
        for completion, score in zip(completions, rollout.raw_scores.tolist(), strict=True)
    ]


def completion_row(prompt: Prompt, answer: Answer) -> dict[str, Any]:
    """The answer as a row of TRL's prompt-completion type, in the form that the prompt has."""
    return {"prompt": prompt.plain, "completion": _as(prompt.source, answer.text)}


def preference_row(prompt: Prompt, chosen: Answer, rejected: Answer) -> dict[str, Any]:
    """Two answers as a row of TRL's preference type."""
    return {
        "prompt": prompt.plain,
        "chosen": _as(prompt.source, chosen.text),
        "rejected": _as(prompt.source, rejected.text),
        "margin": chosen.score - rejected.score,
    }


def _as(prompt: Text, text: str) -> Any:
    return text if isinstance(prompt, str) else [{"role": "assistant", "content": text}]
