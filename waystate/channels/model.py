"""What comes of a channel: how a call ended, what is told of it, and the items of a webhook body with what each is routed by.

A position ("0.1.m2": entry 0, change 1, message 2) depends on the body alone, so a replayed body names its items as before.
"""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from waystate.conversations.model import ConversationEnd
from waystate.documents import JsonObject
from waystate.messages.model import (
    AddressBookEntry,
    AgentTyping,
    CallReport,
    EchoedMessage,
    GenesysReceipt,
    InboundMessage,
    OutboundMessage,
    PastMessage,
    StandbyMessage,
    StatusReport,
)
from waystate.operations import Parameter
from waystate.preferences.model import PreferenceReport


class Outcome(StrEnum):
    SENT = "sent"
    RETRY = "retry"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """`external_id` is the platform's id of what was sent; `retry_after` is in seconds, as the platform asked.

    `sent`: accepted. `retry`: certainly not done, may be tried again. `failed`: refused for good. `unknown`: no answer
    came, or none that proves any of these.
    """

    outcome: Outcome
    external_id: str | None = None
    conversation_id: str | None = None
    http_status: int | None = None
    error: JsonObject | None = None
    retry_after: float | None = None
    requests: int = 1
    """Of the platform's API, which counts them."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an agent is told of a message that failed: Genesys' code for the reason, and a sentence."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Legal, but nothing to do: `what` is the platform's own word for it (a field, an event type)."""

    item: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """An item that cannot be used; it becomes a dead letter `invalid_payload`, alone. `payload` is the item as it came."""

    item: str
    why: str
    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateReport:
    """What WhatsApp says of one message template: how it was `at` that moment, of which a field that is None says nothing.

    It is named by `external_id` (WhatsApp's), by `name` and `language`, or by all. `components` is its whole definition,
    `texts` the few of it that a webhook tells of an edit. `reason` is part of the `status`.
    """

    business_account_id: str
    at: datetime
    external_id: str | None = None
    name: str | None = None
    language: str | None = None
    status: str | None = None
    reason: str | None = None
    category: str | None = None
    quality: str | None = None
    parameter_format: str | None = None
    components: list[JsonObject] | None = None
    texts: JsonObject | None = None
    origin: str = ""


class Severity(StrEnum):
    """How bad it is: to be known, to be looked at, or nothing works until somebody acts."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """What WhatsApp says of a business account, or of one number of it, by a webhook's `field`; `value` is the whole of it.

    The number is known by its id, by how it is displayed, or not at all: then it is of all. `event` is WhatsApp's own word,
    `digest` the same for every copy of what was sent once. `quality` and `messaging_limit` are facts from then on.
    """

    field: str
    at: datetime
    sentence: str
    digest: str
    severity: Severity = Severity.INFO
    event: str | None = None
    business_account_id: str | None = None
    phone_number_id: str | None = None
    display_phone_number: str | None = None
    value: JsonObject = dataclasses.field(default_factory=dict)
    quality: str | None = None
    messaging_limit: str | None = None
    origin: str = ""


Usable = (
    InboundMessage
    | OutboundMessage
    | AgentTyping
    | EchoedMessage
    | PastMessage
    | AddressBookEntry
    | PreferenceReport
    | CallReport
    | StandbyMessage
    | StatusReport
    | GenesysReceipt
    | ConversationEnd
    | TemplateReport
    | AccountReport
    | Unusable
)
"""What is some tenant's: all but what is ignored."""
Value = Usable | Ignored


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """One item. WhatsApp's tenant is found by `phone_number_id`, else by `waba_id`; Genesys' by `integration_id`."""

    item: str
    value: Value
    phone_number_id: str | None = None
    waba_id: str | None = None
    integration_id: str | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """All items of one body, in the body's order."""

    items: list[Routed] = dataclasses.field(default_factory=list)


class WebhookTaken(BaseModel):
    """The answer to a webhook whose body is kept: its sender looks at the status alone."""


SIGNATURE = Parameter(name="X-Hub-Signature-256", place="header", description="HMAC-SHA256 over the raw body")
WEBHOOK_PROBLEMS = {401: "The signature does not fit", 413: "Over 4 MiB", 503: "Not durable now; send again"}
PLATFORMS_OWN = "what a platform adds to the address of its callback must not lose a message"
"""Of both channels' webhooks."""
