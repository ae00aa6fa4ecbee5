"""`--dry-run` of a method that samples: all is loaded and checked, the first prompt shown as
tokens, one micro batch sampled and scored, memory and time estimated; nothing is trained or
written."""

import time
from collections.abc import Sequence

import torch

from training.trainers.actor_critic import ActorCritic
from training.trainers.generation import Sampling, generate, uniforms
from training.trainers.on_policy_models import OnPolicyModels
from training.trainers.outcome import Result
from training.trainers.processes import Processes
from training.trainers.prompts import Prompt
from training.trainers.rollout import Rollout
from training.trainers.run_directory import Run

# A backward pass costs about two forward passes.
GRADIENT_FORWARDS = 3


def dry_run(
    run: Run, processes: Processes, models: OnPolicyModels, prompts: Sequence[Prompt]
) -> Result:
    """Show and measure; the result's report has the figures."""
    sizes = network_sizes(models.actors)
    sample_s, forward_s = _measure(run, processes, models, prompts)
    settings, training = run.config.settings, run.config.training
    answers, steps = _work(run, len(prompts))
    share = answers / training.micro_batch_size / processes.world_size
    frozen = sum(network is not None for network in models.actors.all())
    passes = getattr(settings, "ppo_epochs", 1) * sizes["trained_networks"] * GRADIENT_FORWARDS
    seconds = share * (sample_s + (frozen + passes) * forward_s)
    tokens = models.tokenizer.convert_ids_to_tokens(prompts[0].ids)
    print(
        f"The first of {len(prompts)} prompts, {len(tokens)} tokens: {'|'.join(map(ascii, tokens))}"
    )
    print(
        f"{sizes['trainable_parameters']:,} of {sizes['parameters']:,} parameters are trained; "
        f"weights, gradients and optimiser take about {sizes['estimated_bytes'] / 1e9:.2f} GB, "
        f"activations come on top. {steps} steps of {answers} answers take about "
        f"{steps * seconds / 60:.1f} minutes here."
    )
    shown = [(models.tokenizer.decode([token]), False) for token in prompts[0].ids]
    return Result(
        report={
            **sizes,
            "steps": steps,
            "estimated_seconds": round(steps * seconds, 1),
            "batch": [shown],
        }
    )


def network_sizes(actors: ActorCritic) -> dict[str, int]:
    """Parameters, each counted once however many networks share it, and bytes of state: weights as
    they are, and for each trained one a gradient and two Adam moments of four bytes."""
    seen: dict[int, torch.nn.Parameter] = {}
    trained: dict[int, torch.nn.Parameter] = {}
    for network in actors.all():
        parts = [network.module, network.head]
        seen |= {id(p): p for part in parts if part is not None for p in part.parameters()}
    learning = [network for network in (actors.policy, actors.value) if network is not None]
    for network in learning:
        trained |= {id(p): p for p in network.trained().values()}
    seen |= trained
    moved = sum(p.numel() for p in trained.values())
    return {
        "parameters": sum(p.numel() for p in seen.values()),
        "trainable_parameters": moved,
        "trained_networks": len(learning),
        "estimated_bytes": sum(p.numel() * p.element_size() for p in seen.values()) + 12 * moved,
    }


@torch.no_grad()
def _measure(
    run: Run, processes: Processes, models: OnPolicyModels, prompts: Sequence[Prompt]
) -> tuple[float, float]:
    """Seconds to sample a micro batch, and for one forward pass over it."""
    settings, policy = run.config.settings, models.actors.policy
    asked = [prompts[i % len(prompts)] for i in range(run.config.training.micro_batch_size)]
    rows = list(range(len(asked)))
    draws = uniforms(run.config.seed, 0, rows, settings.max_new_tokens)
    sampling = Sampling(settings.max_new_tokens, models.eos_ids, models.pad_id)
    clock = [time.perf_counter()]
    policy.module.eval()
    with policy.active(), processes.autocast():
        completions = generate(policy.module, [p.ids for p in asked], draws, sampling)
    clock.append(time.perf_counter())
    rollout = Rollout(asked, completions, 0, models.pad_id, processes.device)
    with processes.autocast():
        models.scorer.scores(rollout, rollout.batch(rows))
    clock.append(time.perf_counter())
    return clock[1] - clock[0], clock[2] - clock[1]


def _work(run: Run, prompts: int) -> tuple[int, int]:
    """(answers of a step, steps) of the run's method."""
    settings, training = run.config.settings, run.config.training
    if run.config.method == "best_of_n":
        return training.batch_size * settings.n, -(-prompts // training.batch_size)
    if run.config.method == "raft":
        asked = min(settings.prompts_per_iteration, prompts)
        return asked * settings.samples_per_prompt, settings.iterations
    return training.batch_size, settings.updates
