"""Work on the gpu queue. torch is loaded in subprocesses only, never in a worker."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from training import model_imports, model_merges
from training.actions.execute import execute, note_lost
from training.actions.export_snapshot import write_export
from training.actions.push_model import carry_out
from training.actions.sample import store_answers
from training.factory import tasks as factory  # noqa: F401 - registers the jobs of the wizards
from training.generate.serve import counts, generate, serve
from training.models import Batch, DatasetSnapshot, HubPush, Scoring, SnapshotExport
from training.prompt_maps import drawing
from training.prompt_maps.actions import start_map
from training.rounds import tasks as rounds  # noqa: F401 - registers the job of a round
from training.scoring.job import score_answers
from training.scoring.screen import screen_of
from webapp.artifacts import safe_join
from webapp.jobs import JobFailed, Work, job_kind
from webapp.jobs.models import Job, Queue
from webapp.jobs.supervise import Tail

STALL_SECONDS = 180.0  # importing torch on a loaded machine takes a minute


@job_kind("gpu probe", label=gettext_lazy("GPU measurement"), queue=Queue.GPU, max_attempts=1)
def probe_gpu(work: Work) -> dict[str, Any]:
    """Ask torch, in a process of its own, what it computes on and how fast."""
    work.progress(0, None, _("Loading PyTorch and multiplying matrices"))
    lines: list[bytes] = []
    with tempfile.TemporaryDirectory(prefix="rondo-probe-") as name:
        folder = Path(name)
        log = folder / "log"
        ended = work.supervise(
            [sys.executable, "-m", "training.trainers.probe", str(folder / "events.jsonl")],
            folder=settings.BASE_DIR,
            log=log,
            events=Tail(folder / "events.jsonl"),
            on_lines=lines.extend,
            stall_seconds=STALL_SECONDS,
        )
        said = log.read_text(errors="replace")
    if ended.code or not lines:
        raise JobFailed(
            _("PyTorch could not be asked: its process ended with code %(code)s.")
            % {"code": ended.code},
            detail=said,
        )
    result: dict[str, Any] = json.loads(lines[-1])
    return result


@job_kind(
    "answer", label=gettext_lazy("Answers for people who wait"), max_attempts=3, resumable=True
)
def answer(work: Work) -> dict[str, Any]:
    """Asks services; begun and ended by training.actions.ask."""
    return serve(work)


@job_kind(
    "answer with models",
    label=gettext_lazy("Answers of registered models"),
    queue=Queue.GPU,
    max_attempts=3,
    resumable=True,
)
def answer_with_models(work: Work) -> dict[str, Any]:
    """Keeps registered models loaded while people ask them."""
    return serve(work)


def _page(route: str, argument: str) -> Callable[[Job], str | None]:
    """The page of what a job works on, by the argument that holds its id."""

    def page(job: Job) -> str | None:
        found = job.arguments.get(argument)
        if job.workspace is None or found is None:
            return None
        return reverse(f"training:{route}", args=[job.workspace.slug, found])

    return page


@job_kind(
    "sample",
    label=gettext_lazy("Sampling answers"),
    max_attempts=5,
    resumable=True,
    page=_page("sampling", "batch"),
)
def sample(work: Work) -> dict[str, Any]:
    """Answers of services, and recorded ones."""
    return _sample(work)


def _sample(work: Work) -> dict[str, Any]:
    """Ask every request of a batch and keep the answers as completions."""
    batch = Batch.objects.get(pk=work.arguments["batch"])

    def keep() -> None:
        stored = True
        while stored:
            with work.fenced():
                stored = bool(store_answers(batch=batch))

    try:
        generate(work, batch, keep=keep)
    finally:
        keep()
    return counts(batch)


@job_kind(
    "sample with models",
    label=gettext_lazy("Sampling answers"),
    queue=Queue.GPU,
    max_attempts=5,
    resumable=True,
    page=_page("sampling", "batch"),
)
def sample_with_models(work: Work) -> dict[str, Any]:
    """The same, where weights have to be loaded."""
    return _sample(work)


def _page_of_snapshot(job: Job) -> str | None:
    snapshot = job.arguments.get("snapshot_id")
    if snapshot is None:
        found = SnapshotExport.objects.filter(pk=job.arguments.get("export_id"))
        snapshot = found.values_list("snapshot_id", flat=True).first()
    if snapshot is None or job.workspace is None:
        return None
    return reverse("training:snapshot", args=[job.workspace.slug, snapshot])


@job_kind("snapshot", label=gettext_lazy("Snapshot"), max_attempts=3, page=_page_of_snapshot)
def freeze(work: Work) -> dict[str, Any]:
    """Write a snapshot's file, card and ids; it is ready with all of them or with none."""
    return _freeze(work)


@job_kind(
    "screened snapshot",
    label=gettext_lazy("Snapshot with a reward model as filter"),
    queue=Queue.GPU,
    max_attempts=3,
    resumable=True,
    page=_page_of_snapshot,
)
def freeze_screened(work: Work) -> dict[str, Any]:
    """The same, once a reward model has scored the rows."""
    return _freeze(work)


def _freeze(work: Work) -> dict[str, Any]:
    # Here and not above: they load numpy.
    from training.actions.write_snapshot import LeakReport, pick_of, write_snapshot
    from training.scoring.screen_rows import screen_rows

    found = DatasetSnapshot.objects.select_related("workspace", "screened_by")
    snapshot = found.filter(pk=work.arguments["snapshot_id"]).first()
    if snapshot is None:
        raise JobFailed(_("The snapshot was deleted."))
    if not snapshot.ready:
        attempt = f"attempt-{work.job.pk}-{work.attempt}"
        path = safe_join("snapshots", str(snapshot.pk), attempt, "data.jsonl.zst")
        try:
            screen, screened = screen_of(snapshot), None
            if screen is not None:
                guard = LeakReport().guard(snapshot.workspace)
                screened = screen_rows(work, pick_of(snapshot), screen, guard)
            with work.fenced():
                write_snapshot(
                    snapshot=snapshot,
                    path=path,
                    screened=screened,
                    beat=lambda rows: work.progress(rows, None, _("Writing rows")),
                )
        except ValidationError as refused:
            raise JobFailed(" ".join(refused.messages)) from refused
    return {"rows": snapshot.rows, "sha256": snapshot.sha256}


