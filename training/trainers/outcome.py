"""How a run can end: one exception and one exit code for each way.

A supervisor reads the exit code; a person reads the sentence. An exit code that is not in the table
(a negative one, from a signal) means that the process was ended from outside.
"""

import errno
from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """The ways in which a run ends."""

    DONE = "done"
    CRASHED = "crashed"
    BAD_INPUT = "bad_input"
    CANCELLED = "cancelled"
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    DISK_FULL = "disk_full"


EXIT_CODES = {
    Outcome.DONE: 0,
    Outcome.CRASHED: 1,
    Outcome.BAD_INPUT: 2,
    Outcome.CANCELLED: 3,
    Outcome.OUT_OF_MEMORY: 4,
    Outcome.DIVERGED: 5,
    Outcome.DISK_FULL: 6,
}


class RunEnded(Exception):
    """A run ended in a known way; the message is a sentence for a person."""

    outcome = Outcome.CRASHED


class BadInput(RunEnded):
    """The settings, the data or a model folder cannot be used. All problems are listed at once."""

    outcome = Outcome.BAD_INPUT

    def __init__(self, problems: str | list[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class Cancelled(RunEnded):
    """The run was asked to stop, and stopped at a place from which it can go on."""

    outcome = Outcome.CANCELLED


class OutOfMemory(RunEnded):
    """The device or the host had no memory left."""

    outcome = Outcome.OUT_OF_MEMORY


class Diverged(RunEnded):
    """A figure that must stay finite or bounded did not; the last good checkpoint stands."""

    outcome = Outcome.DIVERGED


class DiskFull(RunEnded):
    """A file could not be written for want of space; what was complete before is untouched."""

    outcome = Outcome.DISK_FULL


# torch and safetensors report these as plain RuntimeErrors; their texts are the only mark.
_MEMORY_TEXTS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "std::bad_alloc",
)
_DISK_TEXTS = ("no space left on device", "disk quota exceeded")

OUT_OF_MEMORY_ADVICE = (
    "Lower training.micro_batch_size or training.max_length, set training.gradient_checkpointing, "
    "or train adapters (lora) instead of all weights."
)
DISK_FULL_ADVICE = "Free some space and start the run again: it resumes from its last checkpoint."


def classify(error: BaseException) -> RunEnded | None:
    """The known ending that `error` stands for, or None for a crash.

    Looks through the chain of causes, since libraries wrap what the allocator or the disk said.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, RunEnded):
            return seen
        text = str(seen).lower()
        if isinstance(seen, MemoryError) or any(mark in text for mark in _MEMORY_TEXTS):
            return OutOfMemory(f"Memory ran out ({_first_line(seen)}). {OUT_OF_MEMORY_ADVICE}")
        code = seen.errno if isinstance(seen, OSError) else None
        if code in (errno.ENOSPC, errno.EDQUOT) or any(mark in text for mark in _DISK_TEXTS):
            return DiskFull(f"The disk is full ({_first_line(seen)}). {DISK_FULL_ADVICE}")
        if code == errno.ENOMEM:
            return OutOfMemory(f"Memory ran out ({_first_line(seen)}). {OUT_OF_MEMORY_ADVICE}")
        seen = seen.__cause__ or seen.__context__
    return None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


class Result(msgspec.Struct, kw_only=True, omit_defaults=False):
    """What a method hands back, and what stands in `result.json` once the run has ended."""

    outcome: Outcome = Outcome.DONE
    method: str = ""
    steps: int = 0
    metrics: dict[str, float | None] = {}
    report: dict[str, object] = {}  # tables too wide for a metric, such as accuracy by strength
    model_sha256: str = ""  # the fingerprint in model/manifest.json; empty when no model was made
    data_sha256: dict[str, str] = {}  # path as given -> sha256
    inputs_sha256: dict[str, str] = {}  # model folder as given -> fingerprint
    config_sha256: str = ""
    versions: dict[str, str] = {}
    resumed_from_step: int | None = None
    seconds: float = 0.0  # wall time of this process, not of earlier attempts
    sentence: str = ""
