from collections.abc import Iterator
from typing import Any

import pytest

from tests.training.generate.a_service import Service


@pytest.fixture
def service(settings: Any) -> Iterator[Service]:
    """A server of ours that the operator allows, and jobs that end when nobody waits."""
    settings.MODELS_WARM_SECONDS = 0
    with Service() as found:
        settings.OUTBOUND_ALLOWED_HOSTS = [found.host]
        yield found
