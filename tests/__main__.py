"""./test: the checks of style, types, templates, secrets and deployment files, then pytest.

Each step says what it does and how long it took; all of them run, whatever fails; pytest comes last
so that its closing line is the last thing to read.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAST = "not slow and not fault and not browser and not heavy"
FULL = "not slow"


def tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def steps() -> Iterator[tuple[str, list[str]]]:
    yield "types (mypy)", [tool("mypy"), "--no-error-summary"]  # the longest one begins first
    yield "style (ruff check)", [tool("ruff"), "check", "--quiet", "."]
    yield "format (ruff format)", [tool("ruff"), "format", "--quiet", "--check", "."]
    if (ROOT / "templates").is_dir():
        yield "templates (djlint)", [tool("djlint"), "--lint", "--quiet", "templates"]
    if (ROOT / "docker-compose.yml").is_file():
        schema = ["--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
        yield "docker-compose.yml (its schema)", [tool("check-jsonschema"), "--quiet", *schema]
        workflows = ["--builtin-schema", "vendor.github-workflows", ".github/workflows/ci.yml"]
        yield "ci.yml (its schema)", [tool("check-jsonschema"), "--quiet", *workflows]
    yield "secrets (detect-secrets)", [sys.executable, "-m", "tests.secret_scan"]


def run(name: str, command: list[str], environment: dict[str, str]) -> str:
    """The name when it failed, else nothing. What it says is printed in one piece, at its end."""
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    verdict = "ok" if done.returncode == 0 else f"FAILED (exit code {done.returncode})"
    said = f"{done.stdout.rstrip()}\n" if done.stdout.strip() else ""
    print(f"{said}== {name}: {verdict}, {time.monotonic() - began:.1f} s", flush=True)
    return name if done.returncode else ""


def main(arguments: list[str]) -> int:
    marked = FULL
    if arguments[:1] == ["--fast"]:
        marked, arguments = FAST, arguments[1:]
    elif arguments[:1] == ["--slow"]:
        marked, arguments = "", arguments[1:]
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    if not shutil.which("chromium") and marked != FAST:
        if os.environ.get("CI") == "true":
            print("Chromium is missing. As root: apt-get install chromium", file=sys.stderr)
            return 1
        print("Chromium is missing: the tests in a browser are skipped.", file=sys.stderr)
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(run, name, command, environment) for name, command in steps()]
        print(f"== {len(running)} checks, two at a time ...", flush=True)
        failed = [name for step in running if (name := step.result())]
    # Two processes, as CI has two cores. Each takes test after test in pytest-django's order: the
    # fault tests, which point Django at a database of their own, come last.
    pytest = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup"]
    pytest += ["--durations", "10", "-m", marked, *arguments]
    print("== tests (pytest) ...", flush=True)
    code = subprocess.run(pytest, cwd=ROOT, env=environment, check=False).returncode
    if failed:
        print(f"Failed before the tests: {', '.join(failed)}", file=sys.stderr, flush=True)
    print(f"== everything: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return code or (1 if failed else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
