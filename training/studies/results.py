"""What a study found: figures with their intervals at each size, from its runs and from votes."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from annotation.domain.proportions import Share, share
from annotation.models import Comparison
from annotation.queries import current
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
    votes = _votes(study, [str(version) for version in versions.values()])
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
                accuracy=_accuracy(metrics, held_out),
                loss=metrics.get("eval/loss"),
                wins=share(wins, n) if n else None,
            )
        )
    return found


def _accuracy(metrics: dict[str, Any], held_out: int) -> Share | None:
    """The trainer's own interval where it gives one, else Wilson's over the validation rows."""
    value = metrics.get("eval/accuracy")
    if value is None or not held_out:
        return None
    low, high = metrics.get("eval/accuracy_low"), metrics.get("eval/accuracy_high")
    if low is not None and high is not None:
        return Share(value, low, high, held_out)
    return share(value * held_out, held_out)


def _votes(study: Study, models: list[str]) -> dict[str, tuple[float, int]]:
    """model -> (wins against the base, votes) of people; a tie, or both bad, is half a win."""
    base = str(study.base)
    rows = current(Comparison.objects.filter(prompt__workspace=study.workspace, source="human"))
    found: dict[str, tuple[float, int]] = {}
    for side, other in (("left", "right"), ("right", "left")):
        counted: Any = (
            rows.filter(**{f"{side}__generator__in": models, f"{other}__generator": base})
            .order_by()
            .values(f"{side}__generator")
            .annotate(
                n=Count("pk"),
                wins=Count("pk", filter=Q(choice=side)),
                ties=Count("pk", filter=Q(choice__in=("tie", "both_bad"))),
            )
        )
        for row in counted:
            name = row[f"{side}__generator"]
            wins, n = found.get(name, (0.0, 0))
            found[name] = (wins + row["wins"] + row["ties"] / 2, n + row["n"])
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
