"""One throw-away PostgreSQL for a run (xdist's workers and child processes inherit its address)."""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest

FAST = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200"]


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    from tests.emptying import delete_the_few
    from webapp.database.base import Operations
    from webapp.services import postgres

    Operations.sql_flush = delete_the_few  # type: ignore[method-assign]  # in tests alone
    # Argon2 is slow on purpose; tests/webapp/test_settings.py looks at the real setting.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if "DATABASE_URL" in os.environ:  # given by the person, or inherited by a worker
        # Two workers have a run 1 each, in databases of their own: their folders must not meet.
        if worker := os.environ.get("PYTEST_XDIST_WORKER"):
            settings.VAR_DIR = settings.VAR_DIR / worker
            settings.ARTIFACTS_URL = str(settings.VAR_DIR / "artifacts")
            os.environ["ARTIFACTS_URL"] = settings.ARTIFACTS_URL
        return

    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rondo-test-")))
    socket = stack.enter_context(postgres.running(folder / "pg", "rondo", *FAST))
    # pytest-django has read the settings by now; child processes read the environment.
    settings.DATABASES["default"]["HOST"] = str(socket)
    settings.ARTIFACTS_URL = str(folder / "artifacts")
    settings.VAR_DIR = folder
    no_broker = f"redis+socket://{folder}/no-broker.sock"  # never the hints of a running ./run
    settings.CELERY_BROKER_URL = no_broker
    os.environ.update(
        DATABASE_URL=f"postgresql:///rondo?host={socket}",
        BROKER_URL=no_broker,
        ARTIFACTS_URL=str(folder / "artifacts"),
        RONDO_VAR=str(folder),
        RONDO_TESTING="true",  # the throw-away server runs without fsync
    )
