"""How much memory and time a run will take: arithmetic, corrected by what past runs measured."""

from collections import defaultdict
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from training.models import ModelVersion, Outcome, Purpose, TrainingRun

# Models that a method holds besides the one it trains, as copies of its weights.
FROZEN = {"dpo": 0.0, "kto": 1.0, "ppo": 2.0, "reinforce": 2.0, "rloo": 2.0, "raft": 1.0}
TRAINED = {"ppo": 2.0, "best_of_n": 0.0}  # policy and value; nothing
METHODS_OF_ROWS = ("sft", "reward", "dpo", "kto")
MOST_RUNS = 30
LORA_SHARE = 0.01  # of the parameters that adapters of rank 16 have, roughly


@dataclass(frozen=True)
class OnMachine:
    """What it will take on a machine by what `runs` past runs of the method took there: bytes on
    the device, and seconds of all steps where these can be told."""

    machine: str
    bytes: int
    seconds: float | None
    runs: int


@dataclass(frozen=True)
class Estimate:
    """Bytes on one device by arithmetic alone, and corrected for each machine that has done it."""

    bytes: int
    weights: int
    optimiser: int
    activations: int
    machines: tuple[OnMachine, ...] = ()


def estimate(
    base: ModelVersion, method: str, config: dict[str, Any], rows: int | None = None
) -> Estimate | None:
    """`rows`: that it learns from. None when the base does not say its size."""
    plain = arithmetic(base, method, config)
    if plain is None:
        return None
    return replace(plain, machines=_machines(base, method, plain.bytes, examples(config, rows)))


def arithmetic(base: ModelVersion, method: str, config: dict[str, Any]) -> Estimate | None:
    """Weights as they are kept, 12 bytes for each trained one (gradient, two Adam moments), and 17
    numbers of the hidden size for each token and layer (training.trainers.adapters)."""
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
    return Estimate(weights + optimiser + activations, weights, optimiser, activations)


def examples(config: dict[str, Any], rows: int | None) -> float | None:
    """Rows that all steps together will read; None where a method makes its own."""
    training = config.get("training", {})
    steps, epochs = training.get("max_steps"), training.get("epochs")
    if config.get("method") not in METHODS_OF_ROWS:
        return None
    if steps:
        return float(steps) * float(training.get("batch_size", 1))
    return float(rows) * float(epochs) if rows and epochs else None


def _machines(
    base: ModelVersion, method: str, plain: int, wanted: float | None
) -> tuple[OnMachine, ...]:
    """Median over the newest runs on each machine of what was measured to what arithmetic said,
    and of the seconds of a row."""
    runs = TrainingRun.objects.filter(
        workspace=base.workspace,
        method=method,
        models__version=base,
        purpose=Purpose.RUN,
        outcome=Outcome.DONE,
        job__isnull=False,
    ).select_related("job")
    factors: dict[str, list[float]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    for run in runs.distinct().order_by("-pk")[:MOST_RUNS]:
        machine = machine_of(run.job.worker if run.job else "")
        then = arithmetic(base, method, run.config)
        measured = run.memory.get("gpu") or run.memory.get("host")
        if machine and then is not None and measured:
            factors[machine].append(measured / then.bytes)
            if (of_a_row := _seconds_of_a_row(run)) is not None:
                seconds[machine].append(of_a_row)
    return tuple(
        OnMachine(
            machine,
            int(plain * median(found)),
            wanted * median(seconds[machine]) if wanted and seconds[machine] else None,
            len(found),
        )
        for machine, found in sorted(factors.items())
    )


def machine_of(worker: str) -> str:
    """The machine of a worker's name, "gpu@HOST:PID"."""
    return worker.rpartition("@")[2].partition(":")[0]


def _seconds_of_a_row(run: TrainingRun) -> float | None:
    """Of a run that took one attempt; its loading counts, as it will again."""
    if run.job is None or run.job.attempt != 1 or run.job.started_at is None:
        return None
    batch = int(run.config.get("training", {}).get("batch_size") or 0)
    if run.ended_at is None or not run.step or not batch:
        return None
    return (run.ended_at - run.job.started_at).total_seconds() / (run.step * batch)
