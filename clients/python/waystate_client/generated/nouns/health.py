"""Of `health`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.calls import Caller
from waystate_client.generated import models


class HealthNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def get(self) -> models.HealthReport:
        """Health of every part

        503: the database does not answer.
        """
        return self._caller.call("GET", "/health", models.HealthReport)

    def get_liveness(self) -> models.Alive:
        """Does the process run?"""
        return self._caller.call("GET", "/health/live", models.Alive)

    def get_readiness(self) -> models.HealthReport:
        """May traffic come here?

        503: the database does not answer, or the process is starting or stopping.
        """
        return self._caller.call("GET", "/health/ready", models.HealthReport)
