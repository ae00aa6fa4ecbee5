"""Start a worker: Celery with the options that jobs rely on, in one place."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from webapp.jobs.models import Queue


class Command(BaseCommand):
    help = "Work on one queue until SIGTERM. A GPU worker does one job at a time."
    requires_system_checks: list[str] = []  # the new process makes its own

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", choices=Queue.values, default=Queue.DEFAULT)
        parser.add_argument("--slots", type=int, default=None, help="jobs at a time (2; 1 for gpu)")
        parser.add_argument("--loglevel", default="INFO")

    def handle(self, *args: Any, **options: Any) -> None:
        queue = str(options["queue"])
        slots = options["slots"] or (1 if queue == Queue.GPU else 2)
        os.execv(  # noqa: S606 - an argument list, no shell; signals reach Celery directly
            sys.executable,
            [
                *(sys.executable, "-m", "celery", "--app", "webapp.celery", "--quiet", "worker"),
                *("--queues", queue, "--concurrency", str(slots), "--pool", "prefork"),
                *("--hostname", f"{queue}-{os.getpid()}@%h", "--loglevel", options["loglevel"]),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ],
        )
