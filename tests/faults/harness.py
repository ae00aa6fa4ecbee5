"""A whole Rondo of its own, to be killed: PostgreSQL, broker, gunicorn, workers, reconciler.

Every part is a child process with its log in one folder. Tests poll with deadlines; the times of
jobs (lease, poll, grace) are set to a second or three.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import redis
from django.core.management import call_command
from django.db import connection

import tests.faults.tasks  # noqa: F401 - registers the kinds of work here too
from tests.cast import admin
from webapp import doctor
from webapp.celery import app
from webapp.jobs.models import Job, State, Worker
from webapp.jobs.tasks import look
from webapp.services import broker, postgres

REPO_ROOT = Path(__file__).resolve().parents[2]
TIMES = {
    "JOBS_LEASE_SECONDS": "3",
    "JOBS_POLL_SECONDS": "1",
    "JOBS_RECONCILE_SECONDS": "1",
    "JOBS_GRACE_SECONDS": "3",
    "JOBS_BACKOFF_SECONDS": "1",
}
PATIENCE = 60.0  # seconds before a wait is a failure; a healthy run takes a tenth of it

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, *, seconds: float = PATIENCE) -> T:
    """The first truthy value of `condition`; fails with `what` when it takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {seconds:g} s: {what}")
        time.sleep(0.05)


