"""Who judged what a model learned from: people, models (RLAIF), or a rule that stands in for them.

A snapshot counts its rows by it when it is frozen; a model's answer follows from its runs and from
those of every model that it came from, because a policy learns what its reward model was taught.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from annotation.models import Source
from training.models import DatasetSnapshot, ModelVersion, Parentage, RunData, TrainingRun

DEPTH = 12  # generations
PREFERENCES = ("preference", "unpaired")  # the kinds that hold somebody's judgement


def judged_by(snapshots: Iterable[DatasetSnapshot]) -> dict[str, int]:
    """Rows of preferences by human, judge and simulated; empty where none was counted."""
    found: Counter[str] = Counter()
    for snapshot in snapshots:
        if snapshot.kind in PREFERENCES:
            found.update(snapshot.counts.get("judged_by") or {})
    return {source: found[source] for source in Source.values if found[source]}


def judged_for_run(run: TrainingRun) -> dict[str, int]:
    """The same of what a run learns from: its own data, and what its models had learned."""
    data = [piece.snapshot for piece in run.data.select_related("snapshot__screened_by")]
    used = [use.version for use in run.models.select_related("version") if use.version is not None]
    return _judged_for([*used, *_screens(data)], {each.pk: each for each in data})


def judged_for(version: ModelVersion) -> dict[str, int]:
    """The same of everything that a model, and those before it, learned from."""
    return _judged_for([version], {})


def _screens(snapshots: Iterable[DatasetSnapshot]) -> list[ModelVersion]:
    return [each.screened_by for each in snapshots if each.screened_by is not None]


def _judged_for(
    versions: Iterable[ModelVersion], snapshots: dict[int, DatasetSnapshot]
) -> dict[str, int]:
    """Each snapshot counts once. Two queries for each generation."""
    seen: set[int] = set()
    waiting = {version.pk: version.run_id for version in versions}
    for _generation in range(DEPTH):
        seen |= set(waiting)
        pieces = RunData.objects.filter(run__in=[run for run in waiting.values() if run])
        parents: dict[int, int | None] = {}
        for piece in pieces.select_related("snapshot__screened_by"):
            snapshots[piece.snapshot_id] = piece.snapshot
            parents.update((each.pk, each.run_id) for each in _screens([piece.snapshot]))
        tied = Parentage.objects.filter(child__in=waiting)
        parents.update(tied.values_list("parent", "parent__run"))
        waiting = {pk: run for pk, run in parents.items() if pk not in seen}
        if not waiting:
            break
    return judged_by(snapshots.values())


def in_words(found: Mapping[str, int]) -> str:
    """Rows by who judged them: "people 1,200, models (RLAIF) 300". "" where nothing is known."""
    words: dict[str, str] = {
        Source.HUMAN: _("people %s"),
        Source.JUDGE: _("models (RLAIF) %s"),
        Source.SIMULATED: _("a simulated annotator %s"),
    }
    return ", ".join(words[source] % f"{rows:,}" for source, rows in found.items())
