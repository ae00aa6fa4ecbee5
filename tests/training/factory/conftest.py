from tests.training.generate.conftest import service

__all__ = ["service"]
