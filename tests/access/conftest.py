from collections.abc import Iterator
from typing import Any

import pytest

from tests.access.world import World, build, rolled_back


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Built once for a module; each test, marked django_db, is a savepoint inside."""
    with django_db_blocker.unblock(), rolled_back():
        yield build()
