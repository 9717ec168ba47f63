"""Tells Genesys of agents' messages that became dead letters: they are in no conversation, so no event of theirs does."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from waystate.channels.genesys.render import render_receipt
from waystate.channels.told import told_of
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import Delivery, Target
from waystate.deliveries.plan import insert_beside, receipts_way
from waystate.errors import Reason, Rejected
from waystate.events import outbox
from waystate.ids import TenantId, new_id
from waystate.messages.model import OutboundMessage
from waystate.tenants.model import GenesysIntegration
from waystate.tenants.routing import TenantView
from waystate.work.lanes import lane_of

_NAMESPACE = UUID("0d6f3a52-8a43-5c1e-9d0b-6a1f3f7c2e84")
"""Of the ids that receipts of untracked messages have in the place of a message's."""
_SENTENCES: Mapping[Reason, str] = {
    Reason.MAPPING_NOT_FOUND: (
        "Not sent: nobody with this address has written to this WhatsApp number, so there is no conversation to answer in. "
        "The customer has to write first. WhatsApp takes nothing but a template from a business that begins: ask an "
        "administrator to configure one and to have it sent."
    ),
    Reason.INVALID_PAYLOAD: "Not sent: a part of the message is too long or cannot be read. Write it anew, and shorter.",
}
_NO_NUMBER = "Not sent: no WhatsApp number is connected to this integration. Ask an administrator to connect one."
_OTHERWISE = (
    "Not sent: the message could not be processed. An operator sees it and may still send it; ask before you write it again."
)


async def tell_many(
    conn: Connection,
    tenant: TenantId,
    view: TenantView,
    refused: Sequence[tuple[OutboundMessage, Rejected]],
    now: datetime,
    *,
    lanes: int,
) -> None:
    """A Failed receipt for each that came from Genesys and says who it was for: once, however often the message comes.

    In the transaction that makes their dead letters.
    """
    receipts = {_id_of(message): each for message, error in refused if (each := _receipt_of(message, error, view, now))}
    if not receipts:
        return
    told = {row["message_id"] for row in await delivery_store.find_of_messages(conn, tenant, sorted(receipts))}
    position = await outbox.get_head(conn, tenant)
    ways = {message_id: receipts_way(integration, message_id) for message_id, (integration, _) in receipts.items()}
    deliveries = [
        Delivery(
            event_id=new_id(),
            target=Target.GENESYS_RECEIPT,
            message_id=message_id,
            conversation_id=message_id,
            account=ways[message_id].account,
            lane=lane_of(ways[message_id].lane_key, lanes),
            order_key=ways[message_id].order_key,
            position=position,
            created_at=now,
            request=request,
        )
        for message_id, (_, request) in receipts.items()
        if message_id not in told
    ]
    await insert_beside(conn, tenant, view, deliveries, lanes)


def _receipt_of(
    message: OutboundMessage, error: Rejected, view: TenantView, now: datetime
) -> tuple[GenesysIntegration, dict[str, object]] | None:
    """Through the integration that it came by; None where Waystate does not speak for that, or nobody is named."""
    integration = next((each for each in view.integrations.values() if each.integration_id == message.integration_id), None)
    if integration is None or integration.sender != "waystate" or integration.receipts == "none" or not message.recipient_id:
        return None
    account = next((each for each in view.accounts.values() if each.genesys_integration_id == integration.id), None)
    if account is not None and account.sender != "waystate":
        return None
    sentence = message.unshowable or (_SENTENCES.get(error.reason, _OTHERWISE) if account is not None else _NO_NUMBER)
    return integration, render_receipt(
        genesys_message_id=message.genesys_message_id,
        contact_id=message.recipient_id,
        at=now,
        status="Failed",
        told=told_of({"code": error.reason, "title": sentence}),
    )


def _id_of(message: OutboundMessage) -> UUID:
    """The same for every copy of a message, and of none that is tracked."""
    return uuid5(_NAMESPACE, f"{message.integration_id}:{message.genesys_message_id}")
