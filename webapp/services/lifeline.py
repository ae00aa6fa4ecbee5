"""What every embedded service needs: one owner, an end with its parent, a folder for its socket.

Two locks stand behind "one owner". The first is held by the process that starts the service. The
second is inherited by the service and everything it forks, so it stays held until the last of them
is gone: after kill -9 of the owner nobody can start a second server on files still in use.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LAST_ONE_SECONDS = 120  # a slow disk may need minutes for the last checkpoint of a busy server


class ServiceError(Exception):
    """A service could not be started; the message says why and what to do."""


def dies_with_us(name: str = "TERM") -> list[str]:
    """A command's prefix that has the kernel send it a signal when the thread that started it ends.

    Linux only: elsewhere the prefix is empty, and a child outlives kill -9 of its parent.
    """
    return ["setpriv", f"--pdeathsig={name}"] if shutil.which("setpriv") else []


@contextlib.contextmanager
def sole_owner(service: Path, *, ask_to_stop: Callable[[], None]) -> Iterator[int]:
    """Own the service that keeps its files in the folder `service`; yields the lock to pass on.

    What an earlier owner left running is given a moment, then asked to stop.

    Raises:
        BlockingIOError: another living process owns the service.
        ServiceError: what an earlier owner left running does not stop.
    """
    service.parent.mkdir(parents=True, exist_ok=True)
    with (
        open(service.with_name(service.name + ".lock"), "w") as owner,
        open(service.with_name(service.name + ".alive"), "w") as alive,
    ):
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _take_over(alive.fileno(), service, ask_to_stop)
        yield alive.fileno()


def _take_over(alive: int, service: Path, ask_to_stop: Callable[[], None]) -> None:
    began = time.monotonic()
    asked = False
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        waited = time.monotonic() - began
        if waited > 2 and not asked:
            asked = True
            ask_to_stop()
        if waited > LAST_ONE_SECONDS:
            raise ServiceError(
                f"A {service.name} server of an earlier start still uses {service} and does not"
                f" stop. Find it with: fuser {service}.alive"
            )
        time.sleep(0.05)


def private_folder(folder: Path) -> Path:
    """Make a folder that only we can enter.

    Raises:
        ServiceError: it exists and belongs to somebody else (sockets may lie in /tmp).
    """
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid() and os.geteuid() != 0:
        raise ServiceError(f"{folder} belongs to another user. Remove it, or set RONDO_VAR.")
    folder.chmod(0o700)
    return folder


def start(command: list[str], *, folder: Path, log: Path, alive: int) -> "subprocess.Popen[bytes]":
    """Start a server in a session of its own, so that Ctrl-C reaches only its owner."""
    with open(log, "ab") as out:
        return subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=folder,
            pass_fds=(alive,),
        )


def stop(server: "subprocess.Popen[bytes]", *, name: str, by: signal.Signals) -> str:
    """Ask a server to stop, then insist; the sentence returned says when it came to that."""
    if server.poll() is None:
        server.send_signal(by)
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        return f"{name} did not stop in 30 s and was killed; it recovers at the next start."
    return ""


def last_lines(log: Path, count: int = 3) -> str:
    """The end of a log, on one line, for a sentence about what went wrong."""
    try:
        return " / ".join(log.read_text(errors="replace").strip().splitlines()[-count:])
    except OSError:
        return "(no log)"
