"""Which GPUs this host has, asked of the driver: torch is never loaded in a worker's process."""

import shutil
import subprocess
from pathlib import Path

NONE = "no GPU: CPU training"
DRIVER = Path("/proc/driver/nvidia/gpus")


def describe_gpus() -> str:
    """Such as "NVIDIA H200, 143771 MiB", each GPU once; NONE where there is none."""
    return (_from_nvidia_smi() or _from_the_driver() or NONE)[:200]


def _from_nvidia_smi() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    command = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return " + ".join(asked.stdout.split("\n")).strip(" +") if asked.returncode == 0 else ""


def _from_the_driver() -> str:
    models = []
    for information in sorted(DRIVER.glob("*/information")):
        for line in information.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "Model":
                models.append(value.strip())
    return " + ".join(models)
