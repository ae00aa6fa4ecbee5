"""The diary of a run: `events.jsonl`, one JSON object a line, flushed line by line.

Every line has `time` (seconds since the epoch) and `kind`:

| kind | further fields |
|---|---|
| phase | phase (a word of `Phase`) |
| progress | step, total, eta_s, tokens_per_s (null while unknown) |
| metrics | step, values {name: number or null}; names are those of docs/metrics.md |
| sample | step, prompt, completion, and what the method adds (score, ...) |
| checkpoint | step, path, bytes, seconds |
| warning | code, sentence |
| log | sentence |

A run that is started again appends to the same file. The reader must allow for a torn last line,
which a killed process can leave; the next process ends it before it writes its own first line.
"""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any


class Phase(StrEnum):
    """What a run is doing; each phase is entered at most a few times."""

    CHECKING = "checking"
    LOADING = "loading"
    PREPARING = "preparing"  # reading and tokenising data, precomputing a reference
    TRAINING = "training"
    EVALUATING = "evaluating"
    GENERATING = "generating"
    SAVING = "saving"
    EXPORTING = "exporting"


Listener = Callable[[dict[str, Any]], None]


class EventLog:
    """Appends events to a file and hands each to the listeners (trackers) as well.

    `path=None` gives a log that writes nothing: the one of every process of a run but the first.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = None
        self._listeners: list[Listener] = []
        self._closers: list[Callable[[], None]] = []
        if path is not None:
            torn = path.exists() and path.stat().st_size > 0 and not _ends_a_line(path)
            # Unbuffered: a line is in the kernel's hands on return, even if we are killed.
            self._file = path.open("ab", buffering=0)
            if torn:
                self._file.write(b"\n")

    def listen(self, listener: Listener, close: Callable[[], None] | None = None) -> None:
        """Hand every event to `listener` from now on; `close` is called once, at the end."""
        self._listeners.append(listener)
        if close is not None:
            self._closers.append(close)

    def phase(self, phase: Phase) -> None:
        self._emit("phase", phase=str(phase))

    def progress(
        self,
        step: int,
        total: int,
        *,
        eta_s: float | None = None,
        tokens_per_s: float | None = None,
    ) -> None:
        self._emit(
            "progress",
            step=step,
            total=total,
            eta_s=_finite(eta_s),
            tokens_per_s=_finite(tokens_per_s),
        )

    def metrics(self, step: int, values: Mapping[str, float | None]) -> None:
        """Log figures. What is not finite is written as null and followed by a warning."""
        clean = {name: _finite(value) for name, value in values.items()}
        self._emit("metrics", step=step, values=clean)
        lost = [name for name in values if values[name] is not None and clean[name] is None]
        if lost:
            self.warning("not_finite", f"At step {step} these figures were not finite: {lost}.")

    def sample(self, step: int, prompt: Any, completion: str, **more: Any) -> None:
        self._emit("sample", step=step, prompt=prompt, completion=completion, **more)

    def checkpoint(self, step: int, path: str, size: int, seconds: float) -> None:
        self._emit("checkpoint", step=step, path=path, bytes=size, seconds=round(seconds, 3))

    def warning(self, code: str, sentence: str) -> None:
        self._emit("warning", code=code, sentence=sentence)

    def log(self, sentence: str) -> None:
        self._emit("log", sentence=sentence)

    def close(self) -> None:
        while self._closers:
            self._closers.pop()()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _emit(self, kind: str, **fields: Any) -> None:
        event = {"time": round(time.time(), 3), "kind": kind, **fields}
        if self._file is not None:
            line = json.dumps(event, allow_nan=False, ensure_ascii=True, default=str)
            self._file.write(line.encode() + b"\n")
        for listener in self._listeners:
            listener(event)


def read_events(path: Path) -> list[dict[str, Any]]:
    """All whole events of a diary; a line that a killed process tore is left out."""
    found = []
    if path.exists():
        for line in path.read_bytes().split(b"\n"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
