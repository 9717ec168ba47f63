"""Messages, statuses and the webhook bodies that carry them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from benchmarks.tenants import APP, NUMBER, wa_id
from waystate.channels.signature import sign_as_meta
from waystate.clock import utc_now
from waystate.ids import new_id
from waystate.messages.model import InboundMessage, OutboundMessage, StatusReport


class Inbound:
    """Messages of `customers` known ones in turn; None: each of somebody new."""

    def __init__(self, customers: int | None, number: str = NUMBER) -> None:
        self._customers = customers
        self._number = number
        self._numbers = count(1 if customers else 1_000_000)

    def batch(self, size: int) -> list[InboundMessage]:
        now = utc_now()
        return [self._message(next(self._numbers), now) for _ in range(size)]

    def _message(self, n: int, now: datetime) -> InboundMessage:
        text = text_of(n)
        return InboundMessage(
            wamid=wamid_of("in", n),
            phone_number_id=self._number,
            display_phone_number="+49 30 5550100",
            sent_at=now,
            wa_id=wa_id(n % self._customers if self._customers else n),
            contact_name="Bench Customer",
            text=text,
            content={"body": text},
            origin=f"ledger:{now.date()}:{new_id()}:0.0.m0",
        )


def text_of(n: int) -> str:
    return f"Hello, this is message {n}. Is my order on its way?"


def wamid_of(kind: str, n: int) -> str:
    """As long as real ones."""
    return f"wamid.HBgMOTE5MDAwMDAwMDAwFQIAEhg{kind}{n:012d}AA=="


def outbound(conversations: list[str], numbers: Iterator[int], size: int) -> list[OutboundMessage]:
    now = utc_now()
    return [
        OutboundMessage(
            genesys_message_id=str(new_id()),
            sent_at=now,
            conversation_id=conversations[n % len(conversations)],
            text=text_of(n),
            content={"text": text_of(n)},
            origin=f"ledger:{now.date()}:{new_id()}",
        )
        for n in (next(numbers) for _ in range(size))
    ]


def reports(wamids: list[str], status: str) -> list[StatusReport]:
    now = utc_now()
    return [
        StatusReport(wamid=wamid, status=status, at=now, recipient=wa_id(0), origin=f"ledger:{now.date()}:{new_id()}:0.0.s0")
        for wamid in wamids
    ]


@dataclass(frozen=True, slots=True)
class Webhook:
    """A signed body; `wamid` is that of the message it brings or reports on."""

    wamid: str
    body: bytes
    signature: str


MIXED: tuple[dict[str, Any], ...] = (
    {"type": "text", "text": {"body": "Is my order on its way?"}},
    {"type": "text", "text": {"body": "Thanks"}, "context": {"from": "4930555100", "id": "wamid.quoted"}},
    {"type": "location", "location": {"latitude": 52.52, "longitude": 13.405, "name": "Market", "address": "Market Square 1"}},
    {
        "type": "contacts",
        "contacts": [{"name": {"formatted_name": "Ann Lee", "first_name": "Ann"}, "phones": [{"phone": "+49 30 5550111"}]}],
    },
    {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}},
    {
        "type": "interactive",
        "interactive": {"type": "list_reply", "list_reply": {"id": "a", "title": "Monday", "description": "Before noon"}},
    },
    {"type": "button", "button": {"text": "Stop", "payload": "stop"}, "context": {"from": "4930555100", "id": "wamid.asked"}},
    {"type": "reaction", "reaction": {"message_id": "wamid.quoted", "emoji": "\U0001f44d"}},
    {
        "type": "order",
        "order": {
            "catalog_id": "1",
            "product_items": [{"product_retailer_id": "cup", "quantity": 2, "item_price": 4.5, "currency": "EUR"}],
        },
    },
    {"type": "unsupported", "errors": [{"code": 131051, "title": "Message type unknown"}]},
)
"""What customers send beside files, which are fetched from elsewhere; one after the other."""


def message_webhook(n: int, *, kind: str = "in", number: str = NUMBER, said: Mapping[str, Any] | None = None) -> Webhook:
    """`said`: type and content; None: a text."""
    wamid, customer = wamid_of(kind, n), wa_id(n % 10_000)
    content = said or {"type": "text", "text": {"body": text_of(n)}}
    message = {"from": customer, "id": wamid, "timestamp": _seconds(), **content}
    contact = {"profile": {"name": "Bench Customer"}, "wa_id": customer}
    return _signed(wamid, {"contacts": [contact], "messages": [message]}, number)


def status_webhook(wamid: str, status: str) -> Webhook:
    pricing = {"billable": False, "pricing_model": "PMP", "category": "service", "type": "free_customer_service"}
    report = {"id": wamid, "status": status, "timestamp": _seconds(), "recipient_id": wa_id(0), "pricing": pricing}
    return _signed(wamid, {"statuses": [report]}, NUMBER)


def _signed(wamid: str, value: dict[str, Any], number: str) -> Webhook:
    metadata = {"display_phone_number": "+49 30 5550100", "phone_number_id": number}
    change = {"value": {"messaging_product": "whatsapp", "metadata": metadata, **value}, "field": "messages"}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": f"7{number}", "changes": [change]}]}).encode()
    return Webhook(wamid, body, sign_as_meta(APP.app_secret.encode(), body))


def _seconds() -> str:
    return str(int(utc_now().timestamp()))
