import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import Rondo, a_rondo


@pytest.fixture(scope="session")
def world(django_db_blocker: Any) -> Iterator[Rondo]:
    # Not below pytest's own folder: another run of pytest tidies that up while we are at work.
    with (
        tempfile.TemporaryDirectory(prefix="rondo-fault-") as folder,
        django_db_blocker.unblock(),
        a_rondo(Path(folder)) as rondo,
    ):
        yield rondo


@pytest.fixture
def rondo(world: Rondo) -> Iterator[Rondo]:
    """A Rondo in which nothing runs yet; whatever a test starts ends with it."""
    world.clean()
    yield world
    world.check()
    world.end_processes()
