"""What a study found: figures with their intervals at each size, from its runs and from votes."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from annotation.domain.proportions import Share, share
from training.measured import accuracy_of, wins_against
from training.models import ModelVersion, Study, StudyRun, TrainingRun, VersionState


@dataclass(frozen=True)
class Found:
    """What is known at one size. `rows`: that the run was given, None before it began; `accuracy`:
    of held-out pairs that it orders as people did; `loss`: on the validation rows; `wins`: of
    people's votes between its model and the base, where a tie is half a win."""

    wanted: int
    run: TrainingRun
    rows: int | None
    model: ModelVersion | None
    accuracy: Share | None
    loss: float | None
    wins: Share | None


def versions_of(study: Study) -> dict[int, ModelVersion]:
    """run id -> the model it left, the smallest size first."""
    runs = StudyRun.objects.filter(study=study).values_list("run", flat=True)
    made = ModelVersion.objects.filter(run__in=runs, state=VersionState.READY)
    by_run = {version.run_id: version for version in made}
    return {run: by_run[run] for run in runs if run in by_run}


def found_in(study: Study) -> list[Found]:
    """One row for each size, the smallest first."""
    points = study.runs.select_related("run__job", "run__workspace").prefetch_related("run__data")
    versions = versions_of(study)
    held_out = study.snapshot.splits.get("validation", 0)
    names = [str(version) for version in versions.values()]
    votes = wins_against(study.workspace, str(study.base), names)
    found = []
    for point in points:
        metrics = point.run.result.get("metrics") or {}
        version = versions.get(point.run_id)
        wins, n = votes.get(str(version), (0.0, 0))
        found.append(
            Found(
                wanted=point.rows,
                run=point.run,
                rows=next((piece.rows for piece in point.run.data.all()), None),
                model=version,
                accuracy=accuracy_of(metrics, held_out),
                loss=metrics.get("eval/loss"),
                wins=share(wins, n) if n else None,
            )
        )
    return found


FIGURES = ("wins", "accuracy")


def title_of(figure: str) -> str:
    titles = {
        "wins": _("Win rate against the model it began from, by people's votes"),
        "accuracy": _("Held-out pairs in people's order"),
        "loss": _("Loss on the validation rows"),
    }
    return titles[figure]


def charts(found: list[Found]) -> list[dict[str, Any]]:
    """What elements/chart.html takes, for each figure that some size has: over the rows learned."""
    known = [each for each in found if each.rows is not None]
    x = {"label": _("Training rows"), "values": [each.rows for each in known]}
    drawn = []
    for name in FIGURES:
        shares = [getattr(each, name) for each in known]
        if any(shares):
            parts = ((_("share"), "value"), (_("95 %, from"), "low"), (_("to"), "high"))
            series = [
                {"label": label, "values": [getattr(one, part) if one else None for one in shares]}
                for label, part in parts
            ]
            drawn.append(_chart(name, x, series))
    if any(each.loss is not None for each in known):
        drawn.append(_chart("loss", x, [{"label": "loss", "values": [e.loss for e in known]}]))
    return drawn


def _chart(name: str, x: dict[str, Any], series: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": f"study-{name}", "title": title_of(name), "chart": {"x": x, "series": series}}
