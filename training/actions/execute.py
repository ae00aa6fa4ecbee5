"""Carry a run out: a run directory, a process on it, what it says into the database, its end.

An attempt works in a directory of its own. What is passed on to the next attempt, on this machine
or another, are the checkpoints in the artifact store.
"""

import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from training.actions.launch import point_to, read_data_path, start_awaiting
from training.actions.register import register_result
from training.model_imports import check_apart
from training.model_store import fetch_folder, store_folder
from training.models import Checkpoint, Outcome, Purpose, RunEvent, TrainingRun
from training.run_record import RunRecord, Stalled, forget_after
from training.snapshot_files import SnapshotDamaged, write_split
from training.snapshot_parts import write_part
from training.trainers.outcome import EXIT_CODES
from webapp import artifacts
from webapp.jobs import JobCancelled, JobFailed, Work
from webapp.jobs.models import Job
from webapp.jobs.supervise import Tail, supervise
from webapp.webhooks.actions.announce import announce
from webapp.webhooks.events import Event

GRACE_SECONDS = 60.0  # to finish a step and save, when asked to stop
SILENT_SECONDS = 3600.0  # of a phase other than training: loading the largest model, say
OUTCOMES = {code: str(outcome) for outcome, code in EXIT_CODES.items()}
KEPT_FILES = ("run.json", "inputs.json", "result.json", "events.jsonl", "log.txt")
KEPT_FOLDERS = ("adapter", "data")  # adapters; what best-of-N chose


def execute(work: Work) -> dict[str, Any]:
    """One attempt at a run; returns the job's result.

    Raises:
        JobFailed: it ended badly, with a sentence; it can be started again.
        JobCancelled: a person stopped it; what was done is kept.
    """
    run = TrainingRun.objects.select_related("workspace", "job", "created_by").get(
        pk=work.arguments["run_id"]
    )
    folder = settings.VAR_DIR / "runs" / str(run.pk) / f"attempt-{work.attempt}"
    shutil.rmtree(folder.parent, ignore_errors=True)  # of attempts that died on this machine
    folder.mkdir(parents=True)
    try:
        with work.fenced():
            TrainingRun.objects.filter(pk=run.pk).update(
                outcome="", sentence="", ended_at=None, started_at=Coalesce("started_at", Now())
            )
            announce(run.workspace, Event.RUN_STARTED, _told_of(run, attempt=work.attempt))
        _prepare(run, folder, work)
        return _train(run, folder, work)
    except JobCancelled:
        _end(run, work, Outcome.CANCELLED, _stopped_sentence(run))
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ---- before


def _prepare(run: TrainingRun, folder: Path, work: Work) -> None:
    """Write run.json with real paths, the data, and the newest checkpoint that is whole."""
    config = json.loads(json.dumps(run.config))
    for use in run.models.select_related("version"):
        assert use.version is not None, "a run is queued when its models are there"
        try:
            path = use.version.folder()
        except (OSError, ValueError) as gone:
            raise _failed(
                run,
                work,
                Outcome.BAD_INPUT,
                _("The files of %(model)s cannot be read: %(why)s")
                % {"model": use.version, "why": gone},
            ) from None
        point_to(config, use.role, str(path), use.version.sha256)
    (folder / "inputs").mkdir()
    snapshots = {use.snapshot_id: use.snapshot for use in run.data.select_related("snapshot")}
    for source in config["data"]:
        work.progress(0, None, _("Writing the data"))
        number, split, part = read_data_path(source["path"])
        snapshot, target = snapshots[number], folder / source["path"]
        try:
            if part is None:
                rows = write_split(snapshot, split, target)
            else:
                rows = write_part(snapshot, part, target)
        except (OSError, ValueError, SnapshotDamaged) as gone:
            raise _failed(
                run,
                work,
                Outcome.BAD_INPUT,
                _("The snapshot %(name)s cannot be read: %(why)s")
                % {"name": snapshot, "why": gone},
            ) from None
        if split == "train":
            with work.fenced():
                run.data.filter(role=source["role"], snapshot=snapshot).update(rows=rows)
    (folder / "run.json").write_text(json.dumps(config, indent=2))
    if run.purpose == Purpose.RUN:
        _restore(run, folder, work)


