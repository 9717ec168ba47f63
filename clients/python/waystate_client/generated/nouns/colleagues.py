"""Of `colleagues`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from waystate_client.calls import Caller
from waystate_client.generated import models


class ColleaguesNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def list(self) -> models.ColleagueList:
        """Who works here

        Those who accepted and are not disabled, by name: to whom conversations can be passed, and who is who in them.
        """
        return self._caller.call("GET", "/v1/colleagues", models.ColleagueList)
