"""What ends by itself: started again, or told once."""

import sys
import time
from pathlib import Path

import pytest

from webapp.services.supervisor import Log, Program, Supervisor

PATIENCE = 20.0  # seconds until a test gives up


def runs_of(folder: Path, *, once: bool, wanted: int) -> tuple[int, str]:
    """How often a program that ends at once was run when the log said so `wanted` times."""
    code = f"open({str(folder / 'runs')!r}, 'a').write('x'); raise SystemExit(3)"
    supervisor = Supervisor(Log(folder / "log"))
    supervisor.start(Program("demo", [sys.executable, "-c", code], once=once))
    log = folder / "log" / "rondo.log"
    deadline = time.monotonic() + PATIENCE
    while log.read_text().count("demo ended (exit code 3)") < wanted:
        assert time.monotonic() < deadline
        supervisor.keep_running(0.1)
    supervisor.stop("demo")
    return len((folder / "runs").read_text()), log.read_text()


def test_what_runs_once_is_not_started_again(tmp_path: Path) -> None:
    runs, said = runs_of(tmp_path, once=True, wanted=1)
    assert runs == 1
    assert "Ctrl-C stops the rest" in said
    assert "started again" not in said


@pytest.mark.heavy
def test_control_everything_else_is(tmp_path: Path) -> None:
    runs, said = runs_of(tmp_path, once=False, wanted=2)
    assert runs >= 2
    assert "it is started again" in said
