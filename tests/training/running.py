"""Runs for tests: in this process where that is honest, in a process of their own to be killed.

Importing torch and trl takes many seconds of CPU time, so processes are forked from a server that
has imported them once and computed nothing (no thread pool, no state). A kill is a real SIGKILL.
"""

import contextlib
import json
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPO_ROOT = Path(__file__).resolve().parents[2]
PRELOADED = [
    *[f"training.trainers.{name}" for name in ("sft", "reward", "dpo", "kto", "ppo")],
    # What the libraries import at first use, seconds later:
    "torch._dynamo",
    "transformers.models.llama.modeling_llama",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.generation",
    "peft.tuners.lora",
]


def run_here(folder: Path, *arguments: str, fault: str = "") -> int:
    """The exit code of a run carried out in this process."""
    from training.trainers import faultpoint
    from training.trainers.__main__ import main

    faultpoint._passages.clear()
    with environment(fault), kept_signals():
        return main([str(folder), *arguments])


@contextlib.contextmanager
def environment(fault: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update({"TESTING": "1", "FAULT": fault})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def kept_signals() -> Iterator[None]:
    """A run listens to signals; pytest wants them back."""
    import signal

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _child(folder: str, variables: dict[str, str], memory: int | None, output: str) -> None:
    os.environ.update(variables)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    if memory is not None:
        import resource

        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    from training.trainers.__main__ import main

    os._exit(main([folder]))


def start(folder: Path, *, fault: str = "", memory: int | None = None, **variables: str) -> Any:
    """A run in a process of its own; `memory` bytes more than the imports may be used."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["PYTHONPATH"] = str(REPO_ROOT)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    environment = {"TESTING": "1", "FAULT": fault, **variables}
    output = str(folder / "output.txt")
    process = context.Process(target=_child, args=(str(folder), environment, memory, output))
    process.start()
    return process


def run_apart(folder: Path, **options: Any) -> int:
    """The exit code of a run in a process of its own; -9 if it was killed."""
    process = start(folder, **options)
    process.join(180)
    if process.is_alive():
        process.kill()
        raise AssertionError(f"The run did not end: {(folder / 'output.txt').read_text()[-2000:]}")
    return int(process.exitcode)


def events(folder: Path, kind: str | None = None) -> list[dict[str, Any]]:
    from training.trainers.events import read_events

    found = read_events(folder / "events.jsonl")
    return [event for event in found if kind in (None, event["kind"])]


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return found


def learned(folder: Path) -> tuple[dict[int, dict[str, Any]], str]:
    """What must be equal, however a run was interrupted: figures by step, and the model's bytes.

    Steps after the checkpoint that a run went on from are done, and logged, twice; the last one
    counts. Throughput and time are no part of it.
    """
    import hashlib

    figures: dict[int, dict[str, Any]] = {}
    for event in events(folder, "metrics"):
        figures.setdefault(event["step"], {}).update(event["values"])
    weights = (folder / "model" / "model.safetensors").read_bytes()
    return figures, hashlib.sha256(weights).hexdigest()
