"""Of `tenant`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from waystate_client.records import CamelRecord, Record

__all__ = [
    "BacklogAnswer",
    "CheckAnswer",
    "FactsAnswer",
    "FindingAnswer",
    "GenesysIntegrationAnswer",
    "GenesysIntegrationList",
    "GenesysLimits",
    "GenesysQueueAnswer",
    "GenesysQueueList",
    "HoldAnswer",
    "ProviderAnswer",
    "ProviderSettings",
    "Quotas",
    "TenantAnswer",
    "TenantSettings",
    "TenantStatus",
    "WhatsAppAccountAnswer",
    "WhatsAppAccountList",
    "WhatsAppLimits",
    "WindowTemplate",
]

TenantStatus = Literal["active", "suspended", "deleting"]
"""`suspended`: it receives and keeps, but sends nothing and lets nobody in. `deleting`: it is gone, its rows not
yet.
"""


class BacklogAnswer(CamelRecord):
    waiting: int
    oldest_at: datetime | None = Field(validation_alias="oldest_at", serialization_alias="oldest_at")


class FindingAnswer(Record):
    what: str
    verdict: Literal["ok", "failed", "not_checked"] | str
    detail: str
    advice: str | None


class CheckAnswer(Record):
    """`ok`: nothing that can be checked has failed. `not_checked` says why not, and how to find out."""

    platform: str
    id: str
    ok: bool
    findings: list[FindingAnswer]


class FactsAnswer(CamelRecord):
    """What WhatsApp's webhooks said last: `quality` is FLAGGED or UNFLAGGED, `messaging_limit` a tier such as
    TIER_10K, or how
    many customers a day may be written to outside the window.
    """

    quality: str | None
    quality_at: datetime | None = Field(validation_alias="quality_at", serialization_alias="quality_at")
    messaging_limit: str | None = Field(validation_alias="messaging_limit", serialization_alias="messaging_limit")
    messaging_limit_at: datetime | None = Field(validation_alias="messaging_limit_at", serialization_alias="messaging_limit_at")


class GenesysLimits(CamelRecord):
    requests_per_minute: int | None = Field(
        default=None, validation_alias="requests_per_minute", serialization_alias="requests_per_minute"
    )
    """Of one OAuth client (`client.credentials.token.rate.per.minute`); Genesys support can raise it. All
    integrations that use the client share it, and where they say different numbers the least counts.
    """


class GenesysIntegrationAnswer(CamelRecord):
    id: UUID
    integration_id: str = Field(validation_alias="integration_id", serialization_alias="integration_id")
    region: str
    api_url: str = Field(validation_alias="api_url", serialization_alias="api_url")
    login_url: str = Field(validation_alias="login_url", serialization_alias="login_url")
    client_id: str = Field(validation_alias="client_id", serialization_alias="client_id")
    has_client_secret: bool = Field(validation_alias="has_client_secret", serialization_alias="has_client_secret")
    has_webhook_secret: bool = Field(validation_alias="has_webhook_secret", serialization_alias="has_webhook_secret")
    has_event_secret: bool = Field(validation_alias="has_event_secret", serialization_alias="has_event_secret")
    limits: GenesysLimits
    sender: str
    receipts: Literal["all", "final", "failed", "none"] | str
    prefetch_conversation_id: bool = Field(
        validation_alias="prefetch_conversation_id", serialization_alias="prefetch_conversation_id"
    )


class GenesysIntegrationList(Record):
    items: list[GenesysIntegrationAnswer]


class GenesysQueueAnswer(CamelRecord):
    """What waits for one OAuth client. `done_in_seconds`: when the last of it is through at `requests_per_minute`,
    should
    nothing be added, by this tenant or another that uses the client, and Genesys ask for no pause.

    `messages` are customers' messages and files, `receipts` what became of agents' messages, and `lookups` questions
    which
    conversation a customer is in.
    """

    client_id: str = Field(validation_alias="client_id", serialization_alias="client_id")
    login_url: str = Field(validation_alias="login_url", serialization_alias="login_url")
    integrations: list[str]
    requests_per_minute: int = Field(validation_alias="requests_per_minute", serialization_alias="requests_per_minute")
    waiting: int
    oldest_at: datetime | None = Field(validation_alias="oldest_at", serialization_alias="oldest_at")
    oldest_seconds: float = Field(validation_alias="oldest_seconds", serialization_alias="oldest_seconds")
    done_in_seconds: float = Field(validation_alias="done_in_seconds", serialization_alias="done_in_seconds")
    messages: BacklogAnswer
    receipts: BacklogAnswer
    lookups: BacklogAnswer


class GenesysQueueList(Record):
    items: list[GenesysQueueAnswer]


class HoldAnswer(Record):
    """Since when WhatsApp refuses the number: nothing of it leaves until somebody mends the cause. `error` is
    WhatsApp's.
    """

    since: datetime
    kind: Literal["auth", "account", "billing"] | str
    error: dict[str, Any]


class ProviderSettings(CamelRecord):
    allowed_domains: list[str] | None = Field(
        default=None, validation_alias="allowed_domains", serialization_alias="allowed_domains"
    )
    """Only e-mail addresses of these domains may log in; none named, and the provider alone decides."""
    default_role: Literal["admin", "supervisor", "agent", "viewer"] | str | None = Field(
        default=None, validation_alias="default_role", serialization_alias="default_role"
    )
    """What a person becomes who comes for the first time. None: only who is a member already may log in."""


class ProviderAnswer(CamelRecord):
    """`redirect_uri` is what the provider must be told; null as long as PUBLIC_URL is not set. The secret is never
    shown.
    """

    issuer: str
    client_id: str = Field(validation_alias="client_id", serialization_alias="client_id")
    settings: ProviderSettings
    redirect_uri: str | None = Field(validation_alias="redirect_uri", serialization_alias="redirect_uri")
    login_path: str = Field(validation_alias="login_path", serialization_alias="login_path")
    created_at: datetime = Field(validation_alias="created_at", serialization_alias="created_at")


class Quotas(CamelRecord):
    """What a tenant may use at the most, set by the platform. Unset, the installation's default holds, or no
    limit.
    """

    messages_per_second: float | None = Field(
        default=None, validation_alias="messages_per_second", serialization_alias="messages_per_second"
    )
    """Messages a second that `POST /state/message` records. Webhooks are never refused; tenants take turns with
    them.
    """
    api_calls_per_second: float | None = Field(
        default=None, validation_alias="api_calls_per_second", serialization_alias="api_calls_per_second"
    )
    """HTTP calls a second of all its keys, people and trusted callers. Unset, `TENANT_RATE_LIMIT` holds."""
    storage_bytes: int | None = Field(default=None, validation_alias="storage_bytes", serialization_alias="storage_bytes")
    """Bytes of customers' files that are kept at once; what comes beyond them is not stored, and its message stands
    without. Conversations and messages do not count yet.
    """
    websocket_connections: int | None = Field(
        default=None, validation_alias="websocket_connections", serialization_alias="websocket_connections"
    )
    """Live connections at once, each of which holds memory in a process; 0: none. Kept, not enforced yet."""


class WindowTemplate(Record):
    """An approved template of WhatsApp, and what it says: `components` as a send's (WhatsApp Cloud API, template
    messages).
    """

    name: str
    language: str
    components: list[dict[str, Any]] | None = None


class TenantSettings(CamelRecord):
    correlation: Literal["genesys", "local"] | str | None = None
    """`genesys`: `conversationId` is null until Genesys is correlated. `local`: it is our own id, for good."""
    mapping_ttl: str | None = Field(default=None, validation_alias="mapping_ttl", serialization_alias="mapping_ttl")
    """No message in either direction for so long and the conversation is expired (Genesys' threading time-out)."""
    unknown_ttl: str | None = Field(default=None, validation_alias="unknown_ttl", serialization_alias="unknown_ttl")
    """A send whose answer was lost is `failed` (`outcome_unknown`) when no status came for so long."""
    replay_ttl: str | None = Field(default=None, validation_alias="replay_ttl", serialization_alias="replay_ttl")
    """How long events are kept for readers that were away."""
    account_events_ttl: str | None = Field(
        default=None, validation_alias="account_events_ttl", serialization_alias="account_events_ttl"
    )
    """How long what WhatsApp said of accounts and numbers is kept: longer than a year, to compare with the last
    one.
    """
    window_policy: Literal["refuse", "template", "hold"] | str | None = Field(
        default=None, validation_alias="window_policy", serialization_alias="window_policy"
    )
    """What becomes of an agent's message when the customer's last one is more than 24 hours old: it is refused and
    the agent is told, `window_template` is sent for it, or it is held until the customer writes. `hold` holds a
    service's text too, but not one to somebody who never wrote: that is refused (`window_closed`), unless it says
    `holdUntilWindow`.
    """
    window_template: WindowTemplate | None = Field(
        default=None, validation_alias="window_template", serialization_alias="window_template"
    )
    """What the policy `template` sends. Where its parameters hold `{text}`, the agent's text goes out in it; else the
    text is held until the customer answers.
    """
    hold_ttl: str | None = Field(default=None, validation_alias="hold_ttl", serialization_alias="hold_ttl")
    """How long a held message waits for its customer to write, 30 days at most; then it is failed."""
    genesys_identity: Literal["contact", "wa_id"] | str | None = Field(
        default=None, validation_alias="genesys_identity", serialization_alias="genesys_identity"
    )
    """What the customer is called towards Genesys: our contact id, which survives a change of number, or the
    `wa_id`.
    """
    genesys_attachments: bool | None = Field(
        default=None, validation_alias="genesys_attachments", serialization_alias="genesys_attachments"
    )
    """Agents get a customer's file as an attachment, where `PUBLIC_URL` says under which address Genesys loads it.
    false: a line that names it, for integrations whose supported content has no files.
    """
    genesys_typing: bool | None = Field(default=None, validation_alias="genesys_typing", serialization_alias="genesys_typing")
    """While an agent or bot writes, the customer sees that somebody types; what they wrote is shown as read with
    it.
    """
    text_format: Literal["plain", "markdown"] | str | None = Field(
        default=None, validation_alias="text_format", serialization_alias="text_format"
    )
    """How agents and bots write. `plain`: a text goes as it is, and WhatsApp shows its own marks in it. `markdown`:
    `**bold**`, `*italic*`, `~~struck~~` and `[name](address)` go as WhatsApp shows them, and a customer's marks come
    as Markdown.
    """
    agent_scope: Literal["all", "assigned"] | str | None = Field(
        default=None, validation_alias="agent_scope", serialization_alias="agent_scope"
    )
    """What agents and viewers see of conversations and messages, in lists, searches and histories alike. `assigned`:
    those that are assigned to them, and of those that nobody has the ones in their queues, and the ones in which they
    speak.
    """
    genesys_silence: str | None = Field(default=None, validation_alias="genesys_silence", serialization_alias="genesys_silence")
    """Nothing was said in an open conversation for so long, and Genesys is asked whether it has ended there, and
    whether all that agents wrote has come. Longer, fewer of the OAuth client's requests go into that.
    """
    agent_lease: str | None = Field(default=None, validation_alias="agent_lease", serialization_alias="agent_lease")
    """A person who has a conversation and has done nothing in it for so long has it no more: nobody has it then, and
    what the customer wrote and nobody answered goes to Genesys. It is longer than it takes to look something up, and
    no customer waits longer for somebody who left.
    """
    reopen_ttl: str | None = Field(default=None, validation_alias="reopen_ttl", serialization_alias="reopen_ttl")
    """How long after a person closed a conversation it may be reopened. Later, what the customer writes begins a new
    one.
    """


class TenantAnswer(Record):
    """Settings with their defaults filled in; a quota of null is the installation's default, or no limit."""

    id: str
    name: str
    status: TenantStatus | str
    settings: TenantSettings
    quotas: Quotas


class WhatsAppLimits(CamelRecord):
    messages_per_second: float | None = Field(
        default=None, validation_alias="messages_per_second", serialization_alias="messages_per_second"
    )
    """Throughput of the number: 80 by default, 1,000 upgraded, 20 while the Business app shares it (Meta error
    130429).
    """
    pair_interval: float | None = Field(default=None, validation_alias="pair_interval", serialization_alias="pair_interval")
    """Seconds between messages to one customer, in the long run (Meta error 131056); an hour at most, 0: no limit."""
    pair_burst: int | None = Field(default=None, validation_alias="pair_burst", serialization_alias="pair_burst")
    """Messages to one customer that may leave at once, borrowed from the future."""


class WhatsAppAccountAnswer(CamelRecord):
    id: UUID
    phone_number_id: str = Field(validation_alias="phone_number_id", serialization_alias="phone_number_id")
    display_phone_number: str = Field(validation_alias="display_phone_number", serialization_alias="display_phone_number")
    business_account_id: str = Field(validation_alias="business_account_id", serialization_alias="business_account_id")
    meta_app_id: str = Field(validation_alias="meta_app_id", serialization_alias="meta_app_id")
    api_url: str = Field(validation_alias="api_url", serialization_alias="api_url")
    has_access_token: bool = Field(validation_alias="has_access_token", serialization_alias="has_access_token")
    limits: WhatsAppLimits
    genesys_integration: str | None = Field(validation_alias="genesys_integration", serialization_alias="genesys_integration")
    sender: str
    is_default: bool = Field(validation_alias="is_default", serialization_alias="is_default")
    is_active: bool = Field(validation_alias="is_active", serialization_alias="is_active")
    held: HoldAnswer | None
    facts: FactsAnswer | None


class WhatsAppAccountList(Record):
    items: list[WhatsAppAccountAnswer]
