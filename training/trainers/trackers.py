"""The metrics of a run in other people's dashboards: thin listeners to the diary.

Each tracker is an optional package. A tracker that fails is switched off with a warning: it must
never end a run. Only figures are sent, by the names of docs/metrics.md; no texts.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import msgspec

from training.trainers.outcome import BadInput
from training.trainers.run_directory import Run


class Tracker(NamedTuple):
    """`log(step, figures)`, and `close()`, which sends what is still waiting."""

    log: Callable[[int, dict[str, float]], None]
    close: Callable[[], None]


def connect_trackers(run: Run) -> None:
    """Listen to the run's events for every tracker that run.json names.

    Raises BadInput for a tracker whose package is not installed.
    """
    if not run.is_main or run.dry_run:
        return
    for name in run.config.trackers:
        try:
            tracker = _OPENERS[name](run)
        except ImportError as error:
            raise BadInput(
                f"trackers names {name}, whose package is not installed. Install it with "
                f"pip install rondo[{name}], or leave it out; events.jsonl has every figure."
            ) from error
        run.events.listen(_listener(run, name, tracker.log), _closer(run, name, tracker.close))


def _closer(run: Run, name: str, close: Callable[[], None]) -> Callable[[], None]:
    def close_safely() -> None:
        try:
            close()
        except Exception as error:  # the run is over, and must end as it ended
            run.events.warning("tracker", f"{name} could not be closed: {error}.")

    return close_safely


def _listener(
    run: Run, name: str, log: Callable[[int, dict[str, float]], None]
) -> Callable[[dict[str, Any]], None]:
    state = {"on": True}

    def listen(event: dict[str, Any]) -> None:
        if event["kind"] != "metrics" or not state["on"]:
            return
        figures = {key: value for key, value in event["values"].items() if value is not None}
        try:
            log(event["step"], figures)
        except Exception as error:  # whatever a tracker raises, training goes on
            state["on"] = False
            run.events.warning("tracker", f"{name} failed and is switched off: {error}.")

    return listen


def _settings(run: Run) -> dict[str, Any]:
    """What was set, flat: {"training.learning_rate": 1e-5, ...}; paths stay out."""
    found: dict[str, Any] = {"method": run.config.method, "seed": run.config.seed}
    for part in ("training", "settings", "lora"):
        values = msgspec.to_builtins(getattr(run.config, part)) or {}
        found |= {f"{part}.{key}": value for key, value in values.items()}
    return found


def _tensorboard(run: Run) -> Tracker:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(log_dir=str(run.path / "tensorboard"))

    def log(step: int, figures: dict[str, float]) -> None:
        for key, value in figures.items():
            writer.add_scalar(key, value, step)
        writer.flush()

    return Tracker(log, writer.close)


def _with_init(module: str) -> Callable[[Run], Tracker]:
    """wandb, and trackio, which keeps to its interface."""

    def opener(run: Run) -> Tracker:
        tracker = import_module(module)
        tracker.init(project="rondo", name=run.path.name, config=_settings(run))
        return Tracker(lambda step, figures: tracker.log(figures, step=step), tracker.finish)

    return opener


def _mlflow(run: Run) -> Tracker:
    mlflow = import_module("mlflow")
    mlflow.set_experiment("rondo")
    mlflow.start_run(run_name=run.path.name)
    mlflow.log_params(_settings(run))
    return Tracker(lambda step, figures: mlflow.log_metrics(figures, step=step), mlflow.end_run)


_OPENERS: dict[str, Callable[[Run], Tracker]] = {
    "tensorboard": _tensorboard,
    "trackio": _with_init("trackio"),
    "wandb": _with_init("wandb"),
    "mlflow": _mlflow,
}
