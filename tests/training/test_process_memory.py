"""What a run's processes hold, by what the kernel and a driver say. The driver here is a script
that answers as nvidia-smi does."""

import os
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from training.process_memory import memory_of

DRIVER = """#!/bin/sh
case "$1" in
--query-compute-apps=pid,used_memory,gpu_uuid) printf '%s\\n' "{pid}, 512, GPU-b" "1, 9999, GPU-a";;
--query-gpu=uuid,utilization.gpu) printf '%s\\n' "GPU-a, 100" "GPU-b, 87" "GPU-c, [N/A]";;
esac
"""


@pytest.mark.parametrize("gpu", [True, False])
def test_memory_and_how_busy_the_gpu_is_are_those_of_the_run_s_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool
) -> None:
    mark = str(tmp_path / "attempt-1")
    waiting = "import sys; sys.stdout.write('.'); sys.stdout.flush(); sys.stdin.read()"
    with Popen([sys.executable, "-c", waiting, mark], stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        driver = tmp_path / "nvidia-smi"
        driver.write_text(DRIVER.replace("{pid}", str(process.pid if gpu else 1)))
        driver.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        found = memory_of(mark)
        process.communicate()
    assert found.pop("host") > 1_000_000
    assert found == ({"gpu": 512 * 2**20, "busy": 87} if gpu else {})
    assert memory_of(mark) == {"host": 0}
