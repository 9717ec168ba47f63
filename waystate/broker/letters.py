"""A queue's message on its way, and what becomes of those that cannot be used. Pure."""

from dataclasses import dataclass
from typing import Any

from waystate import documents
from waystate.broker.consumer import QueueMessage
from waystate.broker.publisher import Outgoing
from waystate.broker.topology import DEAD_LETTERS
from waystate.documents import JsonObject, clean_text
from waystate.errors import Reason, Rejected
from waystate.pipeline.items import FROM_QUEUE

TENANT_HEADER = "x-tenant-id"
_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message with the item it says, or with why that cannot be used (`Rejected`)."""

    delivery: QueueMessage
    document: JsonObject
    item: Any

    @property
    def origin(self) -> str:
        return origin_of(self.delivery)


def origin_of(delivery: QueueMessage) -> str:
    return f"{FROM_QUEUE}{delivery.queue}:{clean_text(delivery.id[:_LONGEST_ID])}"


def read_body(body: bytes) -> JsonObject:
    try:
        document = documents.parse(body)
    except documents.Unreadable as error:
        raise Rejected(Reason.INVALID_PAYLOAD, f"The message cannot be read: {error}.") from None
    if not isinstance(document, dict):
        raise Rejected(Reason.INVALID_PAYLOAD, "The message is no JSON object.")
    return document


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
