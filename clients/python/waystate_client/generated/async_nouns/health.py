"""Of `health`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.calls import AsyncCaller
from waystate_client.generated import models


class AsyncHealthNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get(self) -> models.HealthReport:
        """Health of every part

        503: the database does not answer.
        """
        return await self._caller.call("GET", "/health", models.HealthReport)

    async def get_liveness(self) -> models.Alive:
        """Does the process run?"""
        return await self._caller.call("GET", "/health/live", models.Alive)

    async def get_readiness(self) -> models.HealthReport:
        """May traffic come here?

        503: the database does not answer, or the process is starting or stopping.
        """
        return await self._caller.call("GET", "/health/ready", models.HealthReport)
