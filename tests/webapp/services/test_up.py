"""./run, whole: the real processes, a real port, killed and started again."""

import contextlib
import http.client
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from webapp.services.supervisor import Log, Program, Supervisor

pytestmark = pytest.mark.fault
ROOT = Path(__file__).resolve().parents[3]
SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(
    true: Callable[[], object], seconds: float = SECONDS, seen: Callable[[], object] = str
) -> None:
    """Wait; the failure says what was `seen` at its end."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s; {seen()}"
        time.sleep(0.1)


class Installation:
    """manage.py up with a folder and a port of its own, and a file with what it said."""

    def __init__(self, folder: Path) -> None:
        self.var = folder / "var"
        self.said = folder / "said"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def up(self, **environment: str) -> "subprocess.Popen[bytes]":
        gone = {"DATABASE_URL", "BROKER_URL", "ARTIFACTS_URL", "RONDO_VAR", "RONDO_TESTING"}
        kept = {name: value for name, value in os.environ.items() if name not in gone}
        own = {"RONDO_VAR": str(self.var), "LISTEN": f"127.0.0.1:{self.port}", **environment}
        with open(self.said, "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env={**kept, "WEB_PROCESSES": "1", "ADMIN_EMAIL": "mia@example.org", **own},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return self.process

    def text(self) -> str:
        return self.said.read_text(errors="replace")

    def times_said(self, sentence: str) -> int:
        return self.text().count(sentence)

    def until_ready(self, time_number: int = 1) -> None:
        process = self.process
        assert process is not None
        until(
            lambda: self.times_said("Rondo is ready") == time_number or process.poll() is not None
        )
        assert process.poll() is None, self.text()

    def page(self, address: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", address)
            return connection.getresponse().status

    def processes(self) -> dict[int, str]:
        """Everything alive that names our folder in its command or environment."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if str(self.var).encode() in environment + command.encode():
                    found[int(entry.name)] = command
        return found

    def until_all_are_gone(self) -> None:
        until(lambda: not self.processes(), SECONDS, lambda: f"{self.states()}\n{self.text()}")

    def states(self) -> list[str]:
        """What is alive, in which state of the kernel's, for the message of a failure."""
        found = []
        for pid, command in self.processes().items():
            with contextlib.suppress(OSError):
                state = Path(f"/proc/{pid}/wchan").read_text()
                found.append(f"{pid} [{state}] {command}")
        return found

    def process_of(self, part: str) -> int:
        """The oldest process whose command has `part`."""
        return min(pid for pid, command in self.processes().items() if part in command)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        self.until_all_are_gone()
        return code

    def end(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(60)


@pytest.fixture
def rondo() -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="rondo-up-", ignore_cleanup_errors=True) as name:
        installation = Installation(Path(name))
        yield installation
        installation.end()


