"""Run a command under a job: follow what it writes, stop it with the job, lose nothing of it.

The loop here is the job's heartbeat. The command lives on a leash (webapp.jobs.leash): it ends with
this process, however this process ends.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from webapp.jobs.errors import HandedBack, JobCancelled

LOOK_SECONDS = 0.25
LONGEST_LINE = 1_000_000  # bytes; a longer line is no event and is passed over
READ_AT_ONCE = 4_000_000

# What a command may know of our environment: no password, key or address of a service.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
PASSED_ON_PREFIXES = ("CUDA_", "NVIDIA_", "NCCL_", "OMP_", "MKL_", "HF_HOME", "PYTORCH_")


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit status; minus the signal's number when a signal ended it.
        stalled: it was ended by us, because it wrote nothing for too long.
        offset: how far its events were read, in bytes; where a later attempt goes on.
    """

    code: int
    stalled: bool
    offset: int


class Tail:
    """The complete lines that are appended to a file, each given once."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset  # of the first byte not yet given

    def lines(self) -> list[bytes]:
        """What was completed since the last call; empty when nothing was, or no file is there."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                new = file.read(READ_AT_ONCE)
        except FileNotFoundError:
            return []
        complete, newline, _ = new.rpartition(b"\n")
        if not newline:
            if len(new) > LONGEST_LINE:  # its end is not in sight: pass over what is there
                self.offset += len(new)
            return []
        self.offset += len(complete) + 1
        return [line for line in complete.split(b"\n") if line and len(line) <= LONGEST_LINE]


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command: the little it needs of ours, and `extra`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    return kept | dict(extra or {})


def supervise(
    command: Sequence[str],
    *,
    beat: Callable[[], None],
    log: Path,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    events: Tail | None = None,
    on_lines: Callable[[list[bytes]], None] = lambda lines: None,
    grace_seconds: float = 30.0,
    stall_seconds: float | None = None,
    look_seconds: float = LOOK_SECONDS,
) -> Ended:
    """Run `command` in `folder` to its end, with its output appended to `log`.

    `beat` is called every `look_seconds`; when it raises JobCancelled or HandedBack the command
    gets SIGTERM and `grace_seconds` to save its work, and whatever else is raised ends it at once.
    `on_lines` gets the complete lines that were appended to `events`. With `stall_seconds`, a
    command that appends no line for so long is ended.

    Raises:
        JobCancelled, HandedBack, LeaseLost: as `beat` raised it, when the command is gone.
    """
    with _leashed(command, log, folder, environment) as child:
        watch = _Watch(child, beat, events, on_lines, stall_seconds, look_seconds)
        try:
            return watch.until_it_ends()
        except (JobCancelled, HandedBack):
            child.terminate()
            watch.wait_for_an_orderly_end(grace_seconds)
            raise


@contextlib.contextmanager
def _leashed(
    command: Sequence[str], log: Path, folder: Path, environment: Mapping[str, str] | None
) -> Iterator["subprocess.Popen[bytes]"]:
    """The command's leash; leaving the block lets go of the pipe, and the command is no more."""
    with open(log, "ab") as out:
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("leash.py")), *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            cwd=folder,
            env=clean_environment(environment),
            start_new_session=True,
        )
    assert child.stdin is not None
    try:
        yield child
    finally:
        child.stdin.close()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:  # somebody stopped the leash itself
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


class _Watch:
    def __init__(
        self,
        child: "subprocess.Popen[bytes]",
        beat: Callable[[], None],
        events: Tail | None,
        on_lines: Callable[[list[bytes]], None],
        stall_seconds: float | None,
        look_seconds: float,
    ) -> None:
        self.child = child
        self.beat = beat
        self.events = events
        self.on_lines = on_lines
        self.stall_seconds = stall_seconds
        self.look_seconds = look_seconds
        self.last_line = time.monotonic()

    def until_it_ends(self) -> Ended:
        stalled = False
        while (code := self._wait_a_little()) is None:
            self.beat()
            self._pass_lines_on()
            quiet = time.monotonic() - self.last_line
            if self.stall_seconds is not None and quiet > self.stall_seconds:
                stalled = True
                assert self.child.stdin is not None
                self.child.stdin.close()  # the leash ends the command; it would not listen
                code = self.child.wait()
                break
        self._pass_lines_on()
        return Ended(code, stalled, self.events.offset if self.events else 0)

    def wait_for_an_orderly_end(self, seconds: float) -> None:
        """Keep the lease while the command saves its work, and pass its last lines on."""
        deadline = time.monotonic() + seconds
        while self._wait_a_little() is None and time.monotonic() < deadline:
            with contextlib.suppress(JobCancelled, HandedBack):
                self.beat()
            self._pass_lines_on()
        self._pass_lines_on()

    def _wait_a_little(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.child.wait(self.look_seconds)
        return None

    def _pass_lines_on(self) -> None:
        while self.events is not None and (lines := self.events.lines()):
            self.last_line = time.monotonic()
            self.on_lines(lines)
