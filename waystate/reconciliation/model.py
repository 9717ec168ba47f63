"""When Genesys is asked about a conversation, and what of its answer is new here. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

BEAT = timedelta(seconds=5)
"""Between two signs that somebody of the installation is there and can write."""
ABSENT = timedelta(seconds=20)
"""So long without a sign, and Genesys may have given messages up: five tries, 5 seconds apart, last 25 seconds at the least.
https://developer.genesys.cloud/commdigital/digital/openmessaging/validate"""
SETTLED = timedelta(minutes=3)
"""What was written so long ago Genesys tries to hand over no more: after 85 seconds it gives up."""
RANGE = timedelta(days=3)
"""Of older messages nobody waits for an answer: they are not looked for."""
AGAIN = 6
"""A conversation that stays silent is asked about again after so many times `settings.genesys_silence`."""
GONE = 3
"""Genesys says so often that it has no such conversation, and it is closed here."""
SHARE = 20
"""One in so many of an OAuth client's requests may be a question; the rest is the messages'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questioned:
    """A conversation that Genesys is to be asked about; `unknown`: how often in a row it had none."""

    id: UUID
    contact_id: UUID
    phone_number_id: str
    wa_id: str | None
    genesys_conversation_id: str
    known_since: datetime
    unknown: int
    is_open: bool


def to_look_for(said: Mapping[str, datetime], conversation: Questioned, now: datetime) -> list[str]:
    """Ids of those messages that must have come by now: written since the conversation is known here, and not long ago."""
    since = max(conversation.known_since, now - RANGE)
    return [name for name, at in said.items() if since <= at <= now - SETTLED]
