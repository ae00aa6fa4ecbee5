"""What the next attempt begins from: the newest checkpoint that is whole, or a refusal."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.cast import a_workspace, mia
from tests.training.registry import a_run
from tests.webapp.webhooks.material import a_listener, told
from training.actions import execute
from training.actions.execute import _bad_end, _restore
from training.model_store import fingerprint_of_manifest, store_folder
from training.models import Checkpoint, RunEvent, RunMetric, TrainingRun
from training.run_record import RunRecord
from webapp.artifacts import delete, writing
from webapp.jobs import JobFailed, LeaseLost, Work
from webapp.jobs.actions.claim import claim
from webapp.jobs.actions.reap import reap
from webapp.jobs.models import Job
from webapp.jobs.runner import run_next

pytestmark = pytest.mark.django_db(transaction=True)


def at_work() -> tuple[TrainingRun, Work]:
    workspace = a_workspace()
    run = a_run(workspace, mia(workspace))
    job = claim(queue="gpu", worker="here")
    assert job is not None
    return run, Work(job)


def saved(run: TrainingRun, step: int, folder: Path) -> Checkpoint:
    """A checkpoint of one file, as an attempt leaves it in the store."""
    source = folder / f"made-{step}"
    source.mkdir()
    (source / "state.json").write_text(f'{{"step": {step}}}')
    place = f"runs/{run.pk}/attempt-1/step-{step}"
    manifest = store_folder(source, place)
    RunMetric.objects.create(run=run, name="loss", step=step, value=1.0)
    return Checkpoint.objects.create(
        run=run,
        step=step,
        attempt=1,
        place=place,
        manifest=manifest,
        sha256=fingerprint_of_manifest(manifest),
    )


def spoiled(checkpoint: Checkpoint) -> None:
    with writing(f"{checkpoint.place}/state.json", name="x", content_type="text/plain") as file:
        file.write(b'{"step": 9}')


def gone(checkpoint: Checkpoint) -> None:
    delete(f"{checkpoint.place}/state.json")


def test_the_newest_is_fetched_and_what_came_after_it_is_forgotten(tmp_path: Path) -> None:
    run, work = at_work()
    saved(run, 2, tmp_path)
    saved(run, 4, tmp_path)
    RunMetric.objects.create(run=run, name="loss", step=5, value=1.0)
    _restore(run, tmp_path, work)
    assert (tmp_path / "checkpoints" / "step-4" / "state.json").read_text() == '{"step": 4}'
    assert not (tmp_path / "checkpoints" / "step-2").exists()
    assert set(RunMetric.objects.values_list("step", flat=True)) == {2, 4}


@pytest.mark.parametrize("harm", [spoiled, gone])
def test_a_damaged_one_is_passed_over_and_said_so(harm: Any, tmp_path: Path) -> None:
    run, work = at_work()
    saved(run, 2, tmp_path)
    harm(saved(run, 4, tmp_path))
    _restore(run, tmp_path, work)
    assert (tmp_path / "checkpoints" / "step-2").is_dir()
    assert not (tmp_path / "checkpoints" / "step-4").exists()
    warning = RunEvent.objects.get(run=run, kind="warning")
    assert "step 4 is damaged" in warning.data["sentence"]


def test_when_none_is_whole_the_run_does_not_begin_anew_in_silence(tmp_path: Path) -> None:
    run, work = at_work()
    gone(saved(run, 2, tmp_path))
    with pytest.raises(JobFailed, match="None is left"):
        _restore(run, tmp_path, work)
    run.refresh_from_db()
    assert run.outcome == "bad_input"


def test_an_attempt_that_lost_its_lease_writes_nothing(tmp_path: Path) -> None:
    run, work = at_work()
    record = RunRecord(run, work, tmp_path)
    line = b'{"time": 1.0, "kind": "metrics", "step": 1, "values": {"loss": 2.0}}'
    record.lines([line])
    Job.objects.filter(pk=work.job.pk).update(attempt=2)  # another worker has it
    with pytest.raises(LeaseLost):
        record.lines([line.replace(b'"step": 1', b'"step": 2')])
    assert list(RunMetric.objects.values_list("step", flat=True)) == [1]


def test_lines_that_make_no_sense_are_passed_over(tmp_path: Path) -> None:
    run, work = at_work()
    record = RunRecord(run, work, tmp_path)
    record.lines([b"{", b"[]", b'{"kind": 3}', b'{"kind": "metrics", "step": "x"}', b"\xff"])
    record.lines([b'{"time": 1, "kind": "warning", "sentence": "nul \\u0000 inside"}'])
    assert RunEvent.objects.get().data["sentence"] == "nul \ufffd inside"


@pytest.mark.parametrize(
    ("code", "outcome"), [(1, "crashed"), (2, "bad_input"), (4, "out_of_memory"), (5, "diverged"),
                          (6, "disk_full"), (-9, "killed"), (137, "killed"), (99, "crashed")]
)  # fmt: skip
def test_every_exit_code_has_an_outcome_and_a_sentence(code: int, outcome: str) -> None:
    found, sentence = _bad_end(code, {})
    assert found == outcome
    assert sentence.endswith(".")


@pytest.mark.parametrize("attempts_left", [0, 1])
def test_a_run_that_lost_its_last_worker_says_so_and_is_announced(attempts_left: int) -> None:
    run, work = at_work()
    webhook = a_listener(run.workspace, run.created_by, "run.failed")
    Job.objects.filter(pk=work.job.pk).update(
        lease_until=Now() - timedelta(seconds=1), max_attempts=work.job.attempt + attempts_left
    )
    reap(server_up_for=0)
    run.refresh_from_db()
    if attempts_left:  # the control: another worker goes on with it
        assert (run.outcome, told(webhook)) == ("", [])
        return
    assert run.outcome == "crashed"
    assert "fell silent during attempt 1" in run.sentence
    assert run.ended_at is not None
    ((event, data),) = told(webhook)
    assert (event, data["run"], data["outcome"]) == ("run.failed", run.pk, "crashed")


def test_a_run_whose_last_attempt_breaks_is_announced_too(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = a_workspace()
    run = a_run(workspace, mia(workspace))
    webhook = a_listener(workspace, mia(), "run.failed")
    Job.objects.filter(pk=run.job_id).update(max_attempts=1)

    def broken(*_given: Any) -> None:
        raise RuntimeError("the cable is out")

    monkeypatch.setattr(execute, "_prepare", broken)
    run_next(queue="gpu", worker="here")
    run.refresh_from_db()
    assert "the cable is out" in run.sentence
    assert [event for event, _data in told(webhook)] == ["run.failed"]
