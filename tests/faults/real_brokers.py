"""Redis and RabbitMQ from Debian's packages, each on a folder and a port of its own.

Tests are skipped with a word where a package is missing; `.ci/run` installs both.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
from django.db import connection

from tests.faults.harness import Rondo, free_port, until
from webapp.celery import app

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the script that keeps the user it has
PACKAGES = {"redis": "redis-server", "rabbitmq": "rabbitmq-server"}


def missing(kind: str) -> str:
    """What to install before this broker can be tested; "" when it is there."""
    found = shutil.which("redis-server") if kind == "redis" else RABBITMQ.exists()
    return "" if found else f"{kind} is not installed here: apt-get install {PACKAGES[kind]}"


class RondoOn(Rondo):
    """A Rondo whose broker is a real server instead of the embedded one."""

    def __init__(self, folder: Path, kind: str) -> None:
        super().__init__(folder)
        self.kind = kind
        self.broker_port = free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._epmd = str(free_port())

    @property
    def broker_url(self) -> str:
        where = f"127.0.0.1:{self.broker_port}"
        return f"redis://{where}/0" if self.kind == "redis" else f"amqp://guest:guest@{where}//"

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "BROKER_URL": self.broker_url}

    def start_broker(self) -> None:
        place = self.folder / self.kind
        place.mkdir(exist_ok=True)
        command = ["redis-server", "--port", str(self.broker_port), "--bind", "127.0.0.1"]
        command += ["--dir", str(place), "--save", "", "--appendonly", "yes"]
        if self.kind == "rabbitmq":
            command = [str(RABBITMQ)]
        with open(place / "log", "ab") as log:
            self._server = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=self._server_environment(place),
            )
        until(self._takes_connections, f"{self.kind} listens; its log is {place / 'log'}")

    def _server_environment(self, place: Path) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(place),  # of its cookie
            "RABBITMQ_NODENAME": f"rondo{self.broker_port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.broker_port),
            "RABBITMQ_DIST_PORT": str(self.broker_port + 1),
            "RABBITMQ_MNESIA_BASE": str(place / "mnesia"),
            "RABBITMQ_LOG_BASE": str(place / "logs"),
            "RABBITMQ_PID_FILE": str(place / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "plugins"),
            "ERL_EPMD_PORT": self._epmd,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_RELAXED_COMMAND_CHECK": "1",  # so that it can be told to end
        }

    def _takes_connections(self) -> bool:
        with contextlib.suppress(Exception), self.broker_connection() as one:
            one.ensure_connection(max_retries=1, interval_start=0)
            return True
        return False

    def stop_broker(self) -> None:
        """At once, as a power cut does."""
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, 9)
            self._server.wait(60)
            self._server = None
        if self.kind == "rabbitmq":
            subprocess.run(
                ["epmd", "-port", self._epmd, "-kill"],
                capture_output=True,
                check=False,
            )

    def broker_connection(self) -> Any:
        return app.connection(self.broker_url)

    def flush_broker(self) -> None:
        if self.kind == "redis":
            redis.Redis(port=self.broker_port).flushall()
            return
        with self.broker_connection() as one:
            for queue in ("default", "gpu"):
                with contextlib.suppress(one.channel_errors):
                    one.channel().queue_purge(queue)


@contextlib.contextmanager
def beside(world: Rondo, kind: str) -> Iterator[RondoOn]:
    """A Rondo on the database of `world`, with a broker of this kind."""
    rondo = RondoOn(world.folder, kind)
    rondo.socket_folder = world.socket_folder
    try:
        rondo.start_broker()
        rondo.clean()
        yield rondo
        rondo.check()
    finally:
        rondo.end_processes()
        rondo.stop_broker()
        connection.close()
