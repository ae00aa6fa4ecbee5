"""Keeps the processes of one machine running: starts, restarts, logs under each one's name, stops.

Children live in sessions of their own, so that Ctrl-C reaches only the supervisor, which then stops
them in order. Where the kernel offers it they get TERM when the supervisor dies, kill -9 included;
who does not heed it is ended by the undertaker. All of them are started from the main thread: the
kernel counts the thread as the parent.
"""

import contextlib
import logging
import logging.handlers
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from webapp.services import lifeline, undertaker

COLOURS = {"rondo": 37, "web": 36, "worker": 32, "gpu": 35, "reconcile": 33, "demo": 34}
WIDTH = max(map(len, COLOURS))
LONGEST_PAUSE = 30.0
HEALTHY_AFTER = 60.0  # seconds; a crash after that is a new one, tried again at once
LARGEST_LOG, OLD_LOGS = 5_000_000, 4


@dataclass(frozen=True)
class Program:
    """One child: its name in the log, its command, and the seconds it has to stop by itself. One
    that runs `once` is not started again when it ends."""

    name: str
    command: list[str]
    grace: float = 15.0
    once: bool = False


@dataclass
class _Child:
    program: Program
    process: "subprocess.Popen[str]"
    reader: threading.Thread
    started: float = field(default_factory=time.monotonic)


class Log:
    """One log for all processes: the console (coloured when it is a terminal) and a file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "rondo.log"
        handler = logging.handlers.RotatingFileHandler(
            self.file, maxBytes=LARGEST_LOG, backupCount=OLD_LOGS, encoding="utf-8"
        )
        handler.handleError = lambda record: None  # type: ignore[method-assign]  # disk full: the console still has the line
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._logger = logging.Logger("rondo.supervisor")
        self._logger.addHandler(handler)
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()

    def line(self, name: str, text: str) -> None:
        label = f"{name:<{WIDTH}} |"
        shown = f"\x1b[{COLOURS.get(name, 37)}m{label}\x1b[0m" if self._colour else label
        with self._lock:
            self._logger.info("%s %s", label, text)
            with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
                print(f"{shown} {text}", flush=True)


class Supervisor:
    """Runs programs until it is asked to stop."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.asked_to_stop = threading.Event()
        self._hurry = False
        self._children: dict[str, _Child] = {}
        self._waiting: dict[str, tuple[float, Program]] = {}  # name: (when to start it again, what)
        self._pauses: dict[str, float] = {}
        self._undertaker: subprocess.Popen[str] | None = None

    def listen_for_signals(self) -> None:
        """INT, TERM and HUP stop everything; a second one does not wait for unfinished work.

        INT is set by name, because a shell starts background commands with INT ignored.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self._hurry = self.asked_to_stop.is_set()
        self.asked_to_stop.set()

    def start(self, program: Program) -> None:
        process = subprocess.Popen(
            [*lifeline.dies_with_us("TERM"), *program.command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout is not None
        reader = threading.Thread(
            target=self._copy_lines, args=(program.name, process.stdout), daemon=True
        )
        reader.start()
        self._children[program.name] = _Child(program, process, reader)
        self._tell_the_undertaker(self._children[program.name])

    def _tell_the_undertaker(self, *children: _Child) -> None:
        if self._undertaker is None or self._undertaker.poll() is not None:
            children = tuple(self._children.values())
            self._undertaker = subprocess.Popen(
                [sys.executable, "-I", "-S", undertaker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                text=True,
            )
        assert self._undertaker.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # killed just now: the next start makes another
            for child in children:
                print(child.process.pid, child.program.grace, file=self._undertaker.stdin)
            self._undertaker.stdin.flush()

    def _copy_lines(self, name: str, lines: IO[str]) -> None:
        with contextlib.suppress(ValueError, OSError):
            for line in lines:
                self.log.line(name, line.rstrip("\n"))

    def is_running(self, name: str) -> bool:
        child = self._children.get(name)
        return child is not None and child.process.poll() is None

    def keep_running(self, seconds: float) -> None:
        """Look after the children for so long, or until somebody asks to stop."""
        deadline = time.monotonic() + seconds
        while not self.asked_to_stop.is_set() and time.monotonic() < deadline:
            self._restart_what_ended()
            self.asked_to_stop.wait(0.2)

    def _restart_what_ended(self) -> None:
        now = time.monotonic()
        for name, child in list(self._children.items()):
            code = child.process.poll()
            if code is None:
                continue
            _end_group(child.process.pid)
            del self._children[name]
            if child.program.once:
                self.log.line("rondo", f"{name} ended ({_how(code)}). Ctrl-C stops the rest.")
                continue
            healthy = now - child.started > HEALTHY_AFTER
            pause = 0.5 if healthy else min(self._pauses.get(name, 0.25) * 2, LONGEST_PAUSE)
            self._pauses[name] = pause
            self._waiting[name] = (now + pause, child.program)
            self.log.line(
                "rondo", f"{name} ended ({_how(code)}); it is started again in {pause:g} s."
            )
        for name, (when, program) in list(self._waiting.items()):
            if now >= when:
                del self._waiting[name]
                self.start(program)

    def stop(self, *names: str) -> None:
        """Ask these to stop, all at once; after the longest grace among them, insist."""
        for name in names:
            self._waiting.pop(name, None)
        children = [self._children.pop(name) for name in names if name in self._children]
        for child in children:
            child.process.terminate()
        deadline = time.monotonic() + max((c.program.grace for c in children), default=0)
        while any(c.process.poll() is None for c in children):
            if time.monotonic() > deadline or self._hurry:
                break
            time.sleep(0.05)
        for child in children:
            if child.process.poll() is None:
                self.log.line("rondo", f"{child.program.name} did not stop in time; killed.")
            _end_group(child.process.pid)
            child.process.wait()
            child.reader.join(1)


def _end_group(leader: int) -> None:
    """What a child left behind in its session ends with it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
