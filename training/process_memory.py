"""How much memory a run's processes hold, and how busy their GPU is, asked of the kernel and the
driver from outside."""

import os
import shutil
import subprocess
from pathlib import Path

PROC = Path("/proc")


def memory_of(mark: str) -> dict[str, int]:
    """Bytes held by the processes whose command line holds `mark`: host, and gpu if any; then also
    busy, the percentage of the last second in which their busiest GPU computed."""
    pids = pids_with(mark)
    found = {"host": sum(map(_resident, pids))}
    gpu, devices = _gpu_memory(pids)
    if gpu:
        found |= {"gpu": gpu} | _busy(devices)
    return found


def pids_with(mark: str) -> list[int]:
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


def _gpu_memory(pids: list[int]) -> tuple[int, set[str]]:
    """(bytes, the GPUs on which the processes hold them)"""
    total, devices = 0, set()
    for pid, mebibytes, device in _told_by_driver("compute-apps", "pid,used_memory,gpu_uuid"):
        if pid.isdigit() and int(pid) in pids and mebibytes.isdigit():
            total += int(mebibytes) * 1024 * 1024
            devices.add(device)
    return total, devices


def _busy(devices: set[str]) -> dict[str, int]:
    rows = _told_by_driver("gpu", "uuid,utilization.gpu")
    shares = [int(share) for device, share in rows if device in devices and share.isdigit()]
    return {"busy": max(shares)} if shares else {}


def _told_by_driver(what: str, columns: str) -> list[list[str]]:
    """Rows of nvidia-smi; none where there is no such program, or it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-{what}={columns}", "--format=csv,noheader,nounits"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in asked.stdout.splitlines()]
    return [row for row in rows if len(row) == columns.count(",") + 1]
