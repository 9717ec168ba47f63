"""Of `credential`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.calls import AsyncCaller
from waystate_client.generated import models


class AsyncCredentialNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def get(self) -> models.CredentialAnswer:
        """Whose credential this is, and what it may do

        For a program that is given a key: its tenant, its scopes, its end. It takes no scope. People ask GET /v1/me.
        """
        return await self._caller.call("GET", "/v1/credential", models.CredentialAnswer)
