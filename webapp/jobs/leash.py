"""python -m webapp.jobs.leash COMMAND ...: run it, and leave nothing of it behind.

The command gets a process group of its own. The leash ends the whole group, and whatever fled from
it into other sessions, when the command ends or when the leash's standard input closes: that pipe
is held by the supervisor, so even kill -9 of the supervisor ends the command. SIGTERM is passed on
to the group, for an orderly stop. The exit status is the command's, a fatal signal included.

Standard library only: this starts in a few hundredths of a second and holds no memory to speak of.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
NOT_FOUND = 127


def main(command: list[str]) -> int:
    _adopt_orphans()
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=_die_with_the_leash,
        )
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return NOT_FOUND
    signal.signal(signal.SIGTERM, lambda *_: _signal_group(child.pid, signal.SIGTERM))
    threading.Thread(target=_end_with_stdin, args=(child.pid,), daemon=True).start()
    code = child.wait()
    _end(child.pid)
    return code


def _adopt_orphans() -> None:
    """Descendants whose parents die become our children, so that they can be found and ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def _die_with_the_leash() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_with_stdin(group: int) -> None:
    while os.read(0, 4096):
        pass
    _end(group)


def _end(group: int) -> None:
    """KILL the group, then what escaped into other sessions, until nothing is left."""
    _signal_group(group, signal.SIGKILL)
    while fled := [pid for pid in _children() if pid != group]:
        for pid in fled:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _children() -> list[int]:
    """Our living children, adopted ones included (Linux; empty elsewhere)."""
    pids: list[int] = []
    for thread in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            pids += [int(pid) for pid in thread.read_text().split()]
    return pids


def _end_as(code: int) -> None:
    """End as the command ended, so that who waits for us sees the same."""
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m webapp.jobs.leash COMMAND [ARGUMENT ...]")
    _end_as(main(sys.argv[1:]))
