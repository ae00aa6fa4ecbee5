"""A worker says that it is there, and that it goes."""

from typing import Protocol

from django.db import connection
from django.db.models.functions import Now

from webapp.jobs.models import Worker


class Introduction(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def slots(self) -> int: ...
    @property
    def gpu(self) -> str: ...


# Said every few seconds, so one statement; it also brings back a row that somebody removed.
SEEN = """
INSERT INTO jobs_worker (name, queue, host, pid, slots, gpu, refused)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE
SET seen_at = statement_timestamp(), refused = EXCLUDED.refused, stopped_at = NULL
"""


def register_worker(me: Introduction, refused: int = 0) -> None:
    """Make the worker's row or renew its `seen_at`."""
    with connection.cursor() as cursor:
        cursor.execute(SEEN, [me.name, me.queue, me.host, me.pid, me.slots, me.gpu, refused])


def worker_left(name: str) -> None:
    Worker.objects.filter(name=name).update(stopped_at=Now())
