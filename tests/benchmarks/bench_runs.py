"""Watching a run: its page with 100,000 points, an event on its way into the browser's reply, and
what supervising costs.

    .venv/bin/python -m tests.benchmarks.bench_runs

In a PostgreSQL of its own. CPU seconds are those of this process: the web process's share of a
page. The way of an event is measured through the real record and the real view: from the line in
events.jsonl to the first poll of the browser's curve that holds it.
"""

import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

POINTS = 100_000
EVENTS = 30
POLL_SECONDS = 1.0  # of a curve on the page (templates/training/_charts.html)


def main() -> None:
    from webapp.services import postgres

    with tempfile.TemporaryDirectory(prefix="rondo-bench-") as name:
        folder = Path(name)
        with postgres.running(folder / "pg", "rondo") as socket:
            os.environ.update(
                DATABASE_URL=f"postgresql:///rondo?host={socket}",
                BROKER_URL=f"redis+socket://{folder}/none.sock",
                ARTIFACTS_URL=str(folder / "artifacts"),
                RONDO_VAR=str(folder),
                DJANGO_SETTINGS_MODULE="webapp.settings",
            )
            import django

            django.setup()
            from django.conf import settings
            from django.core.management import call_command

            settings.ALLOWED_HOSTS = ["testserver"]
            call_command("collectstatic", interactive=False, verbosity=0)  # as ./run does
            call_command("migrate", interactive=False, verbosity=0)
            print("| what | seen | aim |\n|---|---|---|")
            measure(folder)


def measure(folder: Path) -> None:
    from django.db import connection
    from django.test import Client
    from django.urls import reverse

    from tests.cast import a_workspace, log_in, mia
    from tests.training.registry import a_run
    from training import curves
    from training.models import TrainingRun

    workspace = a_workspace()
    run = a_run(workspace, mia(workspace))
    client = log_in(Client(headers={"x-forwarded-proto": "https"}), mia())
    address = reverse("training:run", args=[workspace.slug, run.pk])
    client.get(address, secure=True)  # templates are compiled once
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO training_runmetric (run_id, name, step, value) "
            "SELECT %s, 'figure ' || name, step, sin(step / 100.0) "
            "FROM generate_series(1, 10) name, generate_series(1, %s) step",
            [run.pk, POINTS // 10],
        )
        cursor.execute("ANALYZE training_runmetric")
    wall, cpu = _timed(lambda: client.get(address, secure=True))
    _row("memory of the web process after it, torch loaded: " + _torch(), _resident(), "200 MB, no")
    _row(f"run page, {POINTS:,} points", f"{wall:.2f} s wall, {cpu:.2f} s CPU", "1 s")
    wall, cpu = _timed(lambda: curves.points([run.pk]))
    _row("of this, the query and its rows", f"{wall:.2f} s wall, {cpu:.2f} s CPU", "")
    curve = reverse("training:run_curve", args=[workspace.slug, run.pk]) + "?name=figure 1"
    wall, cpu = _timed(lambda: client.get(f"{curve}&after={POINTS // 10 - 5}", secure=True))
    _row("one poll of one curve", f"{1000 * wall:.0f} ms wall, {1000 * cpu:.0f} ms CPU", "")
    TrainingRun.objects.filter(pk=run.pk).update(started_at=None)
    delays = ways(folder, run, client, reverse("training:run_curve", args=[workspace.slug, run.pk]))
    _row(
        f"event written to shown, median and worst of {EVENTS}",
        f"{statistics.median(delays):.2f} s, {max(delays):.2f} s",
        "2 s",
    )
    beats, lines = supervision(folder, run)
    _row("supervisor, one look", f"{1000 * beats:.2f} ms CPU, four a second", "")
    _row(
        "supervisor, a step's line (100 in a batch)",
        f"{1000 * lines:.2f} ms CPU",
        "1 % of a step",
    )


def _resident() -> str:
    """Of this process, which has served the page as a gunicorn worker does."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return f"{pages * os.sysconf('SC_PAGE_SIZE') / 1e6:.0f} MB"


def _torch() -> str:
    return "yes" if "torch" in sys.modules else "no"


def _timed(act: Any) -> tuple[float, float]:
    """Wall and CPU seconds, the median of five."""
    walls, cpus = [], []
    for _ in range(5):
        began, used = time.perf_counter(), time.process_time()
        act()
        walls.append(time.perf_counter() - began)
        cpus.append(time.process_time() - used)
    return statistics.median(walls), statistics.median(cpus)


def _line(step: int) -> bytes:
    values = {"loss": 1.0 / step, "lr": 1e-4, "grad_norm": 1.0, "tokens": step * 512}
    return json.dumps(
        {"time": time.time(), "kind": "metrics", "step": step, "values": values}
    ).encode()


def _record(folder: Path, run: Any) -> Any:
    from training.run_record import RunRecord
    from webapp.jobs.actions.claim import claim
    from webapp.jobs.models import Job
    from webapp.jobs.work import Work

    Job.objects.filter(pk=run.job_id).update(state="queued", lease_until=None)
    job = claim(queue="gpu", worker="bench")
    assert job is not None
    place = folder / "attempt"
    place.mkdir(exist_ok=True)
    return RunRecord(run, Work(job), place)


def ways(folder: Path, run: Any, client: Any, address: str) -> list[float]:
    """Seconds from a line in events.jsonl to the poll whose reply holds it, the browser asking
    every POLL_SECONDS and the supervisor looking every quarter of a second."""
    from django.db import connections

    from webapp.jobs.supervise import LOOK_SECONDS, Tail

    told = _record(folder, run)
    events = told.folder / "events.jsonl"
    events.touch()
    leave = threading.Event()

    def supervisor() -> None:
        tail = Tail(events)
        while not leave.wait(LOOK_SECONDS):
            if lines := tail.lines():
                told.lines(lines)
        connections.close_all()

    thread = threading.Thread(target=supervisor)
    thread.start()
    delays = []
    try:
        for step in range(1, EVENTS + 1):
            time.sleep(0.137)  # events come when they come, not in step with the polls
            with events.open("ab") as file:
                file.write(_line(step) + b"\n")
            written = time.monotonic()
            while True:
                answer = client.get(f"{address}?name=loss&after={step - 1}", secure=True).json()
                if step in answer["x"]["values"]:
                    break
                time.sleep(POLL_SECONDS)
            delays.append(time.monotonic() - written)
    finally:
        leave.set()
        thread.join()
    return delays


def supervision(folder: Path, run: Any) -> tuple[float, float]:
    """CPU seconds of a look without news, and of each step's line in a batch of a hundred."""
    told = _record(folder, run)
    used = time.process_time()
    for _ in range(200):
        told.beat()
    beat = (time.process_time() - used) / 200
    used = time.process_time()
    told.lines([_line(step) for step in range(1000, 1100)])
    return beat, (time.process_time() - used) / 100


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
