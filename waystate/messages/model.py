"""Messages as values: what the pipelines take in, and the state machine of a message's status."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple
from uuid import UUID

from waystate.documents import JsonObject

KEPT_HERE = "kept_here"
"""In the metadata of what a customer wrote to a person here, or a queue of people here: it did not go to Genesys as it came."""
TAKEN_BACK = "[message deleted]"
"""What stands in the place of a message that its customer took back."""


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"

    # An enumeration's own is Python code, and every message and status is looked up by it.
    __hash__ = str.__hash__


class Status(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    RECEIVED = "received"
    PROCESSED = "processed"
    FAILED = "failed"

    __hash__ = str.__hash__


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """What a customer's message does to the one whose `wamid` it names: a `reaction`, an `edit` or a `revoke`.

    `emoji` is None where a reaction is taken back. Type, text, content and media are those that an edited message has now; of a
    revocation the text is what stands in the place of the message.
    """

    wamid: str
    kind: Literal["reaction", "edit", "revoke"]
    emoji: str | None = None
    type: str = ""
    text: str | None = None
    content: JsonObject = field(default_factory=dict)
    media: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """One message of a WhatsApp user, as every source of it (webhook, queue, HTTP) hands it to the pipeline.

    `text` is what the customer wrote, else a line that says what came; `preview` is what lists show of it, where that is more.
    `content` keeps the platform's object of the type whole.
    At least one of `wa_id` and `user_id` (business-scoped user id) is set; neither is ever rewritten. `other_wa_ids`: further
    phones that this message shows to be the sender's.
    """

    wamid: str
    phone_number_id: str
    sent_at: datetime
    wa_id: str | None = None
    user_id: str | None = None
    other_wa_ids: tuple[str, ...] = ()
    parent_user_id: str | None = None
    contact_name: str | None = None
    display_phone_number: str | None = None
    type: str = "text"
    text: str | None = None
    preview: str | None = None
    content: JsonObject = field(default_factory=dict)
    media: JsonObject | None = None
    metadata: JsonObject = field(default_factory=dict)
    amends: Amendment | None = None
    origin: str = ""

    @property
    def group_id(self) -> str | None:
        """WhatsApp's id of the group that it was written in; None of what was written to the business alone."""
        named = self.metadata.get("group_id")
        return named if isinstance(named, str) and named else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoedMessage:
    """One message that the business wrote in WhatsApp's app on a phone, to the customer with `wa_id` or `user_id`, or both.

    `text` is what was written, else a line that says what it is; `content` keeps the platform's object of the type whole.
    """

    wamid: str
    phone_number_id: str
    sent_at: datetime
    wa_id: str | None = None
    user_id: str | None = None
    contact_name: str | None = None
    display_phone_number: str | None = None
    type: str = "text"
    text: str | None = None
    content: JsonObject = field(default_factory=dict)
    media: JsonObject | None = None
    metadata: JsonObject = field(default_factory=dict)
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMessage:
    """One message of before the number came here, between the business and the customer with `wa_id` or `user_id`, or both."""

    wamid: str
    phone_number_id: str
    direction: Direction
    status: Status
    sent_at: datetime
    wa_id: str | None = None
    user_id: str | None = None
    contact_name: str | None = None
    display_phone_number: str | None = None
    type: str = "text"
    text: str | None = None
    content: JsonObject = field(default_factory=dict)
    media: JsonObject | None = None
    metadata: JsonObject = field(default_factory=dict)
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBookEntry:
    """What the phone of the business calls a customer."""

    phone_number_id: str
    wa_id: str
    name: str
    at: datetime
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReport:
    """WhatsApp tells of a voice call with the customer: `event` is what happened, such as `connect`, `ringing`, `terminate`.

    `status` is how it ended, `duration` in seconds.
    """

    call_id: str
    phone_number_id: str
    event: str
    at: datetime
    is_by_customer: bool = True
    status: str | None = None
    duration: int | None = None
    wa_id: str | None = None
    user_id: str | None = None
    contact_name: str | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyMessage:
    """A customer's message to another responder on the number, of which WhatsApp sent a copy; without what it says."""

    wamid: str
    phone_number_id: str
    sent_at: datetime
    type: str = "text"
    wa_id: str | None = None
    user_id: str | None = None
    contact_name: str | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """One status somebody reported for a message; `status` is the reporter's own word and may be unknown to us.

    `message_id` is our own id, echoed in `biz_opaque_callback_data`; it is tried before the wamid.
    `details`: what WhatsApp says beside it, such as `pricing`. `recipient`: of a message to a group (`is_of_group`), which of
    its people it is about; (status, at, source, recipient) make two reports the same one.
    """

    wamid: str
    status: str
    at: datetime
    message_id: UUID | None = None
    error: JsonObject | None = None
    details: JsonObject | None = None
    source: str = "whatsapp"
    recipient: str = ""
    is_of_group: bool = False
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundMessage:
    """One message of an agent or bot to a WhatsApp user.

    The conversation is found by `conversation_id` (Genesys' or ours); if that is unknown, by `recipient_id` (the id we gave
    the customer towards Genesys) on the number that `integration_id` serves, which correlates it. `unshowable` says what of it
    a customer could not see: then it is refused. `composed`: the content is WhatsApp's own object of the type.
    `files` are attached, each as `media` has it; `text` does not name their addresses, which are temporary.
    `is_late`: Genesys had it and could not hand it over. Who sends it now knows that, so it goes out in a conversation that has
    ended since, too.
    """

    genesys_message_id: str
    sent_at: datetime
    conversation_id: str | None = None
    recipient_id: str | None = None
    integration_id: str | None = None
    type: str = "text"
    text: str | None = None
    content: JsonObject = field(default_factory=dict)
    media: JsonObject | None = None
    files: tuple[JsonObject, ...] = ()
    metadata: JsonObject = field(default_factory=dict)
    unshowable: str | None = None
    composed: bool = False
    is_late: bool = False
    origin: str = ""

    @property
    def words(self) -> str:
        """All that the customer reads: the text, and the address of what is attached."""
        text, url = self.text or "", (self.media or {}).get("url")
        if not isinstance(url, str) or url in text:
            return text
        return f"{text}\n{url}" if text else url


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentTyping:
    """An agent or a bot types an answer; whose conversation it is is found as that of their messages."""

    typed_at: datetime
    conversation_id: str | None = None
    recipient_id: str | None = None
    integration_id: str | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file that an agent attached to a message, to be loaded from `url` before that leads nowhere any more."""

    id: UUID
    message_id: UUID
    phone_number_id: str
    url: str
    mime_type: str | None
    filename: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesysReceipt:
    """Genesys says that it failed to show a customer's message to an agent, after it had accepted it.

    Each of `names` is a wamid, or an id of Genesys'.
    """

    names: tuple[str, ...]
    at: datetime
    error: JsonObject
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Genesys' ids for the conversation that the message with this wamid belongs to (seed 000)."""

    conversation_id: str
    whatsapp_message_id: str
    communication_id: str | None = None
    origin: str = ""


class PhoneReply(NamedTuple):
    """What the business wrote last to a customer in WhatsApp's app on a phone, until their next message tells of it."""

    phone_number_id: str
    contact_id: UUID
    message_id: UUID
    text: str
    sent_at: datetime
