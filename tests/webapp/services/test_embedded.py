"""The embedded servers, with real processes killed: nothing outlives its owner, nothing is lost."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from webapp.services import broker, lifeline, postgres

pytestmark = pytest.mark.fault

OWNER = """
import sys, time
from pathlib import Path
from webapp.services import broker, postgres
folder = Path(sys.argv[1])
kind = broker.running(folder, folder / "broker.sock") if "broker" in folder.name \\
    else postgres.running(folder, "rondo", "-c", "fsync=off")
with kind:
    print("up", flush=True)
    time.sleep(600)
"""


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rondo services ") as name:  # a space in the path
        yield Path(name)


@pytest.fixture
def owner() -> Iterator[Callable[[Path], "subprocess.Popen[str]"]]:
    """`owner(folder)`: a process that runs the server of that folder and waits."""
    with contextlib.ExitStack() as stack:

        def start(service: Path) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                [sys.executable, "-c", OWNER, str(service)], stdout=subprocess.PIPE, text=True
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            stack.callback(process.stdout.close)
            assert process.stdout.readline() == "up\n"
            return process

        yield start


def connect(service: Path) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(host=str(service), user="postgres", dbname="rondo", autocommit=True)


def server_of(service: Path) -> int:
    return int((service / "postmaster.pid").read_text().split()[0])


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_the_database_stops_when_its_owner_is_killed(folder: Path, owner: Callable) -> None:
    process = owner(folder / "pg")
    server = server_of(folder / "pg")
    assert is_alive(server)
    process.kill()
    until(lambda: not is_alive(server))
    assert "database system is shut down" in (folder / "pg.log").read_text()


def test_it_recovers_when_owner_and_server_are_killed_together(
    folder: Path, owner: Callable
) -> None:
    process = owner(folder / "pg")
    with connect(folder / "pg") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        connection.execute("CHECKPOINT")
    server = server_of(folder / "pg")
    group = os.getpgid(server)
    process.kill()
    os.killpg(group, signal.SIGKILL)
    process.wait()  # it holds its lock until it is gone
    until(lambda: not is_alive(server))
    with (
        postgres.running(folder / "pg", "rondo", "-c", "fsync=off"),
        connect(folder / "pg") as connection,
    ):
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


def test_a_start_waits_for_what_an_earlier_owner_left_running(
    folder: Path, owner: Callable
) -> None:
    """Two servers on one folder would destroy it: the inherited lock is what prevents that."""
    process = owner(folder / "pg")
    server = server_of(folder / "pg")
    os.kill(server, signal.SIGSTOP)  # it cannot obey the signal of its owner's death yet
    process.kill()
    process.wait()
    starting = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder / "pg")], stdout=subprocess.PIPE, text=True
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            starting.wait(1.5)
        assert server_of(folder / "pg") == server
        os.kill(server, signal.SIGCONT)
        assert starting.stdout is not None
        assert starting.stdout.readline() == "up\n"
        assert server_of(folder / "pg") != server
    finally:
        starting.kill()
        starting.communicate()


def test_a_second_owner_is_refused(folder: Path, owner: Callable) -> None:
    owner(folder / "pg")
    with pytest.raises(BlockingIOError), postgres.running(folder / "pg", "rondo"):
        pass


def test_a_stale_pid_file_of_a_living_stranger_does_not_matter(folder: Path) -> None:
    with postgres.running(folder / "pg", "rondo", "-c", "fsync=off"):
        pass
    (folder / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n1\n5432\n\n\n0 0\n")
    with (
        postgres.running(folder / "pg", "rondo", "-c", "fsync=off"),
        connect(folder / "pg") as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_first_start_that_was_killed_half_way_begins_anew(folder: Path) -> None:
    data = folder / "pg"
    data.mkdir()
    (data / "PG_VERSION").write_text("18\n")  # initdb writes this long before it is done
    with postgres.running(data, "rondo", "-c", "fsync=off"), connect(data) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_path_too_long_for_a_socket_gets_a_short_one(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60) / "pg"
    with postgres.running(deep, "rondo", "-c", "fsync=off") as socket:
        assert str(socket).startswith("/tmp/rondo-pg-")
        assert socket.stat().st_mode & 0o077 == 0
    shutil.rmtree(socket)


def test_no_network_address_is_listened_on(folder: Path) -> None:
    with (
        postgres.running(folder / "pg", "rondo", "-c", "fsync=off"),
        connect(folder / "pg") as connection,
    ):
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW data_directory_mode").fetchone() == ("0700",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root falls back to nobody")
def test_where_namespaces_are_refused_root_becomes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the same folder serves again when namespaces are allowed later."""
    with tempfile.TemporaryDirectory(prefix="rondo-nobody-") as name:
        Path(name).chmod(0o711)
        data = Path(name) / "pg"
        if any(not above.stat().st_mode & 0o001 for above in postgres.binaries().parents):
            pytest.skip("nobody may enter the folder of the virtual environment")
        monkeypatch.setattr(postgres, "_namespaces_allowed", lambda: False)
        with postgres.running(data, "rondo", "-c", "fsync=off"), connect(data) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
            owner_of_server = Path(f"/proc/{server_of(data)}").stat().st_uid
            assert owner_of_server == postgres.NOBODY
        monkeypatch.undo()
        with postgres.running(data, "rondo", "-c", "fsync=off"), connect(data) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root falls back to nobody")
