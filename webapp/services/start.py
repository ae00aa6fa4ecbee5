"""What ./run starts, in which order, and what it says.

Production runs the same processes one by one (docs/operations.md); with DATABASE_URL or BROKER_URL
set, the embedded server is left out.
"""

import contextlib
import fcntl
import http.client
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.db import OperationalError, connection

from webapp.services import broker, places, postgres
from webapp.services.lifeline import ServiceError
from webapp.services.supervisor import Log, Program, Supervisor

LEAST_MEGABYTES = 200  # for the first database, logs and static files
FIRST_PAGE_SECONDS = 90


class CannotStart(Exception):
    """Rondo cannot start; the message says why and what to do."""


def up(*more: Program) -> None:
    """Start everything and keep it running until INT, TERM or HUP. more: begun when all else runs.

    Raises:
        CannotStart, ServiceError: something is in the way; nothing is left running.
    """
    began = time.monotonic()
    _check_disk()
    with _only_one():
        _check_port()
        supervisor = Supervisor(Log(settings.VAR_DIR / "log"))
        supervisor.listen_for_signals()
        say = _sayer(supervisor, began)
        with contextlib.ExitStack() as stack:
            _start_services(stack, say)
            _prepare(say)
            stack.callback(_stop, supervisor, say, *(program.name for program in more))
            web, *others = programs()
            supervisor.start(web)
            if _wait_for_first_page(supervisor):
                for program in others:  # not before: four starts at once would delay the page
                    supervisor.start(program)
                say(f"Rondo is ready: {settings.PUBLIC_URL.geturl()}  (Ctrl-C stops it)")
                _welcome(say)
                for program in more:
                    supervisor.start(program)
                supervisor.keep_running(float("inf"))
            elif not supervisor.asked_to_stop.is_set():
                raise CannotStart(
                    f"No page after {FIRST_PAGE_SECONDS} s: the lines of 'web' above"
                    f" (also in {supervisor.log.file}) say why."
                )


def programs() -> list[Program]:
    """The processes beside database and broker, for a machine of its own."""
    python = sys.executable
    grace = settings.JOBS_GRACE_SECONDS + 10.0
    return [
        Program("web", [python, "-m", "gunicorn", "-c", "python:webapp.gunicorn", "webapp.wsgi"]),
        Program("worker", [python, "manage.py", "work", "--queue", "default"], grace),
        Program("gpu", [python, "manage.py", "work", "--queue", "gpu"], grace),
        Program("reconcile", [python, "manage.py", "reconcile"]),
    ]


def _sayer(supervisor: Supervisor, began: float) -> Callable[[str], None]:
    def say(sentence: str) -> None:
        supervisor.log.line("rondo", f"[{time.monotonic() - began:5.1f} s] {sentence}")

    return say


def _check_disk() -> None:
    try:
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        probe = settings.VAR_DIR / ".can-write"
        probe.touch()
        probe.unlink()
        free = shutil.disk_usage(settings.VAR_DIR).free // 1_000_000
    except OSError as error:
        raise CannotStart(
            f"{settings.VAR_DIR} cannot be written ({error.strerror}). Correct its owner or its"
            " disk, or name another folder: RONDO_VAR=/path ./run"
        ) from error
    if free < LEAST_MEGABYTES:
        raise CannotStart(
            f"The disk that holds {settings.VAR_DIR} has {free} MB left; Rondo needs at least"
            f" {LEAST_MEGABYTES} MB to start. Free some, or name a folder on another disk:"
            " RONDO_VAR=/path ./run"
        )


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Hold var/rondo.lock, which names us."""
    with open(settings.VAR_DIR / "rondo.lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"Rondo is running already from this folder ({lock.read().strip()}). Stop it with"
                " Ctrl-C there, or start a second one with a folder and a port of its own:"
                " RONDO_VAR=/path LISTEN=127.0.0.1:8001 ./run"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, {settings.PUBLIC_URL.geturl()}")
        lock.flush()
        yield


def _check_port() -> None:
    host, port = settings.LISTEN_HOST.strip("[]"), settings.LISTEN_PORT
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"Rondo cannot listen on {host} port {port}: {error.strerror}. Stop the program"
                f" that uses it, or choose another: LISTEN=127.0.0.1:{port % 65535 + 1} ./run"
            ) from error


def _start_services(stack: contextlib.ExitStack, say: Callable[[str], None]) -> None:
    var: Path = settings.VAR_DIR
    if settings.DATABASE_IS_EMBEDDED:
        first = not places.database_folder(var).exists()
        say("Making the database (first start) ..." if first else "Starting the database ...")
        _own(stack, postgres.running(places.database_folder(var), "rondo"), "database")
    else:
        say("Using the database of DATABASE_URL.")
    if settings.BROKER_IS_EMBEDDED:
        say("Starting the broker ...")
        _own(stack, broker.running(places.broker_folder(var), places.broker_socket(var)), "broker")
    else:
        say("Using the broker of BROKER_URL.")


def _own(
    stack: contextlib.ExitStack, service: contextlib.AbstractContextManager[Path], name: str
) -> None:
    try:
        stack.enter_context(service)
    except BlockingIOError:
        raise ServiceError(
            f"The embedded {name} of {settings.VAR_DIR} is in use by another process."
            " Stop that one first, or set RONDO_VAR."
        ) from None


def _prepare(say: Callable[[str], None]) -> None:
    """Bring tables and static files up to date, and refuse what the system checks refuse."""
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise CannotStart(
            f"The database does not answer: {' '.join(str(error).split())}. Check DATABASE_URL."
        ) from None
    say("Bringing the tables up to date ...")
    call_command("migrate", interactive=False, verbosity=0)
    say("Collecting static files ...")
    call_command("collectstatic", interactive=False, verbosity=0)
    found = [m for m in checks.run_checks(databases=["default"]) if not m.is_silenced()]
    for message in found:
        say(f"{message.msg}{' ' + message.hint if message.hint else ''}")
    connection.close()
    if any(message.level >= checks.ERROR for message in found):
        raise CannotStart("Rondo does not start with this configuration; the lines above say why.")


def _wait_for_first_page(supervisor: Supervisor) -> bool:
    host = settings.LISTEN_HOST.strip("[]")
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    deadline = time.monotonic() + FIRST_PAGE_SECONDS
    while time.monotonic() < deadline and not supervisor.asked_to_stop.is_set():
        if supervisor.is_running("web"):
            with contextlib.suppress(OSError, http.client.HTTPException):
                page = http.client.HTTPConnection(reachable, settings.LISTEN_PORT, timeout=5)
                page.request("GET", "/health/live", headers={"Host": "127.0.0.1"})
                if page.getresponse().status == 200:
                    return True
        supervisor.keep_running(0.1)
    return False


def _welcome(say: Callable[[str], None]) -> None:
    """The first administrator's login, shown on the console alone: the log's file is kept."""
    from webapp.accounts.actions.create_first_admin import create_first_admin

    made = create_first_admin()
    connection.close()
    if made:
        email, password = made
        say("The first administrator was made. Its password is shown this once, here only:")
        print(f"\n    e-mail    {email}\n    password  {password}\n", flush=True)


def _stop(supervisor: Supervisor, say: Callable[[str], None], *more: str) -> None:
    say("Stopping: web, workers, then broker and database ...")
    supervisor.stop("web", *more)
    supervisor.stop("worker", "gpu", "reconcile")
    say("Stopped the processes.")