def test_it_starts_serves_survives_and_stops(rondo: Installation) -> None:
    """One story, because each start of everything takes seconds."""
    rondo.up()
    rondo.until_ready()
    assert rondo.page("/account/login/") == 200
    assert rondo.page("/static/../manage.py") in {400, 404}
    until(lambda: "    password  " in rondo.text())
    password = re.findall(r"password  (\S+)", rondo.text())
    assert "mia@example.org" in rondo.text()
    assert password[0] not in (rondo.var / "log" / "rondo.log").read_text()

    # The workers report; the one for the GPU says whether it has one.
    until(lambda: rondo.times_said("rondo.jobs: Worker ") == 2)
    assert "gpu       |" in rondo.text()
    until(lambda: rondo.page("/health/ready") == 200)

    # A second start is refused with a sentence and disturbs nothing.
    second = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={**os.environ, "RONDO_VAR": str(rondo.var), "LISTEN": f"127.0.0.1:{free_port()}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "Rondo is running already from this folder (process" in second.stderr
    assert rondo.page("/health/live") == 200

    # A crashed process is started again.
    os.kill(rondo.process_of("manage.py reconcile"), signal.SIGKILL)
    until(lambda: "reconcile ended (killed by SIGKILL); it is started again" in rondo.text())
    until(lambda: rondo.times_said("rondo.jobs: Reconciler") == 2)

    # kill -9 of the supervisor takes everything with it, and the next start knows nothing of it.
    assert rondo.process is not None
    rondo.process.kill()
    rondo.process.wait()
    rondo.until_all_are_gone()
    rondo.up()
    rondo.until_ready(2)
    assert rondo.times_said("The first administrator was made") == 1  # its password is shown once
    with psycopg.connect(
        host=str(rondo.var / "postgres"), user="postgres", dbname="rondo"
    ) as connection:
        assert connection.execute("SELECT count(*) FROM accounts_user").fetchone() == (1,)

    # Ctrl-C stops everything, the database last and cleanly.
    assert rondo.stop(signal.SIGINT) == 0
    log = (rondo.var / "postgres.log").read_text()
    assert log.strip().endswith("database system is shut down")


def test_a_port_in_use_is_told_before_anything_starts(rondo: Installation) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", rondo.port))
        other.listen()
        assert rondo.up().wait(SECONDS) == 1
    assert f"Rondo cannot listen on 127.0.0.1 port {rondo.port}" in rondo.text()
    assert "Traceback" not in rondo.text()
    assert not (rondo.var / "postgres").exists()
    assert rondo.processes() == {}


def test_a_database_that_does_not_answer_is_told(rondo: Installation) -> None:
    nowhere = f"postgresql://rondo@127.0.0.1:{free_port()}/rondo"
    assert rondo.up(DATABASE_URL=nowhere).wait(SECONDS) == 1
    assert "The database does not answer" in rondo.text()
    assert "Check DATABASE_URL" in rondo.text()
    assert "Traceback" not in rondo.text()
    assert rondo.processes() == {}


def test_a_folder_that_cannot_be_written_is_told(rondo: Installation) -> None:
    rondo.var = Path("/proc/rondo")
    assert rondo.up().wait(SECONDS) == 1
    assert "/proc/rondo cannot be written" in rondo.text()
    assert "Traceback" not in rondo.text()


def test_an_unknown_argument_gets_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "up", "dance"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "./run takes no argument 'dance'" in done.stderr


def test_two_migrations_at_once_both_succeed(rondo: Installation) -> None:
    """H6: without the lock both would create the same tables."""
    from webapp.services import postgres

    with postgres.running(rondo.var / "pg", "rondo", "-c", "fsync=off") as where:
        environment = {**os.environ, "DATABASE_URL": f"postgresql:///rondo?host={where}"}
        both = [
            subprocess.Popen(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
                cwd=ROOT,
                env=environment,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        said = [process.communicate(timeout=SECONDS)[1] for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        assert any("Another process is migrating this database" in text for text in said)


# ---- the supervisor alone


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(Log(tmp_path / "log"))
    yield made
    made.stop(*list(made._children))


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


def log_of(supervisor: Supervisor) -> str:
    return supervisor.log.file.read_text()


def test_a_process_that_ends_at_once_is_started_again_more_and_more_slowly(
    supervisor: Supervisor,
) -> None:
    supervisor.start(Program("web", python("import sys; sys.exit(3)")))
    supervisor.keep_running(4)
    pauses = re.findall(
        r"web ended \(exit code 3\); it is started again in (\S+) s", log_of(supervisor)
    )
    assert pauses[:2] == ["0.5", "1"]
    assert len(pauses) <= 4


def test_a_process_that_does_not_stop_is_killed_with_what_it_started(
    supervisor: Supervisor,
) -> None:
    stubborn = (
        "import signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen(['sleep', '600']); print('child', child.pid); time.sleep(600)"
    )
    supervisor.start(Program("worker", python(stubborn), grace=0.5))
    until(lambda: "child" in log_of(supervisor), 60)
    child = int(re.findall(r"child (\d+)", log_of(supervisor))[0])
    supervisor.stop("worker")
    assert "worker did not stop in time; killed." in log_of(supervisor)
    status = Path(f"/proc/{child}/status")
    until(lambda: not status.exists() or "State:\tZ" in status.read_text(), 60)


HANGS_AT_ITS_END = (
    "import signal, sys, time; from webapp.services import supervisor, undertaker;"
    "undertaker.__file__ = sys.argv[1] or undertaker.__file__;"
    "from pathlib import Path; made = supervisor.Supervisor(supervisor.Log(Path(sys.argv[2])));"
    "deaf = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    " print(\\'deaf\\', flush=True); time.sleep(600)';"
    "made.start(supervisor.Program('worker', [sys.executable, '-c', deaf], grace=0.5));"
    "print(made._children['worker'].process.pid, flush=True); made.keep_running(600)"
)


@pytest.mark.parametrize("undertaken", [True, False], ids=["undertaken", "control"])
def test_what_hangs_in_its_stopping_ends_after_the_supervisor_is_killed(
    tmp_path: Path, undertaken: bool
) -> None:
    nobody = tmp_path / "nobody.py"  # the control: somebody who listens and does nothing
    nobody.write_text("import sys; sys.stdin.read()")
    other = "" if undertaken else str(nobody)
    watcher = subprocess.Popen(
        [sys.executable, "-c", HANGS_AT_ITS_END, other, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert watcher.stdout is not None
    child = next(int(line) for line in watcher.stdout if line.strip().isdigit())
    with watcher.stdout:
        until(lambda: "deaf" in (tmp_path / "rondo.log").read_text())
    handle = os.pidfd_open(child)
    try:
        watcher.kill()
        watcher.wait()
        ended = select.select([handle], [], [], SECONDS if undertaken else 3)[0]
        assert bool(ended) is undertaken
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)


def test_an_undertaker_who_was_killed_is_replaced_and_told_everything(
    supervisor: Supervisor,
) -> None:
    supervisor.start(Program("web", python("import time; time.sleep(600)")))
    first = supervisor._undertaker
    assert first is not None
    first.kill()
    first.wait()
    supervisor.start(Program("gpu", python("import time; time.sleep(600)")))
    second = supervisor._undertaker
    assert second is not None
    assert second.stdin is not None
    alive = [child.process for child in supervisor._children.values()]
    second.stdin.close()  # as if the supervisor were dead; the grace is 15 s
    until(lambda: all(process.poll() == -signal.SIGKILL for process in alive), 60)
    second.wait(60)


def test_every_line_carries_the_name_of_its_process(supervisor: Supervisor) -> None:
    supervisor.start(
        Program("gpu", python("print('one'); print('two \\x1b[2J'); import time; time.sleep(60)"))
    )
    until(lambda: "two" in log_of(supervisor), 60)
    assert "gpu       | one" in log_of(supervisor)
