"""Of `conversations_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.generated.models.conversations import TakesPart
from waystate_client.generated.models.messages_bodies import (
    AddressRequest,
    ButtonMessage,
    CallMessage,
    CallRequest,
    CarouselMessage,
    CatalogMessage,
    ContactCardInput,
    ContactRequest,
    ContentType,
    FormMessage,
    LinkMessage,
    ListMessage,
    LocationContent,
    LocationRequest,
    MediaContent,
    OrderUpdate,
    PaymentRequest,
    ProductListMessage,
    ProductMessage,
    ReactionContent,
    TemplateContent,
    TextContent,
)
from waystate_client.records import CamelRecord, Record

__all__ = [
    "AddNote",
    "AssignConversation",
    "BeginConversation",
    "CloseConversation",
    "EditConversation",
    "PutParticipant",
    "PutParticipants",
    "ReadUpTo",
    "SayMessage",
    "TakeConversation",
    "TransferConversation",
    "TransferTo",
]


class AddNote(Record):
    text: str


class AssignConversation(CamelRecord):
    """`user`: who is to have it; null: nobody."""

    user: UUID | None
    control_epoch: int | None = None
    """The `controlEpoch` that you have seen: 409 if it is in other hands since"""


class BeginConversation(CamelRecord):
    """To whom, from which number, and what is said first: a template, or anything else while the customer's window is
    open.
    """

    type: ContentType | str
    text: TextContent | None = None
    media: MediaContent | None = None
    location: LocationContent | None = None
    contacts: list[ContactCardInput] | None = None
    interactive: (
        ButtonMessage
        | ListMessage
        | LinkMessage
        | FormMessage
        | LocationRequest
        | ContactRequest
        | CallRequest
        | CallMessage
        | ProductMessage
        | ProductListMessage
        | CatalogMessage
        | CarouselMessage
        | AddressRequest
        | PaymentRequest
        | OrderUpdate
        | dict[str, Any]
        | None
    ) = None
    template: TemplateContent | None = None
    reaction: ReactionContent | None = None
    to: str | None = None
    """A phone with its country's code, as people write it, or a business-scoped user id."""
    customer_id: UUID | None = None
    number: str | None = None
    """WhatsApp's phone_number_id; else that of the customer's latest open conversation, or the default."""
    take: bool | None = None
    """A person takes the conversation over from whoever speaks in it; of a key it has no effect."""


class CloseConversation(Record):
    reason: str
    """Why, in your own words"""


class EditConversation(Record):
    """JSON Merge Patch (RFC 7396): what is left out stays. `metadata` is merged into what there is; null takes
    away.
    """

    subject: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    status: Literal["waiting", "active"] | str | None = None


class PutParticipant(CamelRecord):
    """A customer, as `customer` or `observer`, or a person of the tenant, as `agent` or `observer`."""

    customer_id: UUID | None = None
    user_id: UUID | None = None
    role: TakesPart | str


class PutParticipants(Record):
    """All that are to be added beside who takes part by themselves; who is not named is added no more."""

    participants: list[PutParticipant]


class ReadUpTo(CamelRecord):
    """`tellCustomer`: they are shown that it was read, as in WhatsApp; it takes the scope messages:send as well."""

    up_to: UUID
    """A message of the conversation: it and all before it were read"""
    tell_customer: bool | None = None


class SayMessage(CamelRecord):
    """What is said to a customer who is known: the content of the `type`, and when it goes."""

    type: ContentType | str
    text: TextContent | None = None
    media: MediaContent | None = None
    location: LocationContent | None = None
    contacts: list[ContactCardInput] | None = None
    interactive: (
        ButtonMessage
        | ListMessage
        | LinkMessage
        | FormMessage
        | LocationRequest
        | ContactRequest
        | CallRequest
        | CallMessage
        | ProductMessage
        | ProductListMessage
        | CatalogMessage
        | CarouselMessage
        | AddressRequest
        | PaymentRequest
        | OrderUpdate
        | dict[str, Any]
        | None
    ) = None
    template: TemplateContent | None = None
    reaction: ReactionContent | None = None
    reply_to: str | None = None
    """What it quotes: our id of a message, or its wamid."""
    hold_until_window: bool | None = None
    """Where the customer has not written for 24 hours: it waits until they write, for `settings.hold_ttl` at most."""
    send_at: datetime | None = None
    """Not before then; 30 days ahead at most."""
    take: bool | None = None
    """A person takes the conversation over from whoever speaks in it; of a key it has no effect."""


class TakeConversation(CamelRecord):
    control_epoch: int | None = None
    """The `controlEpoch` that you have seen: 409 if it is in other hands since"""


class TransferTo(Record):
    """Exactly one: a person, a queue, or Genesys (`true`)."""

    user: UUID | None = None
    queue: UUID | None = None
    genesys: bool | None = None


class TransferConversation(CamelRecord):
    to: TransferTo
    note: str | None = None
    """For whoever gets it; the customer does not see it"""
    control_epoch: int | None = None
    """The `controlEpoch` that you have seen: 409 if it is in other hands since"""
