"""From events to deliveries: what each event must make known to which platform."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from waystate.channels.genesys.render import render_inbound, render_receipt
from waystate.channels.whatsapp.render import render_outbound
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import Delivery, Target
from waystate.errors import Rejected
from waystate.events.model import Event, InboundEnriched, MessageStatus, OutboundProcessed, OutboundRefused
from waystate.events.outbox import Stamped
from waystate.ids import TenantId
from waystate.json import JsonObject
from waystate.ledger.model import lane_of
from waystate.messages.model import Status, StatusReport
from waystate.pipelines.status import advance
from waystate.tenants.model import GenesysIntegration, TenantSettings, WhatsAppAccount
from waystate.tenants.routing import TenantView

DELIVERED = frozenset({"inbound.enriched", "outbound.processed", "outbound.refused", "message.status"})
"""Types of events that may call for a delivery."""


class DeliverySink:
    """Turns one tenant's new events into deliveries, in the transaction that moves its cursor."""

    name = "deliveries"
    types = DELIVERED

    def __init__(self, view: TenantView, lanes: int) -> None:
        self._view = view
        self._lanes = lanes
        self.made = 0
        """Deliveries that are new now."""

    async def __call__(self, conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> list[Event]:
        deliveries: list[Delivery] = []
        impossible: list[StatusReport] = []
        for each in stamped:
            try:
                delivery = self._delivery_of(each)
            except Rejected as error:
                impossible.append(_failed(each, error))
                continue
            if delivery is not None:
                deliveries.append(delivery)
        if deliveries:
            await delivery_store.insert_many(conn, tenant, deliveries)
        self.made = len(deliveries)
        if not impossible:
            return []
        return (await advance(conn, tenant, impossible, stamped[-1].event.at)).events

    def _delivery_of(self, stamped: Stamped) -> Delivery | None:
        account = self._view.accounts.get(stamped.event.phone_number_id)
        if account is None or account.sender != "waystate":
            return None
        return delivery_of(stamped, account, integration_of(self._view, account), self._view.settings, self._lanes)


def integration_of(view: TenantView, account: WhatsAppAccount) -> GenesysIntegration | None:
    """Of those that Waystate sends for; None when somebody else does, or nobody."""
    if account.genesys_integration_id is None:
        return None
    integration = view.integrations.get(account.genesys_integration_id)
    return integration if integration is not None and integration.sender == "waystate" else None


def _failed(stamped: Stamped, error: Rejected) -> StatusReport:
    return StatusReport(
        wamid="",
        message_id=stamped.event.message_id,
        status=Status.FAILED,
        at=stamped.event.at,
        source="waystate",
        error={"code": error.reason, "title": error.message},
        origin=f"event:{stamped.id}",
    )


def delivery_of(
    stamped: Stamped,
    account: WhatsAppAccount,
    integration: GenesysIntegration | None,
    settings: TenantSettings,
    lanes: int,
) -> Delivery | None:
    """The delivery an event calls for, or None."""
    event = stamped.event
    target: Target
    match event:
        case OutboundProcessed():
            request = render_outbound(
                wa_id=event.wa_id,
                user_id=event.user_id,
                message_id=_message_id(event),
                type=event.message_type,
                text=event.message_text,
                content=event.content,
                media=event.media,
            )
            target = Target.WHATSAPP
        case InboundEnriched() if integration is not None:
            request = render_inbound(
                contact_id=genesys_identity(event, settings),
                name=event.contact_name,
                wamid=event.wamid,
                sent_at=event.timestamp,
                text=event.message_text or f"[{event.message_type}]",
                attributes={"waystate_mapping_id": str(event.mapping_id), "whatsapp_phone_number_id": event.phone_number_id},
            )
            target = Target.GENESYS
        case MessageStatus() | OutboundRefused() if integration is not None and receipt_status(event) is not None:
            request = render_receipt(
                genesys_message_id=event.genesys_message_id or "",
                contact_id=genesys_identity(event, settings),
                at=event.at,
                status=receipt_status(event) or "Failed",
                error=_error(event),
            )
            target = Target.GENESYS_RECEIPT
        case _:
            return None
    way = way_of(target, account, integration, event.contact_id, _message_id(event))
    return Delivery(
        event_id=stamped.id,
        target=target,
        message_id=_message_id(event),
        conversation_id=event.mapping_id,
        account=way.account,
        lane=lane_of(way.lane_key, lanes),
        order_key=way.order_key,
        position=stamped.position,
        created_at=event.at,
        request=request,
    )


@dataclass(frozen=True, slots=True)
class Way:
    """Through whose account, in which lane, and behind what a delivery goes."""

    account: str
    lane_key: str
    order_key: str


def way_of(
    target: Target, account: WhatsAppAccount, integration: GenesysIntegration | None, contact_id: UUID, message_id: UUID
) -> Way:
    """Lanes follow the number (WhatsApp) and the OAuth client (Genesys); only WhatsApp is reached without an integration."""
    customer = f"{account.phone_number_id}:{contact_id}"
    if target is Target.WHATSAPP:
        return Way(account.phone_number_id, account.phone_number_id, f"w:{customer}")
    if integration is None:
        raise ValueError(f"there is no integration to reach {target} through")
    # Receipts of one message keep their order; they need not wait for the customer's other traffic.
    order_key = f"g:{customer}" if target is Target.GENESYS else f"r:{message_id}"
    return Way(integration.integration_id, integration.client_id, order_key)


def receipt_status(event: Event) -> Literal["Delivered", "Failed"] | None:
    """Genesys knows Delivered and Failed, and each receipt costs one of 300 requests a minute: only what is final is told."""
    match event:
        case OutboundRefused():
            return "Failed"
        case MessageStatus(direction="outbound", status=Status.FAILED, genesys_message_id=str()):
            return "Failed"
        case MessageStatus(direction="outbound", status=Status.DELIVERED, genesys_message_id=str()):
            return "Delivered"
        case MessageStatus(direction="outbound", status=Status.READ, genesys_message_id=str()) if (
            event.previous != Status.DELIVERED
        ):
            return "Delivered"
    return None


def genesys_identity(event: Event, settings: TenantSettings) -> str:
    """Our contact id outlives phone and BSUID changes; `wa_id` is for installations whose history hangs on the phone."""
    if settings.genesys_identity == "wa_id" and event.wa_id:
        return event.wa_id
    return str(event.contact_id)


def _message_id(event: Event) -> UUID:
    if event.message_id is None:
        raise ValueError(f"{event.type} carries no message")
    return event.message_id


def _error(event: MessageStatus | OutboundRefused) -> JsonObject | None:
    return {"code": event.code, "title": event.reason} if isinstance(event, OutboundRefused) else event.error
