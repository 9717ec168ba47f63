"""What one attempt to reach a platform can end in, and the states of a delivery."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from waystate.channels.model import AttemptResult
from waystate.clock import iso
from waystate.dead_letters.model import DeadLetter, Pipeline
from waystate.documents import JsonObject
from waystate.errors import Reason
from waystate.ids import TenantId

ACCOUNT_MISSING = "account_missing"
"""The `code` of what cannot leave because the tenant has no such number or integration any more."""
SENDER_EXTERNAL = "sender_external"
"""The `code` of what is not sent because somebody else sends for its number or integration by now; both would be a double."""
NOT_TRIED = frozenset({ACCOUNT_MISSING, SENDER_EXTERNAL})
"""Codes of refusals of our own: no platform was asked."""


class Target(StrEnum):
    WHATSAPP = "whatsapp"
    WHATSAPP_MARK = "whatsapp_mark"
    """That a message was read, and that somebody types: said twice, it is the same."""
    GENESYS = "genesys"
    GENESYS_FILE = "genesys_file"
    """The file of a customer's message, behind it: it came too late to be in it."""
    GENESYS_RECEIPT = "genesys_receipt"
    GENESYS_LOOKUP = "genesys_lookup"
    """The question which conversation a customer's message is in over there: nothing is told by it."""


TO_WHATSAPP = frozenset({Target.WHATSAPP, Target.WHATSAPP_MARK})
"""What goes through a number: messages, and the marks that customers' messages were read."""
TO_AGENTS = frozenset({Target.GENESYS, Target.GENESYS_FILE})
"""What agents get to see, and is a dead letter where Genesys refuses it."""
ASIDE = frozenset({Target.GENESYS_FILE, Target.GENESYS_RECEIPT, Target.GENESYS_LOOKUP})
"""Of which a message's status says nothing, nor they of it."""
ANSWERED = TO_AGENTS | {Target.GENESYS_LOOKUP}
"""Whose answer can tell in which of Genesys' conversations a message is."""
YIELDING = frozenset({Target.GENESYS_RECEIPT, Target.GENESYS_LOOKUP})
"""What waits while people's messages go, where the account may not send everything; but see `PATIENCE`."""
PATIENCE = timedelta(minutes=1)
"""What yields goes before messages that are younger by more than this."""


class State(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What must reach a platform. `account` is the phone_number_id (WhatsApp) or the integration id (Genesys) it goes through.

    Deliveries of one `order_key` leave one after the other, by `position`; `request` is the rendered body, sent again as it is.
    """

    event_id: UUID
    target: Target
    message_id: UUID
    conversation_id: UUID
    account: str
    lane: int
    order_key: str
    position: int
    created_at: datetime
    request: JsonObject
    due_at: datetime | None = None
    """Not before; None: at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery whose attempt is committed as begun: from here on only its answer may settle it, or who takes its lane over.

    `epoch` is that of its lane's lease: it is sent only while that one lasts. `phone_number_id` is the conversation's number.
    `is_astray`: the phone it is for is another contact's by now. `is_outside_window`: free text that waited for too long.
    `fault`: why its file cannot be sent. `is_needless`: what it is to find out is known by now.
    """

    event_id: UUID
    target: Target
    message_id: UUID
    conversation_id: UUID
    account: str
    lane: int
    epoch: int
    attempt: int
    created_at: datetime
    request: JsonObject
    phone_number_id: str
    order_key: str = ""
    is_astray: bool = False
    is_outside_window: bool = False
    is_needless: bool = False
    fault: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A claimed delivery after its attempt. `next_attempt_at`: when it is due again (pending), or given up (unknown)."""

    claimed: Claimed
    result: AttemptResult
    state: State
    ended_at: datetime
    next_attempt_at: datetime
    hold_until: datetime | None = None


class WaitingRequests(NamedTuple):
    """How much of a target waits for an integration, and since when the oldest does."""

    tenant: TenantId
    account: str
    target: Target
    items: int
    oldest: datetime


class OpenOffer(NamedTuple):
    """A message that offers its customer something to choose from, and is not answered yet. `is_numbered`: it went as text."""

    conversation_id: UUID
    message_id: UUID
    is_numbered: bool
    at: datetime


class RefusedDelivery(BaseModel):
    """What is kept of a delivery that a platform refused; of it, only the request may be mended."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    message_id: UUID
    target: Target
    request: JsonObject


def letter_of_refused(
    *, event_id: UUID, target: Target, message_id: UUID, request: JsonObject, error: JsonObject, at: datetime, text: str
) -> DeadLetter:
    """A message that did not reach its platform must not vanish from that side unseen."""
    return DeadLetter(
        pipeline=Pipeline.DELIVERIES,
        reason=Reason.DELIVERY_FAILED,
        error_message=text,
        original_payload={
            "event_id": str(event_id),
            "target": target,
            "message_id": str(message_id),
            "request": request,
            "error": error,
            "at": iso(at),
        },
        # By the message, not the attempt: what is sent again and refused again is the same dead letter.
        origin=f"delivery:{message_id}:{target}",
    )
