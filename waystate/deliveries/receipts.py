"""What Genesys is told of agents' messages: each receipt costs a request of the OAuth client's budget, so none is sent in vain.

https://developer.genesys.cloud/commdigital/digital/openmessaging/inboundReceiptMessages
"""

from collections.abc import Sequence
from typing import Literal

from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import Delivery, Target
from waystate.events.model import Event, MessageStatus, OutboundRefused
from waystate.ids import TenantId
from waystate.messages.model import Status
from waystate.tenants.model import Receipts

Told = Literal["Sent", "Delivered", "Failed"]


def receipt_status(event: Event, receipts: Receipts = "final") -> Told | None:
    """What an event has Genesys told, where `receipts` asks for it. Genesys knows no `read`; it says that it was delivered.

    That a message arrived after all is told whoever was told that it failed.
    """
    told = _status(event)
    match receipts:
        case "none":
            return None
        case "failed" if told == "Delivered" and isinstance(event, MessageStatus) and _previous(event) == Status.FAILED:
            return told
        case "failed":
            return told if told == "Failed" else None
        case "final":
            return None if told == "Sent" else told
    return told


def _status(event: Event) -> Told | None:
    """Of a message in parts Genesys is told what becomes of all of it: arrived it is with its last part, failed with any."""
    if isinstance(event, OutboundRefused):
        return "Failed"
    if not isinstance(event, MessageStatus) or event.direction != "outbound" or event.genesys_message_id is None:
        return None
    previous = _previous(event)
    match event.status if event.whole is None else event.whole.status:
        case status if status == previous:
            return None
        case Status.FAILED:
            return "Failed"
        case Status.SENT:
            return "Sent"
        case Status.DELIVERED:
            return "Delivered"
        case Status.READ if previous != Status.DELIVERED:
            return "Delivered"
    return None


def _previous(event: MessageStatus) -> str:
    return event.previous if event.whole is None else event.whole.previous


def coalesce(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Of several receipts for one message, in the order of events, the last alone; everything else as it is.

    A message's statuses only ever rise (sent, delivered, failed, read), so that the last says what became of it.
    """
    last = {(each.account, each.message_id): each for each in deliveries if _is_receipt(each)}
    return [each for each in deliveries if not _is_receipt(each) or last[each.account, each.message_id] is each]


async def put_into_waiting(conn: Connection, tenant: TenantId, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Receipts that wait say from now on what these say; the deliveries that are still to be inserted."""
    receipts = [each for each in deliveries if _is_receipt(each)]
    replaced = await delivery_store.replace_receipts(conn, tenant, receipts) if receipts else set()
    return [each for each in deliveries if not (_is_receipt(each) and each.message_id in replaced)]


def _is_receipt(delivery: Delivery) -> bool:
    return delivery.target is Target.GENESYS_RECEIPT
