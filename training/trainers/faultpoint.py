"""Places where a test can make a run fail.

Inert unless the environment says `TESTING=1` and `FAULT=point:action` or `point:action:n` (the n-th
passage, from 1). Actions: `kill` (SIGKILL to this process), `term` (SIGTERM to this process),
`wait` (until a signal comes), `disk_full`, `out_of_memory` and `crash` (an exception), `nan` (asked
for by `poisoned`).
"""

import errno
import os
import signal

_passages: dict[str, int] = {}


def _armed(point: str) -> str | None:
    """The action due at this passage of `point`, if any."""
    if os.environ.get("TESTING") != "1":
        return None
    wanted, _, rest = os.environ.get("FAULT", "").partition(":")
    if wanted != point:
        return None
    action, _, nth = rest.partition(":")
    _passages[point] = _passages.get(point, 0) + 1
    return action if _passages[point] == int(nth or 1) else None


def faultpoint(point: str) -> None:
    """Fail here if a test asked for it."""
    action = _armed(point)
    if action is None:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "term":
        os.kill(os.getpid(), signal.SIGTERM)
    elif action == "wait":
        signal.pause()
    elif action == "disk_full":
        raise OSError(errno.ENOSPC, "No space left on device")
    elif action == "out_of_memory":
        raise MemoryError("a test asked for this")
    elif action == "crash":
        raise RuntimeError("a test asked for this crash")
    else:
        raise ValueError(f"FAULT asks for {action!r}, which {point} does not know.")


def poisoned(point: str) -> bool:
    """True at the passage where a test wants a figure turned into NaN."""
    return _armed(point) == "nan"
