"""A queue's message on its way, and what becomes of those that cannot be used. Pure."""

from dataclasses import dataclass

from waystate.broker.consumer import QueueMessage
from waystate.broker.publisher import Outgoing
from waystate.broker.topology import DEAD_LETTERS
from waystate.db.failures import is_unstorable
from waystate.dead_letters.model import DeadLetter
from waystate.documents import JsonObject, clean_text
from waystate.errors import Reason, Rejected
from waystate.events.model import OutboundRefused
from waystate.pipeline.items import FROM_QUEUE, PIPELINES, Item

TENANT_HEADER = "x-tenant-id"
_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message with what it says, or why that cannot be used."""

    delivery: QueueMessage
    document: JsonObject
    item: Item | Rejected

    @property
    def origin(self) -> str:
        return origin_of(self.delivery)


def origin_of(delivery: QueueMessage) -> str:
    return f"{FROM_QUEUE}{delivery.queue}:{clean_text(delivery.id[:_LONGEST_ID])}"


def letter_of(kind: str, decoded: Decoded, error: Exception | OutboundRefused) -> DeadLetter:
    match error:
        case Rejected():
            reason, text = error.reason, error.message
        case OutboundRefused():
            reason, text = Reason(error.code), error.reason
        case Exception() if is_unstorable(error):
            reason, text = (
                Reason.INVALID_PAYLOAD,
                "The message cannot be stored: a value is too long or out of range.",
            )
        case _:
            reason, text = Reason.DATABASE_ERROR, f"{type(error).__name__}: {error}"
    return DeadLetter(
        pipeline=PIPELINES[kind],
        reason=reason,
        error_message=text,
        original_payload=decoded.document,
        origin=decoded.origin,
    )


def parked(decoded: Decoded, error: Rejected) -> Outgoing:
    """A dead letter belongs to a tenant; what has none is kept by the broker, as it came, with the reason in its headers."""
    delivery = decoded.delivery
    headers: dict[str, str | int] = {"x-reason": error.reason, "x-error": error.message, "x-queue": delivery.queue}
    if isinstance(named := delivery.headers.get(TENANT_HEADER), str):
        headers[TENANT_HEADER] = named
    return Outgoing(
        exchange=DEAD_LETTERS,
        routing_key=delivery.queue,
        message_id=delivery.id[:_LONGEST_ID],
        type="dead_letter",
        body=delivery.body,
        at=delivery.sent_at,
        headers=headers,
    )