def test_a_folder_that_nobody_may_enter_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_namespaces_allowed", lambda: False)
    with (
        pytest.raises(postgres.ServiceError, match=r"chmod o\+x"),
        postgres.running(folder / "pg", "rondo"),
    ):
        pass


def test_a_disk_without_space_is_told_in_a_sentence(folder: Path) -> None:
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with (
            pytest.raises(postgres.ServiceError, match="No space left on device"),
            postgres.running(small / "pg", "rondo"),
        ):
            pass
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def client(folder: Path) -> "redis.Redis":
    return redis.Redis(unix_socket_path=str(folder / "broker" / "broker.sock"))


def test_the_broker_keeps_its_messages_and_stops_with_its_owner(
    folder: Path, owner: Callable
) -> None:
    process = owner(folder / "broker")
    with contextlib.closing(client(folder)) as asked:
        for number in range(50):
            asked.rpush("default", number)
        server = int(asked.info("server")["process_id"])
    process.kill()
    process.wait()
    until(lambda: not is_alive(server))
    owner(folder / "broker")
    with contextlib.closing(client(folder)) as asked:
        assert asked.llen("default") == 50


def test_a_broker_whose_file_cannot_be_read_starts_empty(folder: Path) -> None:
    service = folder / "broker"
    with broker.running(service, service / "broker.sock"):
        pass
    for file in service.rglob("*.aof"):
        file.write_bytes(b"*3\r\nthis is no append-only file\r\n")
    with (
        broker.running(service, service / "broker.sock"),
        contextlib.closing(client(folder)) as asked,
    ):
        assert asked.ping()
        assert (folder / "broker.unreadable").is_dir()


def test_a_broker_is_not_reachable_by_network_or_by_others(folder: Path) -> None:
    service = folder / "broker"
    with (
        broker.running(service, service / "broker.sock") as socket,
        contextlib.closing(client(folder)) as asked,
    ):
        assert asked.config_get("port") == {b"port": b"0"} or asked.config_get("port") == {
            "port": "0"
        }
        assert socket.stat().st_mode & 0o077 == 0


def test_a_server_that_outlives_its_owner_is_asked_to_stop(folder: Path) -> None:
    """As on a system where the kernel sends no signal at the parent's death."""
    service = folder / "pg"
    lock = open(service.with_name("pg.alive"), "w")  # noqa: SIM115 - handed to the sleeper
    import fcntl

    fcntl.flock(lock, fcntl.LOCK_EX)
    sleeper = subprocess.Popen(["sleep", "60"], pass_fds=(lock.fileno(),))
    lock.close()
    asked: list[bool] = []

    def ask() -> None:
        asked.append(True)
        sleeper.terminate()
        sleeper.wait()

    with lifeline.sole_owner(service, ask_to_stop=ask):
        assert asked == [True]
