"""What the simulator is told at its start: where Waystate listens, the secrets both share, the pace of the far sides."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from waystate.simulator.rules import PlatformRules

Seconds = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Secret = Annotated[str, Field(min_length=1, repr=False)]


class OAuthClientConfig(BaseModel):
    """One more OAuth client of Genesys; `permissions` None: all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, pattern=r"^[^|:]+$")
    secret: Secret
    permissions: frozenset[Annotated[str, Field(pattern=r"^\w+:\w+:\w+$")]] | None = None


class SimulatorConfig(BaseModel):
    """Frozen and checked. The first block has no defaults: it must agree with Waystate's own accounts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    whatsapp_webhook_url: str
    app_secret: Secret
    phone_number_id: str
    display_phone_number: str
    waba_id: str
    genesys_webhook_url: str
    integration_id: str
    webhook_secret: Secret
    access_token: Secret
    client_id: str
    client_secret: Secret

    own_url: str | None = None
    """Where the simulator is reached: webhooks name the address of a customer's file there, for five minutes. None: they name
    its id alone."""

    seed: int = 1
    """Texts, faults and delays are drawn from it; the traffic itself is as reproducible as the network between the two."""

    answer_delay: Seconds = 0.0
    """Both APIs take at least this long."""
    late_delay: Seconds = 60.0
    """What `late` waits before it answers: longer than the caller does."""
    retry_after: Annotated[int, Field(ge=0)] = 1
    """Seconds, in the Retry-After header of a 429."""

    sent_delay: Seconds = 0.1
    delivered_delay: Seconds = 0.3
    read_delay: Seconds = 1.0
    """Each is counted from the send and varies between half and one and a half of this."""
    read_share: Share = 1.0

    agent_reply_share: Share = 1.0
    agent_typing_share: Share = 0.1
    agent_file_share: Share = 0.0
    """Answers with a file, where `own_url` says where Waystate can load it."""
    agent_structured_share: Share = 0.0
    """Answers that a bot gives instead: buttons, cards and whatever else is structured, one of the examples."""
    agent_end_share: Share = 0.0
    """Answers after which the agent ends the conversation, where no other answer waits."""
    agent_end_after: Annotated[int, Field(ge=1)] = 1
    """The first of an agent's answers to a customer that may be the last."""
    agent_reply_delay: Seconds = 1.0

    webhook_timeout: Seconds = 10.0
    meta_retry_first: Seconds = 0.5
    meta_retry_longest: Seconds = 30.0
    meta_retry_for: Seconds = 3600.0
    """Meta's pauses double from the first to the longest until the sum reaches this (Meta: up to 7 days)."""
    genesys_retry_interval: Seconds = 5.0
    genesys_retries: Annotated[int, Field(ge=0)] = 5
    """With the time-out of 10 s a message is lost after 6 attempts, 85 s in all."""
    genesys_time_factor: Annotated[float, Field(gt=0)] = 1.0
    """What a second of Genesys' lasts, in seconds: of its time-out, its pauses and the minute of its rate limit. With 1/60
    the minute is a second, and 300 requests a minute are 300 a second."""
    genesys_requests_per_minute: Annotated[int, Field(ge=1)] = 300
    """Of each OAuth client; Genesys raises it on request."""
    genesys_known_messages: bool = True
    """A receipt, or an answer to a structured message, needs a message that Genesys sent. Off for a test that writes as the
    agents itself."""
    genesys_clients: tuple[OAuthClientConfig, ...] = ()
    """Beside the one of `client_id`, which may do everything."""
    genesys_token_life: Annotated[int, Field(ge=1)] = 86_399
    """Seconds, real ones."""
    genesys_threading: Seconds = 259_200.0
    """Who writes within this time of a conversation's end goes on in it, under the same id; then in a new one."""
    genesys_text_limit: Annotated[int, Field(ge=1)] = 10_000
    """Characters of a text; no source tells Genesys' own limit."""
    genesys_media_types: tuple[str, ...] = ("*/*",)
    """What the integrations' supported content profile lets customers attach, such as `image/*`."""
    genesys_events_url: str | None = None
    """Where ends of conversations are told, as Amazon EventBridge tells them: `POST /webhooks/genesys/{id}/events`."""
    genesys_events_header: tuple[str, str] | None = Field(default=None, repr=False)
    """Name and value of the header that an API destination authenticates itself by."""

    bsuid_only_share: Share = 0.1
    """Customers without a phone number: known by a business-scoped user id alone."""

    rules: PlatformRules = PlatformRules()

    connections: Annotated[int, Field(ge=1)] = 50
    journal_limit: Annotated[int, Field(ge=1)] = 200_000
    """Entries kept of each kind; the oldest go first, and an evicted entry is no longer recognised as a repeat."""