def _restore(run: TrainingRun, folder: Path, work: Work) -> None:
    """Fetch the newest checkpoint that is whole; what was said of later steps is forgotten.

    Raises:
        JobFailed: there are checkpoints, and none is whole: to begin anew in silence would throw
            the work away.
    """
    damaged: list[str] = []
    restored = -1
    for checkpoint in Checkpoint.objects.filter(run=run):
        work.progress(0, None, _("Fetching the checkpoint"))
        target = folder / "checkpoints" / f"step-{checkpoint.step}"
        target.parent.mkdir(exist_ok=True)
        try:
            fetch_folder(checkpoint.place, checkpoint.manifest, target, work.beat)
        except (FileNotFoundError, ValueError) as error:
            damaged.append(
                _("The checkpoint of step %(step)d is damaged: %(why)s")
                % {"step": checkpoint.step, "why": error}
            )
            continue
        restored = checkpoint.step
        break
    with work.fenced():
        if damaged and restored >= 0:
            RunEvent.objects.create(
                run=run,
                attempt=work.attempt,
                kind="warning",
                at=Now(),
                data={
                    "code": "checkpoint_damaged",
                    "sentence": " ".join(damaged) + " " + _("An earlier one is used."),
                },
            )
        forget_after(run, restored)
    if damaged and restored < 0:
        raise _failed(
            run,
            work,
            Outcome.BAD_INPUT,
            " ".join(damaged) + " " + _("None is left to go on from: clone the run."),
        )


# ---- the process


def _train(run: TrainingRun, folder: Path, work: Work) -> dict[str, Any]:
    command = [sys.executable, "-m", "training.trainers", str(folder)]
    preview = folder / "preview.json"
    if run.purpose == Purpose.PREVIEW:
        command += ["--dry-run", "--preview", str(preview)]
    told = RunRecord(run, work, folder)
    stalled = False
    code = 0
    try:
        ended = supervise(
            command,
            beat=told.beat,
            log=told.log,
            folder=settings.BASE_DIR,
            environment={"PYTHONPATH": str(settings.BASE_DIR)},
            events=Tail(folder / "events.jsonl"),
            on_lines=told.lines,
            grace_seconds=GRACE_SECONDS,
            stall_seconds=SILENT_SECONDS,
        )
        code, stalled = ended.code, ended.stalled
    except Stalled:
        stalled = True
    finally:
        run.log = told.log_tail()
    result = _read(preview if run.purpose == Purpose.PREVIEW else folder / "result.json")
    if stalled:
        raise _failed(
            run,
            work,
            Outcome.STALLED,
            _("It stopped moving and was ended. Look at the log; it can be resumed."),
        )
    if code:
        raise _failed(run, work, *_bad_end(code, result), result=result)
    return _succeed(run, folder, work, result)


def _bad_end(code: int, result: dict[str, Any]) -> tuple[str, str]:
    """(outcome, sentence) of an exit code that is not 0."""
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = str(number)
        sentence = _(
            "Its process was ended from outside (%(signal)s), most often for the machine's memory. "
            "Lower training.micro_batch_size or max_length, or train adapters, and resume it."
        )
        return Outcome.KILLED, sentence % {"signal": name}
    outcome = OUTCOMES.get(code, str(Outcome.CRASHED))
    said = str(result.get("sentence") or "")
    return outcome, said or _("It ended with code %(code)d. Look at the log.") % {"code": code}


