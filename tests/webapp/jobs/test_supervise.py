"""A command under a job: what it writes is followed, and it never outlives its supervisor."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.harness import REPO_ROOT, until
from webapp.jobs.errors import HandedBack, JobCancelled, LeaseLost
from webapp.jobs.supervise import Ended, Tail, clean_environment, supervise

pytestmark = pytest.mark.heavy

SAVES_ON_TERM = """
import signal, sys, time
def save(*_):
    print("saved", file=open("events", "a"), flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, save)
print("ready", file=open("events", "a"), flush=True)
time.sleep(60)
"""


def child(folder: Path, code: str, **options: object) -> Ended:
    """Run Python `code` in `folder` under supervision; events and log lie there."""
    options.setdefault("beat", lambda: None)
    return supervise(
        [sys.executable, "-c", textwrap.dedent(code)],
        folder=folder,
        log=folder / "log",
        events=Tail(folder / "events"),
        **options,  # type: ignore[arg-type]
    )


def raising(error: type[Exception], when: Callable[[], bool]) -> Callable[[], None]:
    """A heartbeat that answers with `error` once something has happened, and again each time."""

    def beat() -> None:
        if when():
            raise error

    return beat


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_its_lines_are_passed_on_whole_and_once(tmp_path: Path) -> None:
    seen: list[bytes] = []
    code = """
        import time
        with open("events", "a") as file:
            for part in ("one\\ntw", "o\\n", "\\nthree\\nunfinished"):
                file.write(part); file.flush(); time.sleep(0.1)
        print("said aloud")
        raise SystemExit(5)
    """
    ended = child(tmp_path, code, on_lines=seen.extend)
    assert seen == [b"one", b"two", b"three"]
    assert ended == Ended(code=5, stalled=False, offset=len("one\ntwo\n\nthree\n"))
    assert (tmp_path / "log").read_text() == "said aloud\n"


def test_a_later_attempt_goes_on_where_the_first_stopped_reading(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(b"one\ntwo\nthr")
    tail = Tail(file)
    assert tail.lines() == [b"one", b"two"]
    with open(file, "ab") as more:
        more.write(b"ee\n" + b"x" * 1_000_001 + b"\nfour\n")
    assert Tail(file, tail.offset).lines() == [b"three", b"four"], "an endless line is no event"
    assert Tail(tmp_path / "absent").lines() == []


def test_a_fatal_signal_is_seen_as_such(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert child(tmp_path, code).code == -signal.SIGKILL


def test_a_command_that_is_not_there_is_an_exit_code_and_a_line_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ended = supervise(["/no/such/program"], beat=lambda: None, folder=tmp_path, log=log)
    assert ended.code == 127
    assert "/no/such/program cannot be started" in log.read_text()


@pytest.mark.parametrize("error", [JobCancelled, HandedBack])
def test_a_cancelled_command_gets_the_time_to_save(tmp_path: Path, error: type[Exception]) -> None:
    seen: list[bytes] = []
    beat = raising(error, lambda: b"ready" in seen)
    with pytest.raises(error):
        child(tmp_path, SAVES_ON_TERM, beat=beat, on_lines=seen.extend, grace_seconds=20)
    assert seen == [b"ready", b"saved"]


def test_a_command_that_does_not_listen_is_ended_after_the_grace_time(tmp_path: Path) -> None:
    code = """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(os.getpid(), file=open("events", "a"), flush=True)
        time.sleep(60)
    """
    seen: list[bytes] = []
    beat = raising(JobCancelled, lambda: bool(seen))
    with pytest.raises(JobCancelled):
        child(tmp_path, code, beat=beat, on_lines=seen.extend, grace_seconds=0.5)
    assert not is_alive(int(seen[0]))


def test_after_a_lost_lease_nothing_is_waited_for(tmp_path: Path) -> None:
    seen: list[bytes] = []
    beat = raising(LeaseLost, lambda: b"ready" in seen)
    with pytest.raises(LeaseLost):
        child(tmp_path, SAVES_ON_TERM, beat=beat, on_lines=seen.extend)
    assert (tmp_path / "events").read_text() == "ready\n", "it was not asked, it was ended"


def test_a_stopped_command_is_noticed_as_stalled(tmp_path: Path) -> None:
    code = """
        import os, signal
        print("ready", file=open("events", "a"), flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
    """
    ended = child(tmp_path, code, stall_seconds=0.6)
    assert ended.stalled
    assert ended.code == -signal.SIGKILL


def test_nothing_of_a_command_stays_behind(tmp_path: Path) -> None:
    """Neither a child in its group nor one that fled into a session of its own."""
    code = """
        import subprocess
        with open("events", "a") as file:
            for fled in (False, True):
                sleeper = subprocess.Popen(["sleep", "60"], start_new_session=fled)
                print(sleeper.pid, file=file)
    """
    seen: list[bytes] = []
    assert child(tmp_path, code, on_lines=seen.extend).code == 0
    assert len(seen) == 2
    assert [is_alive(int(pid)) for pid in seen] == [False, False]


def test_it_dies_with_its_supervisor(tmp_path: Path) -> None:
    code = f"""
        import sys
        from pathlib import Path
        from webapp.jobs.supervise import supervise
        sleeper = "sleep 60 & echo $! >> pids; "
        shell = "echo $$ >> pids; " + sleeper + "setsid " + sleeper + "wait"
        supervise(["/bin/sh", "-c", shell], beat=lambda: None, folder=Path({str(tmp_path)!r}),
                  log=Path({str(tmp_path / "log")!r}))
    """
    supervisor = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=REPO_ROOT)
    pids = tmp_path / "pids"
    until(lambda: pids.exists() and len(pids.read_text().split()) == 3, "the command has begun")
    family = [int(pid) for pid in pids.read_text().split()]
    assert all(map(is_alive, family)), "the control: they are there while the supervisor is"
    supervisor.kill()
    supervisor.wait()
    until(lambda: not any(map(is_alive, family)), "all of them are gone", seconds=60)


def test_a_command_learns_no_secret_of_ours(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary")
    monkeypatch.setenv("DATABASE_URL", "postgresql://canary")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    code = """
        import os
        print(*sorted(os.environ.items()), sep="\\n", file=open("events", "a"))
    """
    seen: list[bytes] = []
    child(tmp_path, code, on_lines=seen.extend, environment={"RUN": "7"})
    text = b"\n".join(seen).decode()
    assert "canary" not in text
    assert "('CUDA_VISIBLE_DEVICES', '1')" in text
    assert "('RUN', '7')" in text
    assert clean_environment()["PATH"] == os.environ["PATH"]


def test_the_heartbeat_comes_from_the_loop_that_watches(tmp_path: Path) -> None:
    beats: list[float] = []
    child(tmp_path, "import time; time.sleep(1)", beat=lambda: beats.append(time.monotonic()))
    assert len(beats) >= 2
