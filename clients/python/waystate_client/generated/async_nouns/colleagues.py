"""Of `colleagues`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.calls import AsyncCaller
from waystate_client.generated import models


class AsyncColleaguesNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list(self) -> models.ColleagueList:
        """Who works here

        Those who accepted and are not disabled, by name: to whom conversations can be passed, and who is who in them.
        """
        return await self._caller.call("GET", "/v1/colleagues", models.ColleagueList)
