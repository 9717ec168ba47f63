"""What of the far sides' rules a run can switch or set, at its start and while it runs."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PlatformRules(BaseModel):
    """By default those of WhatsApp, and agents at Genesys who answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: bool = True
    """Free text goes only to who wrote here in the last 24 hours. Off for a test that writes as the customers itself."""
    known_messages: bool = True
    """A reaction or a read mark needs a message that passed here. Off for the same tests."""
    agents: bool = True
    """Agents answer what customers write, and so hold their conversations. Off: nobody does, and a service may write."""
    pair_interval: Annotated[float, Field(ge=0)] = 6.0
    """Seconds in which one message may go to the same customer; 0: no limit."""
    pair_burst: Annotated[int, Field(ge=1)] = 45
    """Messages to one customer that may go at once, to be waited for afterwards."""
    messages_per_second: Annotated[float, Field(gt=0)] = 80.0
    """Of the number, to all customers; 1,000 when Meta has raised it."""
    free_tier: Annotated[int, Field(ge=0)] = 1000
    """Service messages a month that cost nothing."""


class RulesInForce:
    """The rules of a world; `now` is replaced as a whole."""

    def __init__(self, rules: PlatformRules) -> None:
        self.now = rules