@job_kind("snapshot export", label=gettext_lazy("Export of a snapshot"), page=_page_of_snapshot)
def export(work: Work) -> dict[str, Any]:
    """A snapshot's rows as another kind of file."""
    found = SnapshotExport.objects.select_related("snapshot__workspace")
    asked = found.filter(pk=work.arguments["export_id"]).first()
    if asked is None:
        raise JobFailed(_("The snapshot was deleted."))
    attempt = f"attempt-{work.job.pk}-{work.attempt}"
    path = safe_join("snapshots", str(asked.snapshot_id), attempt, f"{asked.pk}.export")
    work.progress(0, None, _("Writing the file"))
    try:
        with work.fenced():
            write_export(export=asked, path=path, beat=work.beat)
    except ValidationError as refused:
        raise JobFailed(" ".join(refused.messages)) from refused
    return {"artifact": asked.artifact, "left out": asked.skipped}


@job_kind("import model", label=gettext_lazy("Import of a model"), page=_page("model", "model_id"))
def import_model(work: Work) -> dict[str, Any]:
    """Fetch or unpack a model's files, check them apart, and register them."""
    return model_imports.import_model(work)


@job_kind(
    "merge adapter",
    label=gettext_lazy("Adapter merged into its base"),
    queue=Queue.GPU,
    max_attempts=2,
    page=_page("model", "model_id"),
)
def merge_adapter(work: Work) -> dict[str, Any]:
    """A whole model of an adapter and its base."""
    return model_merges.merge(work)


def _page_of_push(job: Job) -> str | None:
    push = HubPush.objects.filter(pk=job.arguments.get("push_id")).first()
    if push is None or job.workspace is None:
        return None
    return reverse("training:model", args=[job.workspace.slug, push.version_id])


@job_kind("push model", label=gettext_lazy("Push of a model to a hub"), page=_page_of_push)
def push(work: Work) -> dict[str, Any]:
    """Upload a registered model's files where somebody asked for it."""
    return carry_out(work)


@job_kind(
    "train",
    label=gettext_lazy("Training run"),
    queue=Queue.GPU,
    max_attempts=4,
    resumable=True,
    page=_page("run", "run_id"),
    given_up=note_lost,
)
def train(work: Work) -> dict[str, Any]:
    """Carry a run out; another attempt goes on from its newest checkpoint."""
    return execute(work)


@job_kind(
    "rehearse training",
    label=gettext_lazy("Rehearsal of a run"),
    queue=Queue.GPU,
    max_attempts=2,
    page=_page("run", "run_id"),
    given_up=note_lost,
)
def rehearse(work: Work) -> dict[str, Any]:
    """The first batch and estimates, or one step of everything; nothing is registered."""
    return execute(work)


def _page_of_scoring(job: Job) -> str | None:
    scoring = Scoring.objects.filter(pk=job.arguments.get("scoring_id")).first()
    if scoring is None or job.workspace is None:
        return None
    if scoring.batch_id is not None:
        return reverse("training:sampling", args=[job.workspace.slug, scoring.batch_id])
    return reverse("training:trial", args=[job.workspace.slug, scoring.trial_id])


@job_kind(
    "score answers",
    label=gettext_lazy("Scores of a reward model"),
    queue=Queue.GPU,
    max_attempts=3,
    resumable=True,
    page=_page_of_scoring,
)
def score_with_reward_model(work: Work) -> dict[str, Any]:
    """A reward model reads the answers of a sampling or of a trial."""
    return score_answers(work)


@job_kind(
    "held-out scores",
    label=gettext_lazy("Held-out scores"),
    max_attempts=3,
    resumable=True,
    page=_page("over_optimisation", "run_id"),
)
def judge_held_out(work: Work) -> dict[str, Any]:
    """A service rates answers of a run that it has no part in."""
    return _score_held_out(work)


@job_kind(
    "held-out scores of models",
    label=gettext_lazy("Held-out scores"),
    queue=Queue.GPU,
    max_attempts=3,
    resumable=True,
    page=_page("over_optimisation", "run_id"),
)
def score_held_out_with_models(work: Work) -> dict[str, Any]:
    """The same by weights of our own."""
    return _score_held_out(work)


@job_kind(
    start_map.KIND,
    label=gettext_lazy("Map of prompts"),
    max_attempts=3,
    resumable=True,
    page=_page("prompt_map", "map_id"),
)
def draw_prompt_map(work: Work) -> dict[str, Any]:
    """With vectors of single tokens."""
    return drawing.draw_map(work)


@job_kind(
    start_map.KIND_WITH_WEIGHTS,
    label=gettext_lazy("Map of prompts"),
    queue=Queue.GPU,
    max_attempts=3,
    resumable=True,
    page=_page("prompt_map", "map_id"),
)
def draw_prompt_map_with_models(work: Work) -> dict[str, Any]:
    """The same, where weights have to be loaded."""
    return drawing.draw_map(work)


def _score_held_out(work: Work) -> dict[str, Any]:
    # Here and not above: scipy holds 67 MB, and most workers that know the kind never score.
    from training.held_out.score import score_held_out

    return score_held_out(work)
