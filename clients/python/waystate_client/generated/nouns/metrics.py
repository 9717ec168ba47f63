"""Of `metrics`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.calls import Caller


class MetricsNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def get(self) -> str:
        """Prometheus metrics"""
        return self._caller.call("GET", "/metrics", str)