def said(process: "Process", *words: str) -> str:
    """The one line of a process's log that holds all `words`; an operator can act on it."""
    lines = [line for line in process.lines() if all(word in line for word in words)]
    assert len(lines) == 1, f"{len(lines)} lines of {process.name} say {words}: {lines}"
    return lines[0]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Process:
    """A child in a session of its own; its output goes to a log."""

    def __init__(self, name: str, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self.name = name
        self.is_ready: Callable[[], bool] = lambda: True
        self.log = folder / f"{name}.log"
        with open(self.log, "ab") as out:
            self._began = out.tell()  # another Rondo of the folder may have had this name
            self.child = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *command],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=REPO_ROOT,
                env=env,
            )

    @property
    def pid(self) -> int:
        return self.child.pid

    def lines(self) -> list[str]:
        return self.log.read_bytes()[self._began :].decode(errors="replace").splitlines()

    def send(self, number: signal.Signals) -> None:
        """To the process alone, as an init system does."""
        os.kill(self.pid, number)

    def children(self) -> list[int]:
        return children_of(self.pid)

    def pause(self) -> None:
        os.killpg(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """kill -9 of this process alone: what it started has to notice by itself."""
        with contextlib.suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        self.child.wait(60)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait(60)


class Rondo:
    """The world of a fault test. Django's connection in the test itself points at its database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._database = contextlib.ExitStack()
        self._broker = contextlib.ExitStack()
        self.processes: list[Process] = []
        self.port = free_port()
        self.database_options = ["-c", "max_connections=60"]

    @property
    def environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "FAULT"))}
        return inherited | {
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "DATABASE_URL": f"postgresql:///rondo?host={self.socket_folder}",
            "BROKER_URL": f"redis+socket://{self.broker_socket}",
            "ARTIFACTS_URL": str(self.folder / "artifacts"),
            "RONDO_VAR": str(self.folder),
            "LISTEN": f"127.0.0.1:{self.port}",
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            **TIMES,
        }

    # ---- services

    @property
    def broker_socket(self) -> Path:
        return self.folder / "broker" / "broker.sock"

    def start_database(self) -> None:
        self.socket_folder = self._database.enter_context(
            postgres.running(self.folder / "pg", "rondo", *self.database_options)
        )

    def stop_database(self) -> None:
        """As an operator does: the sessions are ended."""
        connection.close()
        self._database.close()

    def kill_database(self) -> None:
        """kill -9 of the whole cluster: a postmaster alone would leave its sessions at work."""
        connection.close()
        pid = int((self.folder / "pg" / "postmaster.pid").read_text().split()[0])
        for each in (pid, *children_of(pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._database.close()

    def start_broker(self) -> None:
        self._broker.enter_context(broker.running(self.folder / "broker", self.broker_socket))

    def stop_broker(self) -> None:
        self._broker.close()

    # ---- processes

    def start(self, name: str, *command: str, **env: str) -> Process:
        process = Process(name, [sys.executable, *command], self.folder, self.environment | env)
        self.processes.append(process)
        return process

    def start_worker(self, queue: str = "default", *, slots: int = 1, **env: str) -> Process:
        """A Celery worker; ready() waits until it has said that it is there."""
        command = ["manage.py", "work", "--queue", queue, "--slots", str(slots)]
        worker = self.start(f"worker-{queue}-{len(self.processes)}", *command, **env)
        worker.is_ready = Worker.objects.filter(pid=worker.pid, stopped_at=None).exists
        return worker

    def start_reconciler(self) -> Process:
        process = self.start(f"reconcile-{len(self.processes)}", "manage.py", "reconcile")
        process.is_ready = Worker.objects.filter(pid=process.pid).exists
        return process

    def start_web(self, **env: str) -> Process:
        web = self.start(
            f"web-{len(self.processes)}",
            *("-m", "gunicorn", "-c", "python:webapp.gunicorn", "webapp.wsgi"),
            **{"WEB_PROCESSES": "1", **env},
        )
        web.is_ready = self._web_answers
        return web

    def _web_answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.get("/test/ask")[0] == 200
        return False

    def ready(self, *processes: Process) -> None:
        """Wait for these, or for all that were started: they start beside each other."""
        for process in processes or self.processes:
            until(process.is_ready, f"{process.name} is there; its log is {process.log}")

    def end_processes(self) -> None:
        for process in self.processes:
            process.end()
        self.processes.clear()

    # ---- asking it

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of one request; OSError when nothing listens."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            client.request(method, path, None if body is None else json.dumps(body))
            answer = client.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            client.close()

    def get(self, path: str) -> tuple[int, dict[str, str], str]:
        return self.request("GET", path)

    def cause(self, kind: str = "steps", *, fail: bool = False, **arguments: Any) -> int:
        """Cause a job by a request, as a person does; its id."""
        arguments.setdefault("trace", str(self.folder / "trace"))
        body = {"kind": kind, "arguments": arguments, "fail": fail}
        status, _, text = self.request("POST", "/test/cause", body)
        assert status == 202, f"the request that causes a job was answered {status}: {text[:300]}"
        return int(json.loads(text)["job"])

    def hint(self, queue: str = "default") -> None:
        """The message of an enqueue, once more."""
        with self.broker_connection() as broker_connection:
            look.apply_async(args=[queue], queue=queue, connection=broker_connection)

    def broker_connection(self) -> Any:
        return app.connection(f"redis+socket://{self.broker_socket}")

    def flush_broker(self) -> None:
        redis.Redis(unix_socket_path=str(self.broker_socket)).flushall()

    def trace(self) -> list[str]:
        """The words that jobs left, in order."""
        file = self.folder / "trace"
        return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []

    def wait_for(self, job: int, *states: str, seconds: float = PATIENCE) -> Job:
        wanted = states or (State.DONE,)

        def arrived() -> Job | None:
            return Job.objects.filter(pk=job, state__in=wanted).first()

        try:
            found = until(arrived, f"job {job} becomes {' or '.join(wanted)}", seconds=seconds)
        except AssertionError as late:
            row = Job.objects.get(pk=job)
            raise AssertionError(f"{late}; it is {row.state}: {row.message} {row.error}") from None
        assert found is not None
        return found

    def check(self) -> None:
        """The whole doctor finds nothing wrong: the last line of every fault test."""
        wrong = [f"{one.title}: {said}" for one in doctor.examine() for said in one.sentences]
        assert wrong == [], wrong

    def clean(self) -> None:
        """Nothing runs and nothing is queued: the next test begins here."""
        self.end_processes()
        Worker.objects.all().delete()
        self.forget_jobs()

    def forget_jobs(self) -> None:
        Job.objects.all().delete()
        (self.folder / "trace").unlink(missing_ok=True)


@contextlib.contextmanager
def a_rondo(folder: Path) -> Iterator[Rondo]:
    """A migrated Rondo with database and broker; the test's own ORM speaks to it meanwhile."""
    rondo = Rondo(folder)
    before = dict(connection.settings_dict)
    rondo.start_database()
    connection.close()
    connection.settings_dict.update(HOST=str(rondo.socket_folder), NAME="rondo", TEST={})
    try:
        call_command("migrate", interactive=False, verbosity=0)
        admin()  # a Rondo without any administrator is a finding of the doctor
        rondo.start_broker()
        yield rondo
    finally:
        rondo.end_processes()
        connection.close()
        connection.settings_dict.clear()
        connection.settings_dict.update(before)
        rondo.stop_broker()
        rondo._database.close()
