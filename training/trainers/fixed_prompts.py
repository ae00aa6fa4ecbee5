"""Answers to the same prompts at every look, with the reward model's score of each.

They are what a held-out judge compares over a run: other prompts at each step would hide a change
behind their own differences. The draws are the same at each look, too (common random numbers), and
come from streams of their own, so a run that is looked at trains like one that is not.
"""

from typing import Any

import torch

from training.trainers.data import Message, PromptRow
from training.trainers.generation import Sampling, generate, uniforms
from training.trainers.on_policy_models import OnPolicyModels
from training.trainers.processes import Processes
from training.trainers.prompts import tokenize_prompts
from training.trainers.rollout import Rollout
from training.trainers.run_directory import Run
from training.trainers.sharding import whole_weights

_LOOK_STREAM = 6_700_417  # no round of a run has this number


def due(run: Run, step: int) -> bool:
    """Whether to look after `step` updates; 0 is before the first one."""
    settings = run.config.training
    return (
        bool(settings.sample_prompts)
        and bool(settings.sample_every)
        and not (step % settings.sample_every)
    )


@torch.no_grad()
def write_fixed_samples(run: Run, processes: Processes, models: OnPolicyModels, step: int) -> None:
    """Answer `training.sample_prompts` and write the answers with their scores to the diary. Every
    process takes part, because weights may be shared out; the main one writes."""
    training, settings, policy = run.config.training, run.config.settings, models.actors.policy
    rows = [PromptRow(prompt=_shaped(p, training.sample_as_chat)) for p in training.sample_prompts]
    most = training.sample_tokens
    prompts = tokenize_prompts(rows, models.texts, training.max_length)
    sampling = Sampling(
        max_new_tokens=most,
        eos_ids=models.eos_ids,
        pad_id=models.pad_id,
        temperature=settings.temperature,
        batch_size=settings.rollout_batch_size,
    )
    draws = uniforms(run.config.seed, _LOOK_STREAM, range(len(prompts)), most)
    policy.module.eval()
    with (
        whole_weights(policy.module, sharding=processes.sharding),
        policy.active(),
        processes.autocast(),
    ):
        answers = generate(policy.module, [prompt.ids for prompt in prompts], draws, sampling)
    rollout = Rollout(prompts, answers, 0, models.pad_id, processes.device)
    for part in rollout.micro_batches(range(len(rollout)), training.micro_batch_size):
        with processes.autocast():
            scores = models.scorer.scores(rollout, rollout.batch(part))
        rollout.raw_scores[part] = scores.detach().float()
    if run.is_main:
        for prompt, answer, score in zip(
            prompts, answers, rollout.raw_scores.tolist(), strict=True
        ):
            run.events.sample(step, prompt.plain, models.text(answer.ids), score=score)


def _shaped(prompt: str, as_chat: bool) -> Any:
    return [Message("user", prompt)] if as_chat else prompt
