"""Examinations of what must always be true, in whatever way the processes ended.

Each is a function that returns sentences: what is wrong and what to do; none means all is well. The
command `manage.py doctor` runs them all, and the fault tests run it after every fault. Other rooms
add theirs in their AppConfig.ready():

    examination("jobs")(census)
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

Examination = Callable[[], list[str]]
LARGEST_SKEW_SECONDS = 60
LEAST_FREE_BYTES = 500_000_000

_examinations: dict[str, Examination] = {}


@dataclass(frozen=True)
class Finding:
    title: str
    sentences: list[str]


def examination(title: str) -> Callable[[Examination], Examination]:
    """Register a function under the title that the report shows."""

    def register(function: Examination) -> Examination:
        _examinations[title] = function
        return function

    return register


def examine() -> list[Finding]:
    """Run every examination. One that itself fails is a finding, not an end."""
    return list(findings())


def count() -> int:
    return len(_examinations)


def findings() -> Iterator[Finding]:
    """Run the examinations one by one, as they are asked for."""
    for title, function in _examinations.items():
        try:
            yield Finding(title, function())
        except DatabaseError as error:
            connection.close()
            sentence = f"Could not be examined: {' '.join(str(error).split())[:300]}"
            yield Finding(title, [sentence])


@examination("database")
def database() -> list[str]:
    found = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    return [f"{message.msg} {message.hint or ''}".strip() for message in found]


@examination("tables")
def tables() -> list[str]:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    sentences = []
    if waiting:
        sentences.append(f"{len(waiting)} migrations wait. Apply them: python manage.py migrate")
    unknown = set(executor.loader.applied_migrations) - set(executor.loader.disk_migrations)
    if unknown:
        names = ", ".join(f"{app}.{name}" for app, name in sorted(unknown)[:5])
        sentence = f"The database was migrated by a newer Rondo ({names}). Upgrade this one."
        sentences.append(sentence)
    return sentences


@examination("indexes and constraints")
def indexes_and_constraints() -> list[str]:
    """An interrupted CREATE INDEX CONCURRENTLY or NOT VALID leaves a rule that does not hold."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
            " AND indrelid::regclass::text NOT LIKE 'pg_%'"
        )
        broken = [f"The index {name} is not valid. REINDEX INDEX {name};" for (name,) in cursor]
        cursor.execute(
            "SELECT conname, conrelid::regclass::text FROM pg_constraint WHERE NOT convalidated"
        )
        broken += [
            f"The constraint {name} of {table} was never checked against the rows there."
            f" ALTER TABLE {table} VALIDATE CONSTRAINT {name};"
            for name, table in cursor
        ]
    return broken


@examination("administrators")
def administrators() -> list[str]:
    from webapp.accounts.models import User

    if User.objects.filter(is_site_admin=True, is_active=True).exists():
        return []
    if not User.objects.exists():
        return []  # nobody has started Rondo yet
    return ["Nobody is an active site administrator. Make one: python manage.py create_admin"]


@examination("clock")
def clock() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        theirs = float(cursor.fetchone()[0])
    apart = time.time() - theirs
    if abs(apart) <= LARGEST_SKEW_SECONDS:
        return []
    return [f"This host's clock is {apart:+.0f} s from the database's. Run a time service (NTP)."]


@examination("artifacts")
def artifacts() -> list[str]:
    from webapp.checks import artifacts_can_be_written

    sentences = [f"{m.msg} {m.hint or ''}".strip() for m in artifacts_can_be_written(None)]
    place = settings.ARTIFACTS_URL
    if not sentences and ("://" not in place or place.startswith("file://")):
        free = shutil.disk_usage(Path(place.removeprefix("file://"))).free
        if free < LEAST_FREE_BYTES:
            sentences.append(f"The disk of {place} has {free // 1_000_000} MB left. Free some.")
    return sentences
