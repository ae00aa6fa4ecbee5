"""Studies for tests: their runs end by a stroke, as tests.training.rounds.world has it."""

from typing import Any

from tests.training.registry import a_model, frozen
from tests.training.rounds.world import trained
from training.models import DatasetSnapshot, ModelVersion, RunData, Study, TrainingRun
from training.studies.actions.start_study import start_study
from training.studies.plan import StudyPlan
from webapp.workspaces.models import Workspace


def pairs(count: int) -> list[dict[str, Any]]:
    """Preferences, two of each prompt."""
    return [
        {"prompt": f"question {n // 2}", "chosen": f"good {n}", "rejected": f"bad {n}"}
        for n in range(count)
    ]


def votes_to_learn(workspace: Workspace, by: Any, rows: int = 16) -> DatasetSnapshot:
    return frozen(workspace, by, "preference", pairs(rows), pairs(4), name=f"{rows} votes")


def a_study(
    workspace: Workspace,
    by: Any,
    *,
    base: ModelVersion | None = None,
    snapshot: DatasetSnapshot | None = None,
    sizes: tuple[int, ...] = (4, 8, 16),
    **plan: Any,
) -> Study:
    given = {"name": "budget", "method": "dpo"} | plan
    return start_study(
        workspace=workspace,
        by=by,
        plan=StudyPlan(
            base=base or a_model(workspace, by),
            snapshot=snapshot or votes_to_learn(workspace, by),
            sizes=sizes,
            **given,
        ),
    )


def trained_all(study: Study, **metrics: list[float]) -> list[ModelVersion]:
    """Every run is done; `metrics`: name with _ for / -> its value at each size."""
    made = []
    for place, point in enumerate(study.runs.select_related("run__workspace", "run__created_by")):
        made.append(trained(point.run))
        figures = {name.replace("_", "/", 1): values[place] for name, values in metrics.items()}
        TrainingRun.objects.filter(pk=point.run_id).update(result={"metrics": figures})
        RunData.objects.filter(run=point.run_id).update(rows=point.rows)
    return made
