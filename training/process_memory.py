"""How much memory a run's processes hold, asked of the kernel and the driver from outside."""

import os
import shutil
import subprocess
from pathlib import Path

PROC = Path("/proc")


def memory_of(mark: str) -> dict[str, int]:
    """Bytes held by the processes whose command line holds `mark`: host, and gpu if any."""
    pids = _pids_with(mark)
    found = {"host": sum(map(_resident, pids))}
    gpu = _gpu_memory(pids)
    return found | ({"gpu": gpu} if gpu else {})


def _pids_with(mark: str) -> list[int]:
    wanted = mark.encode()
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:  # it ended meanwhile, or is somebody else's
                continue
    return found


def _resident(pid: int) -> int:
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _gpu_memory(pids: list[int]) -> int:
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    command = [program, "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    total = 0
    for line in asked.stdout.splitlines():
        pid, _, mebibytes = line.partition(",")
        if pid.strip().isdigit() and int(pid) in pids and mebibytes.strip().isdigit():
            total += int(mebibytes) * 1024 * 1024
    return total
