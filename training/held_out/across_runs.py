"""The same question over several runs: which got more of the proxy than of the real thing."""

from dataclasses import dataclass

from django.db.models import Q

from training.held_out.queries import Held, OverOptimisation
from training.models import TrainingRun

MOST_RUNS = 12


@dataclass(frozen=True)
class Across:
    """One run under one scorer. Means of the last window, the best held-out mean before it."""

    run: TrainingRun
    held: Held
    kl: float | None
    proxy: float | None
    last: float | None
    best: float | None
    best_step: int | None


def across_runs(found: OverOptimisation) -> list[tuple[str, list[Across]]]:
    """scorer -> this run and others that it scored, the newest first; only where there are others.

    People's campaigns are of one run each, so they compare nothing.
    """
    tables = []
    for held in found.held:
        scorer = _scorer(held)
        if not scorer:
            continue
        others = (
            TrainingRun.objects.filter(scorer, workspace=found.run.workspace)
            .exclude(pk=found.run.pk)
            .select_related("workspace")
            .order_by("-pk")[: MOST_RUNS - 1]
        )
        rows = [_row(found, held)]
        for run in others:
            other = OverOptimisation(run)
            rows += [_row(other, h) for h in other.held if _scorer(h) == scorer]
        if len(rows) > 1:
            tables.append((str(held.measure), rows))
    return tables


def _scorer(held: Held) -> Q:
    """Runs that the same model scored; empty for people."""
    measure = held.measure
    if measure.reward_id:
        return Q(measures__reward=measure.reward_id)
    return Q(measures__endpoint=measure.endpoint_id) if measure.endpoint_id else Q()


def _row(found: OverOptimisation, held: Held) -> Across:
    windows = held.verdict.windows
    kl = [value for _step, value in found.kl() if value is not None]
    best = max(windows, key=lambda window: window.held_out.value, default=None)
    return Across(
        found.run,
        held,
        kl[-1] if kl else None,
        windows[-1].proxy.value if windows else None,
        windows[-1].held_out.value if windows else None,
        best.held_out.value if best else None,
        best.last if best else None,
    )
