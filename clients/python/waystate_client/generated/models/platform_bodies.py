"""Of `platform_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from waystate_client.generated.models.tenant import Quotas, WindowTemplate
from waystate_client.generated.models.tenant_bodies import TenantSettingsChanges
from waystate_client.records import CamelRecord, Record

__all__ = ["DeletionBody", "MetaAppBody", "NewTenant", "PlatformTenantChange", "QuotasChanges", "Replay", "TenantSettingsInput"]


class DeletionBody(Record):
    confirm: str
    """The tenant's id once more: this cannot be undone"""


class MetaAppBody(CamelRecord):
    app_secret: str | None = Field(default=None, validation_alias="app_secret", serialization_alias="app_secret")
    """Left out, the one that is stored stays. It is shown to nobody."""
    verify_token: str | None = Field(default=None, validation_alias="verify_token", serialization_alias="verify_token")
    """Left out, the one that is stored stays. It is shown to nobody."""


class TenantSettingsInput(CamelRecord):
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


class NewTenant(Record):
    id: str
    """1 to 63 characters of a-z, 0-9 and '-', for good"""
    name: str
    settings: TenantSettingsInput | None = None
    quotas: Quotas | None = None


class QuotasChanges(CamelRecord):
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


class PlatformTenantChange(Record):
    """What is left out stays; null sets a setting or quota back to its default."""

    name: str | None = None
    settings: TenantSettingsChanges | None = None
    quotas: QuotasChanges | None = None


class Replay(Record):
    """Rejected bodies by `ids`, or `all` of them."""

    ids: list[UUID] | None = None
    all: Literal[True] | None = None
