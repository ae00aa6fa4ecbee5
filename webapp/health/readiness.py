"""Is this process able to serve pages, and is somebody there to do the jobs?"""

from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

SEEN_SECONDS = 60  # a worker that has not reported for so long counts as absent


@dataclass(frozen=True)
class Readiness:
    """`problems` keep a load balancer away; `warnings` are for people."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    workers: dict[str, int] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        return {
            "status": "ready" if self.is_ready else "not ready",
            "problems": self.problems,
            "warnings": self.warnings,
            "workers": self.workers,
        }


class _Migrations:
    """Once applied they stay applied; reading all of them for each probe would be waste."""

    applied = False


def readiness() -> Readiness:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _Migrations.applied:
            executor = MigrationExecutor(connection)
            waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
            if waiting:
                count = len(waiting)
                sentence = f"{count} migrations wait to be applied: python manage.py migrate"
                return Readiness(problems=[sentence])
            _Migrations.applied = True
        workers = workers_seen()
    except DatabaseError:
        return Readiness(problems=["The database does not answer."])
    absent = [queue for queue, count in workers.items() if not count]
    warnings = [f"No {_title(queue)} has reported for {SEEN_SECONDS} s." for queue in absent]
    return Readiness(warnings=warnings, workers=workers)


def workers_seen() -> dict[str, int]:
    """How many processes look after each queue now, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queue, count(*) FROM jobs_worker WHERE stopped_at IS NULL"
            " AND seen_at > now() - make_interval(secs => %s) GROUP BY queue",
            [SEEN_SECONDS],
        )
        return {"default": 0, "gpu": 0, "reconciler": 0} | dict(cursor.fetchall())


def _title(queue: str) -> str:
    return queue if queue == "reconciler" else f"worker for queue {queue}"
