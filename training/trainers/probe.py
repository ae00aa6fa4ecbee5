"""python -m training.trainers.probe FILE: what torch computes on here, and how fast.

Appends one JSON line: device, memory_bytes (null on a CPU), gigaflops, dtype, torch.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

SIDE = {"cuda": 8192, "mps": 4096, "cpu": 1024}  # of the square matrices
SECONDS = 1.0  # how long products are counted


def probe() -> dict[str, Any]:
    """Multiply square matrices for a second in the type that training would use."""
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cpu" and torch.backends.mps.is_available():
        kind = "mps"
    dtype = torch.bfloat16 if kind == "cuda" else torch.float32
    side = SIDE[kind]
    a = torch.randn(side, side, device=kind, dtype=dtype)
    b = torch.randn(side, side, device=kind, dtype=dtype)
    _finish(a @ b)  # the first product loads kernels
    products, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        _finish(a @ b)
        products += 1
    seconds = time.perf_counter() - began
    # A product of two n x n matrices takes 2 n^3 floating-point operations.
    gigaflops = 2 * side**3 * products / seconds / 1e9
    return {
        "device": torch.cuda.get_device_name() if kind == "cuda" else kind.upper(),
        "memory_bytes": torch.cuda.get_device_properties(0).total_memory
        if kind == "cuda"
        else None,
        "gigaflops": round(gigaflops, 1),
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
    }


def _finish(product: torch.Tensor) -> None:
    """Wait until the device has done it; reading one number does on every kind."""
    product[0, 0].item()


if __name__ == "__main__":
    with Path(sys.argv[1]).open("a") as file:
        file.write(json.dumps(probe()) + "\n")
