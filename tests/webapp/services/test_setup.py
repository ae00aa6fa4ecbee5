"""setup.sh: what is in the way gets a sentence. (That it installs is what CI begins with.)"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("run", "setup.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def run(checkout: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), **environment}
    return subprocess.run(
        [str(checkout / "run")], capture_output=True, text=True, env=environment, check=False
    )


def a_python(folder: Path, version: str) -> Path:
    """A program that says it is some Python and does nothing else."""
    program = folder / "python"
    program.write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo "Python {version}" && exit\nexit 1\n')
    program.chmod(0o755)
    return program


def test_a_python_that_is_too_old_is_named(checkout: Path) -> None:
    done = run(checkout, PYTHON=str(a_python(checkout, "3.9.2")))
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "is Python 3.9.2. Install it" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_is_missing_is_named(checkout: Path) -> None:
    done = run(checkout, PYTHON="/nowhere/python")
    assert done.returncode == 1
    assert "/nowhere/python is missing" in done.stderr


def test_a_linked_environment_is_used_and_never_cleared(checkout: Path) -> None:
    theirs = checkout / "theirs"
    (theirs / "bin").mkdir(parents=True)
    (theirs / "bin" / "python").symlink_to(sys.executable)
    (checkout / ".venv").symlink_to(theirs)
    done = run(checkout)
    assert "Using .venv as it is: it is a link to" in done.stderr
    assert (theirs / "bin" / "python").exists()
    assert "manage.py" in done.stderr  # it went on to start, which this folder cannot


def test_it_is_plain_sh() -> None:
    for name in ("run", "test", "setup.sh", ".ci/run"):
        assert subprocess.run(["sh", "-n", str(ROOT / name)], check=False).returncode == 0
        assert "\t" not in (ROOT / name).read_text()
