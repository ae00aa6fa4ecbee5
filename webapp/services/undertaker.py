"""python undertaker.py: ends what outlives the supervisor. Its standard input names the children.

The kernel asks each child to stop when the supervisor dies (lifeline.dies_with_us). One that hangs
in its own stopping would stay for ever, seen by nobody. So the supervisor writes a line for each
child, `PID SECONDS`, into a pipe that closes with it, kill -9 included; whoever then lives longer
than its seconds is killed with its process group.

Standard library only, run by its path: it has to cost next to nothing.
"""

import contextlib
import os
import select
import signal
import sys
import time

LOOK_SECONDS = 0.1


class Child:
    """A process, known by a descriptor where the kernel has one: a number may be used again."""

    def __init__(self, line: str) -> None:
        number, seconds = line.split()
        self.pid, self.grace = int(number), float(seconds)
        self._handle: int | None = None
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                self._handle = os.pidfd_open(self.pid)

    def lives(self) -> bool:
        if self._handle is not None:
            return not select.select([self._handle], [], [], 0)[0]
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return not hasattr(os, "pidfd_open")  # it had ended before we could hold on to it

    def forget(self) -> None:
        if self._handle is not None:
            os.close(self._handle)

    def signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # its end is the supervisor's end, nothing else
    children: list[Child] = []
    for line in sys.stdin:
        for ended in [child for child in children if not child.lives()]:
            ended.forget()
            children.remove(ended)
        children.append(Child(line))
    _bury(children)


def _bury(children: list[Child]) -> None:
    began = time.monotonic()
    if not sys.platform.startswith("linux"):  # elsewhere no kernel has asked them to stop
        for child in children:
            child.signal_group(signal.SIGTERM)
    while children := [child for child in children if child.lives()]:
        for child in children:
            if time.monotonic() - began > child.grace:
                child.signal_group(signal.SIGKILL)
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
