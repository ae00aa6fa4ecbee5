from pathlib import Path

import pytest

from tests.training.tiny_model import write_tiny_model


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny language model, made once."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "base")