def _succeed(run: TrainingRun, folder: Path, work: Work, result: dict[str, Any]) -> dict[str, Any]:
    """Register what came out; only now, and only for a run that is none of a rehearsal."""
    answer: dict[str, Any] = {"run": run.name}
    model = folder / "model"
    kept = _keep_files(run, folder, work)
    run.artifacts, run.result = kept, result
    if run.purpose == Purpose.RUN and model.is_dir():
        found = check_apart(work, model)
        if found["problems"]:
            raise _failed(run, work, Outcome.CRASHED, " ".join(found["problems"]), result=result)
        work.progress(run.step, run.total, _("Registering the model"))
        version = register_result(run=run, folder=model, work=work, facts=found["facts"])
        with work.fenced():
            start_awaiting(run, version)
        answer["model"] = str(version)
    _end(run, work, Outcome.DONE, "", result=result, artifacts=kept)
    return answer


def _keep_files(run: TrainingRun, folder: Path, work: Work) -> list[dict[str, Any]]:
    """Its record and what it made besides the model, in the store."""
    kept: list[dict[str, Any]] = []
    place = f"runs/{run.pk}/attempt-{work.attempt}/files"
    for name in KEPT_FILES:
        path = folder / name
        if path.is_file():
            with (
                artifacts.writing(
                    f"{place}/{name}", name=f"{run.name}-{name}", content_type="text/plain"
                ) as target,
                path.open("rb") as source,
            ):
                while data := source.read(1 << 20):
                    target.write(data)
            assert target.artifact is not None
            kept.append(target.artifact.as_dict())
    others = [folder / name for name in KEPT_FOLDERS]
    for other in [path for path in others if path.is_dir()]:
        for entry in store_folder(other, f"{place}/{other.name}", work.beat):
            path_in_store = f"{place}/{other.name}/{entry['file']}"
            name = f"{other.name}/{entry['file']}"
            kept.append(
                artifacts.Artifact(
                    path_in_store,
                    name,
                    entry["size"],
                    entry["sha256"],
                    "application/octet-stream",
                ).as_dict()
            )
    return kept


# ---- the end


def _end(run: TrainingRun, work: Work, outcome: str, sentence: str, **more: Any) -> None:
    with work.fenced():
        TrainingRun.objects.filter(pk=run.pk).update(
            outcome=outcome, sentence=sentence, log=run.log, ended_at=Now(), **more
        )
        if outcome != Outcome.CANCELLED:
            event = Event.RUN_FINISHED if outcome == Outcome.DONE else Event.RUN_FAILED
            told = _told_of(run, outcome=outcome, sentence=sentence)
            announce(run.workspace, event, told)


def note_lost(job: Job) -> None:
    """A run whose last worker died, or broke: what execute would have written at its end. In the
    caller's transaction."""
    run = TrainingRun.objects.select_related("workspace").filter(job=job).first()
    if run is not None:
        TrainingRun.objects.filter(pk=run.pk).update(
            outcome=Outcome.CRASHED, sentence=job.error, ended_at=Now()
        )
        told = _told_of(run, outcome=Outcome.CRASHED, sentence=job.error)
        announce(run.workspace, Event.RUN_FAILED, told)


def _told_of(run: TrainingRun, **more: Any) -> dict[str, Any]:
    """What a webhook is told of a run."""
    told = {"run": run.pk, "name": run.name, "method": run.method, "purpose": run.purpose}
    return {**told, **more}


def _failed(run: TrainingRun, work: Work, outcome: str, sentence: str, **more: Any) -> JobFailed:
    """Note how it ended, and what the job shall say."""
    _end(run, work, outcome, sentence, **more)
    return JobFailed(sentence[:480], detail=run.log)


def _stopped_sentence(run: TrainingRun) -> str:
    newest = Checkpoint.objects.filter(run=run).first()
    if newest is None:
        return _("Stopped before its first checkpoint. Started again, it begins anew.")
    return _("Stopped. Its checkpoint of step %(step)d is kept; it can go on from there.") % {
        "step": newest.step
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
