from tests.unit.channels.conftest import corpus

__all__ = ["corpus"]
