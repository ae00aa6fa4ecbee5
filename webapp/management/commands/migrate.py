"""Django's migrate, one at a time: two starts at once must not run the same migration twice."""

import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as Migrate
from django.db import connections

LOCK = 0x526F6E646F02  # one number for all of Rondo's installations in one database
PATIENCE_SECONDS = 600


class Command(Migrate):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            self._wait_for_our_turn(cursor)
            # Rewriting a table may take longer than any page may wait.
            cursor.execute("SET statement_timeout = 0")
        try:
            super().handle(*args, **options)
        finally:
            connection.close()  # gives the lock back and the limits too

    def _wait_for_our_turn(self, cursor: Any) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        told = False
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            if cursor.fetchone()[0]:
                return
            if not told:
                self.stderr.write("Another process is migrating this database; waiting for it ...")
                told = True
            if time.monotonic() > deadline:
                raise CommandError(
                    f"Another process has been migrating this database for {PATIENCE_SECONDS} s."
                    " See pg_stat_activity for what it waits on."
                )
            time.sleep(0.5)
