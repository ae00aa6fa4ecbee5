"""Recipes and presets of the launch page: where to begin, never more than a set of settings."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Preset:
    """`values` are settings by their dotted names, laid over the method's defaults."""

    key: str
    label: str | Promise
    help: str | Promise
    up_to: float  # parameters of the base model that it is meant for
    values: dict[str, Any] = field(default_factory=dict)


PRESETS = (
    Preset(
        "tiny",
        _("Tiny, to try things out"),
        _("Models below 100 million parameters, on a processor: small batches, frequent saving."),
        1e8,
        {
            "training.batch_size": 8,
            "training.micro_batch_size": 8,
            "training.max_length": 256,
            "training.save_every": 20,
        },
    ),
    Preset(
        "full",
        _("Up to 1 B: all weights"),
        _("Every weight is trained; needs some 16 bytes of memory for each parameter."),
        1.2e9,
        {"training.batch_size": 32, "training.micro_batch_size": 4},
    ),
    Preset(
        "lora",
        _("1 to 14 B: adapters"),
        _("LoRA on every linear layer, with activations recomputed; the base stays frozen."),
        1.5e10,
        {
            "use_lora": True,
            "training.batch_size": 64,
            "training.micro_batch_size": 2,
            "training.gradient_checkpointing": True,
        },
    ),
    Preset(
        "qlora",
        _("14 B and more: adapters over 4 bits"),
        _("The base is kept in 4 bits (QLoRA); the slowest, and the least memory."),
        float("inf"),
        {
            "use_lora": True,
            "quantization": "nf4",
            "training.batch_size": 64,
            "training.micro_batch_size": 1,
            "training.gradient_checkpointing": True,
        },
    ),
)


def preset_for(parameters: float) -> Preset:
    """The preset that is meant for a base model of this size."""
    return next(preset for preset in PRESETS if parameters <= preset.up_to)


def preset_named(key: str) -> Preset | None:
    return next((preset for preset in PRESETS if preset.key == key), None)


@dataclass(frozen=True)
class Recipe:
    """Runs that follow one another. A step: (method, role -> where it comes from).

    A source is "base", a kind of snapshot, or the number of an earlier step. results: the numbers
    of the steps whose models the recipe is about; by itself the last one.
    """

    key: str
    label: str | Promise
    help: str | Promise
    steps: tuple[tuple[str, dict[str, str | int]], ...]
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)  # of a method, for all sizes
    results: tuple[int, ...] = ()

    @property
    def beside(self) -> tuple[int, ...]:
        """The numbers of the steps whose models come back beside the last one's."""
        return tuple(number for number in self.results if number != len(self.steps) - 1)

    def needs(self) -> list[str]:
        """The kinds of snapshots that it asks for, in order, each once."""
        kinds = [step[1]["data"] for step in self.steps]
        return list(dict.fromkeys(str(kind) for kind in kinds))

    @property
    def needs_reward_model(self) -> bool:
        return any(step[1].get("reward") == "given" for step in self.steps)


RECIPES = (
    Recipe(
        "sft",
        _("Fine-tune"),
        _("Demonstrations alone: one run."),
        (("sft", {"base": "base", "data": "prompt_completion"}),),
    ),
    Recipe(
        "sft-reward-ppo",
        _("Fine-tune, reward model, PPO"),
        _("InstructGPT's three steps: demonstrations, then preferences, then reinforcement."),
        (
            ("sft", {"base": "base", "data": "prompt_completion"}),
            ("reward", {"base": 0, "data": "preference"}),
            ("ppo", {"base": 0, "reward": 1, "data": "prompt_only"}),
        ),
    ),
    Recipe(
        "sft-dpo",
        _("Fine-tune, DPO"),
        _("Demonstrations, then preferences without a reward model."),
        (
            ("sft", {"base": "base", "data": "prompt_completion"}),
            ("dpo", {"base": 0, "data": "preference"}),
        ),
    ),
    Recipe(
        "sft-reward-dpo-ppo",
        _("Fine-tune, reward model, DPO and PPO"),
        _("Both ways from one set of preferences: two models come back, to be compared."),
        (
            ("sft", {"base": "base", "data": "prompt_completion"}),
            ("reward", {"base": 0, "data": "preference"}),
            ("dpo", {"base": 0, "data": "preference"}),
            ("ppo", {"base": 0, "reward": 1, "data": "prompt_only"}),
        ),
        results=(2, 3),
    ),
    Recipe(
        "reward-ppo",
        _("Reward model, PPO"),
        _("For a model that follows instructions already: preferences, then reinforcement."),
        (
            ("reward", {"base": "base", "data": "preference"}),
            ("ppo", {"base": "base", "reward": 0, "data": "prompt_only"}),
        ),
    ),
    Recipe(
        "dpo",
        _("DPO"),
        _("For a model that follows instructions already: preferences, no reward model."),
        (("dpo", {"base": "base", "data": "preference"}),),
    ),
    Recipe(
        "raft",
        _("Reward model, RAFT"),
        _("Learn to score, sample, keep the best, fine-tune on them, again."),
        (
            ("reward", {"base": "base", "data": "preference"}),
            ("raft", {"base": "base", "reward": 0, "data": "prompt_only"}),
        ),
    ),
    Recipe(
        "best-of-n",
        _("Reward model, best-of-N data"),
        _("Learn to score, then keep the best of N answers to each prompt as data."),
        (
            ("reward", {"base": "base", "data": "preference"}),
            ("best_of_n", {"base": "base", "reward": 0, "data": "prompt_only"}),
        ),
    ),
    Recipe(
        "best-of-n-sft",
        _("Reward model, best-of-N, fine-tune"),
        _("Llama-2's rejection sampling: the best of N answers to each prompt is learned, once."),
        (
            ("reward", {"base": "base", "data": "preference"}),
            ("raft", {"base": "base", "reward": 0, "data": "prompt_only"}),
        ),
        {"raft": {"settings": {"iterations": 1}}},
    ),
)


def recipe_named(key: str) -> Recipe | None:
    return next((recipe for recipe in RECIPES if recipe.key == key), None)
