"""The same figures in other people's dashboards, where their packages are installed."""

from pathlib import Path

import pytest

from tests.training.running import events, run_here
from tests.training.tiny_model import write_run

pytestmark = pytest.mark.heavy


def losses(folder: Path) -> dict[int, float]:
    """step -> loss, as the run's own diary has them."""
    logged = events(folder, "metrics")
    return {e["step"]: e["values"]["loss"] for e in logged if "loss" in e["values"]}


def tracked(folder: Path, base: Path, tracker: str) -> Path:
    run = write_run(folder, "sft", "prompt_completion", model=base, trackers=[tracker])
    assert run_here(run) == 0
    assert not [e for e in events(run, "warning") if e["code"] == "tracker"]
    assert len(losses(run)) == 6
    return run


def test_tensorboard_gets_every_figure(tmp_path: Path, base: Path) -> None:
    pytest.importorskip("tensorboard", reason="pip install rondo[tensorboard]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tracked(tmp_path / "run", base, "tensorboard")
    written = EventAccumulator(str(folder / "tensorboard"))
    written.Reload()
    found = {event.step: event.value for event in written.Scalars("loss")}
    assert found == pytest.approx(losses(folder), rel=1e-6)  # it keeps float32
    assert {"eval/loss", "grad_norm", "lr"} <= set(written.Tags()["scalars"])


def test_mlflow_gets_every_figure(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="pip install rondo[mlflow]")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    folder = tracked(tmp_path / "run", base, "mlflow")
    run = mlflow.last_active_run()
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert {point.step: point.value for point in history} == pytest.approx(losses(folder))
    params = mlflow.MlflowClient().get_run(run.info.run_id).data.params
    assert params["training.learning_rate"] == "0.001"


def test_trackio_gets_every_figure(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "store"))
    pytest.importorskip("trackio", reason="pip install rondo[trackio]")
    import sqlite3

    folder = tracked(tmp_path / "run", base, "trackio")
    with sqlite3.connect(tmp_path / "store" / "rondo.db") as store:
        steps = {step for (step,) in store.execute("select step from metrics")}
    assert set(losses(folder)) <= steps


def test_wandb_gets_every_figure(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline: what would be sent lies in a file, which holds the names of the figures."""
    pytest.importorskip("wandb", reason="pip install rondo[wandb]")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    folder = tracked(tmp_path / "run", base, "wandb")
    (kept,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    assert b"eval/loss" in kept.read_bytes()
    assert losses(folder)
