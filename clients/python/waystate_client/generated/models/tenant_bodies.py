"""Of `tenant_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from typing import Literal

from pydantic import Field

from waystate_client.generated.models.tenant import GenesysLimits, ProviderSettings, WhatsAppLimits, WindowTemplate
from waystate_client.records import CamelRecord, Record

__all__ = ["GenesysIntegrationBody", "ProviderBody", "TenantChange", "TenantSettingsChanges", "WhatsAppAccountBody"]


class GenesysIntegrationBody(CamelRecord):
    region: str
    client_id: str = Field(validation_alias="client_id", serialization_alias="client_id")
    client_secret: str | None = Field(default=None, validation_alias="client_secret", serialization_alias="client_secret")
    """Left out, the one that is stored stays; a new region takes it anew. It is shown to nobody."""
    webhook_secret: str | None = Field(default=None, validation_alias="webhook_secret", serialization_alias="webhook_secret")
    """At least 16 characters, the same as in Genesys. Left out, the one that is stored stays. It is shown to
    nobody.
    """
    event_secret: str | None = Field(default=None, validation_alias="event_secret", serialization_alias="event_secret")
    """At least 16 characters, which whoever tells of ends of conversations shows in a header. Left out, the one that
    is stored stays; without one nothing is taken there. It is shown to nobody.
    """
    limits: GenesysLimits | None = None
    sender: Literal["waystate", "external"] | str | None = None
    receipts: Literal["all", "final", "failed", "none"] | str | None = None
    """What Genesys is told of agents' messages, each for a request of the client's budget: `final`, whether it was
    delivered or failed; `failed`, only that it failed; `all`, also that WhatsApp took it (`Sent`); `none`,
    nothing.
    """
    prefetch_conversation_id: bool | None = Field(
        default=None, validation_alias="prefetch_conversation_id", serialization_alias="prefetch_conversation_id"
    )
    """Genesys tells its conversation's id with each answer, which then takes longer. false: it is looked up
    afterwards.
    """


class ProviderBody(CamelRecord):
    """`client_secret` may be left out where one is kept already, for the same issuer and client."""

    issuer: str
    client_id: str = Field(validation_alias="client_id", serialization_alias="client_id")
    client_secret: str | None = Field(default=None, validation_alias="client_secret", serialization_alias="client_secret")
    settings: ProviderSettings | None = None


class TenantSettingsChanges(CamelRecord):
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


class TenantChange(Record):
    """What is left out stays; null sets a setting back to its default."""

    name: str | None = None
    settings: TenantSettingsChanges | None = None


class WhatsAppAccountBody(CamelRecord):
    display_phone_number: str = Field(validation_alias="display_phone_number", serialization_alias="display_phone_number")
    business_account_id: str = Field(validation_alias="business_account_id", serialization_alias="business_account_id")
    meta_app_id: str = Field(validation_alias="meta_app_id", serialization_alias="meta_app_id")
    access_token: str | None = Field(default=None, validation_alias="access_token", serialization_alias="access_token")
    """Left out, the one that is stored stays. It is shown to nobody."""
    limits: WhatsAppLimits | None = None
    genesys_integration: str | None = Field(
        default=None, validation_alias="genesys_integration", serialization_alias="genesys_integration"
    )
    """The id of the integration in Genesys that serves this number."""
    sender: Literal["waystate", "external"] | str | None = None
    is_default: bool | None = Field(default=None, validation_alias="is_default", serialization_alias="is_default")
    is_active: bool | None = Field(default=None, validation_alias="is_active", serialization_alias="is_active")
