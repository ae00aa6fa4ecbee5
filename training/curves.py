"""A run's figures as curves: thinned by the database, so that a million points make one page."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from training.models import TrainingRun
from training.trainers.metrics import METRICS

MOST_POINTS = 600  # of one curve; more than a screen has pixels for
BUCKETS = MOST_POINTS // 2

# Of each bucket of steps the lowest and the highest figure stay, so that no spike is lost. A curve
# that is short keeps everything: then each bucket holds one step.
THINNED = """
WITH bounds AS (
    SELECT run_id, name, min(step) AS first, max(step) AS last
    FROM training_runmetric
    WHERE run_id = ANY(%(runs)s) AND step > %(after)s AND step <= %(until)s
      AND (cardinality(%(names)s::text[]) = 0 OR name = ANY(%(names)s))
    GROUP BY run_id, name
), placed AS (
    SELECT metric.run_id, metric.name, metric.step, metric.value,
           (metric.step - bounds.first) * %(buckets)s
               / greatest(bounds.last - bounds.first + 1, %(buckets)s) AS bucket
    FROM training_runmetric metric JOIN bounds USING (run_id, name)
    WHERE metric.step > %(after)s AND metric.step <= %(until)s
), edges AS (
    SELECT run_id, name, bucket,
           (array_agg(step ORDER BY value ASC NULLS LAST, step))[1] AS low,
           (array_agg(step ORDER BY value DESC NULLS LAST, step))[1] AS high,
           max(step) AS newest
    FROM placed GROUP BY run_id, name, bucket
)
SELECT placed.run_id, placed.name, placed.step, placed.value
FROM placed JOIN edges USING (run_id, name, bucket)
WHERE placed.step IN (edges.low, edges.high)
   OR (placed.step = edges.newest AND edges.newest = (
        SELECT bounds.last FROM bounds
        WHERE bounds.run_id = placed.run_id AND bounds.name = placed.name))
ORDER BY placed.name, placed.step
"""
FURTHEST = 2**62
MEANINGS = {metric.name: metric for metric in METRICS}
# What a method makes better, and what only tells how it goes.
OBJECTIVES = (
    "loss",
    "token_accuracy",
    "reward/accuracy",
    "reward/margin",
    "dpo/accuracy",
    "dpo/margin",
    "objective/rlhf_reward",
    "objective/scores",
    "objective/kl",
    "objective/entropy",
    "response/length",
    "response/eos_rate",
    "policy/loss",
    "value/loss",
)

Points = dict[tuple[int, str], list[tuple[int, float | None]]]


def points(
    runs: Iterable[int], names: Sequence[str] = (), *, after: int = -1, until: int = FURTHEST
) -> Points:
    """(run, name) -> [(step, value)], thinned to MOST_POINTS each; one query."""
    found: Points = defaultdict(list)
    values: dict[str, Any] = {
        "runs": list(runs),
        "names": list(names),
        "after": after,
        "until": until,
        "buckets": BUCKETS,
    }
    with connection.cursor() as cursor:
        cursor.execute(THINNED, values)
        for run, name, step, value in cursor.fetchall():
            found[run, name].append((step, value))
    return found


def chart(series: Sequence[tuple[str, list[tuple[int, float | None]]]], label: str) -> Any:
    """What elements/chart.html takes: one x for all series, gaps where one has no figure."""
    steps = sorted({step for _name, line in series for step, _value in line})
    found = []
    for name, line in series:
        at = dict(line)
        found.append({"label": name, "values": [at.get(step) for step in steps]})
    return {"x": {"label": label, "values": steps}, "series": found}


def ordered(names: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """Names of figures as (objective, evaluation, others), each in the order of the docs."""
    known = set(names)
    objective = [name for name in OBJECTIVES if name in known]
    evaluation = sorted(name for name in known if name.startswith("eval/"))
    others = sorted(known - {*objective, *evaluation})
    return objective, evaluation, others


def names_of(runs: Iterable[TrainingRun]) -> list[str]:
    """Every figure that these runs logged, by steps through the index and not through all rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE found AS (
                (SELECT run_id, name FROM training_runmetric
                 WHERE run_id = ANY(%(runs)s) ORDER BY run_id, name LIMIT 1)
                UNION ALL
                SELECT next.run_id, next.name FROM found, LATERAL (
                    SELECT run_id, name FROM training_runmetric
                    WHERE run_id = ANY(%(runs)s) AND (run_id, name) > (found.run_id, found.name)
                    ORDER BY run_id, name LIMIT 1) next
            ) SELECT DISTINCT name FROM found ORDER BY name
            """,
            {"runs": [run.pk for run in runs]},
        )
        return [row[0] for row in cursor.fetchall()]


def meaning(name: str) -> str:
    metric = MEANINGS.get(name)
    if metric is None:
        return ""
    unit = "" if metric.unit == "-" else f" ({metric.unit})"
    return f"{metric.meaning}{unit}"
