"""How much memory and time a run will take: arithmetic, corrected by what past runs measured."""

from dataclasses import dataclass
from typing import Any

from training.models import ModelVersion, TrainingRun

# Models that a method holds besides the one it trains, as copies of its weights.
FROZEN = {"dpo": 0.0, "kto": 1.0, "ppo": 2.0, "reinforce": 2.0, "rloo": 2.0, "raft": 1.0}
TRAINED = {"ppo": 2.0, "best_of_n": 0.0}  # policy and value; nothing
LORA_SHARE = 0.01  # of the parameters that adapters of rank 16 have, roughly


@dataclass(frozen=True)
class Estimate:
    """Bytes on one device; `corrected_by` past runs of the method, 0 if there are none."""

    bytes: int
    weights: int
    optimiser: int
    activations: int
    corrected_by: int = 0


def estimate(base: ModelVersion, method: str, config: dict[str, Any]) -> Estimate | None:
    """Weights as they are kept, 12 bytes for each trained one (gradient, two Adam moments), and 17
    numbers of the hidden size for each token and layer (training.trainers.adapters); None when the
    base does not say its size."""
    facts = base.facts
    parameters = int(facts.get("parameters") or 0)
    if not parameters:
        return None
    training = config.get("training", {})
    lora = config.get("lora") is not None
    each = 0.55 if config.get("quantization") == "nf4" else (2.0 if lora else 4.0)
    trained = TRAINED.get(method, 1.0) * parameters * (LORA_SHARE if lora else 1.0)
    copies = 1.0 + FROZEN.get(method, 0.0) * (0.0 if lora else 1.0) + TRAINED.get(method, 1.0) - 1
    weights = int(parameters * each * max(copies, 1.0))
    optimiser = int(12 * trained)
    tokens = int(training.get("micro_batch_size", 4)) * int(training.get("max_length", 1024))
    per_layer = 2 if training.get("gradient_checkpointing") else 34
    width = int(facts.get("hidden") or 0) * int(facts.get("layers") or 0)
    activations = tokens * (width * per_layer + 8 * int(facts.get("vocabulary") or 0))
    plain_sum = weights + optimiser + activations
    factor, past = _correction(base, method)
    return Estimate(int(plain_sum * factor), weights, optimiser, activations, past)


def _correction(base: ModelVersion, method: str) -> tuple[float, int]:
    """Measured over estimated memory of the newest runs from this base by this method."""
    runs = TrainingRun.objects.filter(
        workspace=base.workspace, method=method, models__version=base, outcome="done"
    )
    ratios = []
    for run in runs.order_by("-pk")[:5]:
        measured = run.memory.get("gpu") or run.memory.get("host")
        guessed = run.result.get("estimated_bytes")
        if measured and guessed:
            ratios.append(measured / guessed)
    if not ratios:
        return 1.0, 0
    return sorted(ratios)[len(ratios) // 2], len(ratios)
