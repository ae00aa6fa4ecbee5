"""What can go wrong in a run, and what it leaves behind."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.running import events, learned, result, run_apart, run_here
from tests.training.tiny_model import demonstrations, write_rows, write_run
from training.trainers.manifest import damage, fingerprint

pytestmark = pytest.mark.heavy


def sft(folder: Path, base: Path, **more: object) -> Path:
    return write_run(folder, "sft", "prompt_completion", model=base, **more)


@pytest.fixture(scope="module")
def straight(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = sft(tmp_path_factory.mktemp("straight"), base)
    assert run_here(folder) == 0
    return folder


PHASES = ["checking", "loading", "preparing", "training", "evaluating", "exporting"]


@pytest.mark.parametrize(
    "point",
    [*(f"phase.{phase}" for phase in PHASES), "step", "checkpoint.written", "export.written"],
)
def test_a_run_can_be_cancelled_in_every_phase(
    tmp_path: Path, base: Path, straight: Path, point: str
) -> None:
    folder = sft(tmp_path, base)
    assert run_here(folder, fault=f"{point}:term") == 3
    assert result(folder)["outcome"] == "cancelled"
    assert not (folder / "model").exists()
    assert not list(folder.glob(".draft*"))
    assert not list((folder / "checkpoints").glob(".draft*"))
    assert run_here(folder) == 0
    assert learned(folder) == learned(straight)


@pytest.mark.parametrize("kind", ["flipped", "emptied", "no manifest"])
def test_a_damaged_checkpoint_costs_steps_but_not_the_result(
    tmp_path: Path, base: Path, straight: Path, kind: str
) -> None:
    folder = sft(tmp_path, base)
    assert run_here(folder, fault="step.end:term:5") == 3
    newest = folder / "checkpoints" / "step-5"
    if kind == "flipped":
        data = bytearray((newest / "optimizer.safetensors").read_bytes())
        data[len(data) // 2] ^= 16
        (newest / "optimizer.safetensors").write_bytes(data)
    elif kind == "emptied":
        for path in newest.iterdir():
            path.unlink()
    else:
        (newest / "manifest.json").unlink()
    assert run_here(folder) == 0
    warning = next(e for e in events(folder, "warning") if e["code"] == "checkpoint_damaged")
    assert "The checkpoint of step 5 is damaged" in warning["sentence"]
    assert result(folder)["resumed_from_step"] == 4
    assert learned(folder) == learned(straight)


def test_it_never_begins_anew_when_all_checkpoints_are_damaged(tmp_path: Path, base: Path) -> None:
    folder = sft(tmp_path, base)
    assert run_here(folder, fault="step.end:term:5") == 3
    for path in (folder / "checkpoints").glob("step-*/model.safetensors"):
        os.truncate(path, 1000)
    assert run_here(folder) == 2
    assert "No complete checkpoint is left" in result(folder)["sentence"]
    assert not (folder / "model").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs rights that this process lacks")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.fault
def test_a_full_disk_ends_a_run_cleanly(small_disk: Path, base: Path, straight: Path) -> None:
    folder = sft(small_disk / "run", base)
    assert run_here(folder) == 6
    names = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert names == ["step-2", "step-4"]
    assert damage(folder / "checkpoints" / "step-4") is None
    assert "The disk is full" in result(folder)["sentence"]
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert run_here(folder) == 0
    assert learned(folder) == learned(straight)


def test_a_loss_that_is_not_finite_stops_the_run_before_it_spoils_it(
    tmp_path: Path, base: Path, straight: Path
) -> None:
    folder = sft(tmp_path, base)
    assert run_here(folder, fault="step.loss:nan:7") == 5  # in the fourth step
    assert result(folder)["outcome"] == "diverged"
    assert "step 4" in result(folder)["sentence"]
    assert not (folder / "model").exists()
    names = [path.name for path in (folder / "checkpoints").iterdir()]
    assert names == ["step-2"]
    assert run_here(folder) == 0
    assert learned(folder) == learned(straight)


@pytest.mark.fault
def test_running_out_of_memory_is_named(tmp_path: Path, base: Path) -> None:
    large = {"batch_size": 4096, "micro_batch_size": 4096, "max_steps": 1}
    folder = sft(tmp_path / "small", base, rows=4096, training=large)
    assert run_apart(folder, memory=200 * 1024 * 1024) == 4
    assert "Memory ran out" in result(folder)["sentence"]
    assert "micro_batch_size" in result(folder)["sentence"]
    # The control: the same memory is enough for the same batch in smaller parts.
    less = sft(tmp_path / "parts", base, rows=4096, training={**large, "micro_batch_size": 128})
    assert run_apart(less, memory=200 * 1024 * 1024) == 0


def test_an_allocator_s_own_words_are_understood(tmp_path: Path, base: Path) -> None:
    folder = sft(tmp_path, base)
    assert run_here(folder, fault="step:out_of_memory:3") == 4


def test_a_run_may_go_on_once_with_half_the_micro_batch(
    tmp_path: Path, base: Path, straight: Path
) -> None:
    training = {"halve_on_out_of_memory": True}
    folder = sft(tmp_path / "once", base, training=training)
    assert run_here(folder, fault="step:out_of_memory:6") == 0
    warning = next(e for e in events(folder, "warning") if e["code"] == "micro_batch_halved")
    assert "a test asked for this" in warning["sentence"]
    assert "micro batches of 1 instead of 2; the batch stays 4" in warning["sentence"]
    # Batches are what they were, so the losses are too, within the rounding of another sum.
    ours, theirs = (
        {e["step"]: e["values"]["loss"] for e in events(f, "metrics") if "loss" in e["values"]}
        for f in (folder, straight)
    )
    assert ours == pytest.approx(theirs, abs=1e-5)
    # With rows one by one nothing is left to halve, and there is no second attempt.
    single = sft(tmp_path / "single", base, training={**training, "micro_batch_size": 1})
    assert run_here(single, fault="step:out_of_memory:3") == 4
    assert not [e for e in events(single, "warning") if e["code"] == "micro_batch_halved"]


def test_a_crash_is_a_crash(tmp_path: Path, base: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = sft(tmp_path, base)
    assert run_here(folder, fault="step:crash:3") == 1
    assert result(folder)["outcome"] == "crashed"
    assert "RuntimeError" in capfd.readouterr().err


def test_edited_data_is_refused_at_the_start_and_on_resuming(tmp_path: Path, base: Path) -> None:
    folder = sft(tmp_path, base)
    assert run_here(folder, fault="step.end:term:3") == 3
    original = (folder / "train.jsonl").read_bytes()
    write_rows(folder / "train.jsonl", demonstrations(25))
    assert run_here(folder) == 2
    assert "train.jsonl has changed" in result(folder)["sentence"]
    (folder / "train.jsonl").unlink()
    assert run_here(folder) == 2
    assert "train.jsonl does not exist" in result(folder)["sentence"]
    (folder / "train.jsonl").write_bytes(original)
    assert run_here(folder) == 0
    config = json.loads((folder / "run.json").read_text())
    config["data"][0]["sha256"] = "0" * 64
    other = tmp_path / "other"
    other.mkdir()
    (other / "train.jsonl").write_bytes(original)
    (other / "validation.jsonl").write_bytes((folder / "validation.jsonl").read_bytes())
    (other / "run.json").write_text(json.dumps(config))
    assert run_here(other) == 2
    assert "expected was 0000000000000000" in result(other)["sentence"]


def test_a_finished_run_can_be_verified(straight: Path, base: Path) -> None:
    found = result(straight)
    manifest = json.loads((straight / "model" / "manifest.json").read_text())
    assert found["model_sha256"] == manifest["fingerprint"]
    assert {entry["file"] for entry in manifest["files"]} >= {"model.safetensors", "config.json"}
    assert set(found["data_sha256"]) == {"train.jsonl", "validation.jsonl"}
    assert found["inputs_sha256"] == {str(base): fingerprint(base)}
    assert found["config_sha256"]
    assert found["versions"]["trl"].startswith("1.16")
    assert damage(straight / "model") is None


def test_a_second_process_is_kept_out(tmp_path: Path, base: Path) -> None:
    from training.trainers.run_directory import Run

    folder = sft(tmp_path, base)
    working = Run.open(folder)
    assert run_here(folder) == 2
    assert not (folder / "result.json").exists()
    working.close()
    assert run_here(folder, "--dry-run") == 0


def test_a_second_signal_does_not_wait_for_the_step() -> None:
    import signal

    from tests.training.running import kept_signals
    from training.trainers.outcome import Cancelled
    from training.trainers.stop import StopFlag

    flag = StopFlag()
    with kept_signals():
        flag.install()
        os.kill(os.getpid(), signal.SIGTERM)
        assert flag.requested
        with pytest.raises(Cancelled, match="told twice"):
            os.kill(os.getpid(), signal.SIGTERM)


def test_it_runs_from_a_shell_without_the_web_application(tmp_path: Path, base: Path) -> None:
    """The real command, in a process that has imported nothing before."""
    import sys

    from tests.training.running import REPO_ROOT

    folder = sft(tmp_path, base, training={"max_steps": 1})
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['training.trainers', {str(folder)!r}]\n"
        "try:\n    runpy.run_module('training.trainers', run_name='__main__')\n"
        "finally:\n    print(sorted({'django', 'celery', 'annotation'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPO_ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "[]"
    assert result(folder)["outcome"] == "done"
