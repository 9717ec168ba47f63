"""Tenants, and the accounts through which they reach WhatsApp and Genesys."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from waystate.documents import JsonObject, is_name, is_whole
from waystate.errors import BadRequest, Conflict, Forbidden
from waystate.ids import PLATFORM, TENANT_ID_PATTERN, TenantId, new_id

Sender = Literal["waystate", "external"]
"""Who calls the platform. With `external`, Waystate only publishes and makes no delivery."""

WEBHOOK_SECRET_FLOOR = 16
"""Characters. Genesys refuses an outboundNotificationWebhookSignatureSecretToken of 15 or fewer."""

_PATH_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
REGIONS = (
    *("mypurecloud.com", "mypurecloud.com.au", "mypurecloud.de", "mypurecloud.ie", "mypurecloud.jp"),
    *("apne2.pure.cloud", "apne3.pure.cloud", "aps1.pure.cloud", "apse1.pure.cloud", "cac1.pure.cloud", "euc2.pure.cloud"),
    *("euw2.pure.cloud", "mec1.pure.cloud", "mxc1.pure.cloud", "sae1.pure.cloud", "usw2.pure.cloud"),
    *("use2.us-gov-pure.cloud", "edee1.eusc-pure.cloud"),
)
"""Domains of Genesys Cloud: https://developer.genesys.cloud/platform/api/ lists them."""
_WRONG_REGION = f"must be the domain of a Genesys Cloud region, one of {', '.join(REGIONS)}"
_REGION = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_DURATION = re.compile(
    r"-?P(?=\d|T\d)({0}Y)?({0}M)?({0}W)?({0}D)?(T(?=\d)({0}H)?({0}M)?({0}S)?)?".replace("{0}", r"\d+(?:[.,]\d+)?"), re.ASCII
)
_LONGEST_DURATION = timedelta(days=36_525)
"""A hundred years: added to any of our times, it stays one."""
_LOOPBACK_URL = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/.*)?", re.DOTALL)


_NOT_A_NAME = "must have no control characters (such as NUL or ESC), no lone surrogate, and no U+FFFD, which stands for one"
_NOT_WHOLE = "must have no NUL, no lone surrogate, and no U+FFFD, which stands for one: copy it anew"


def check_url(value: str) -> str:
    """Bearer tokens go there, so it is TLS; plain HTTP only to this machine (the simulator)."""
    if not is_name(value):
        raise ValueError(_NOT_A_NAME)
    if value.startswith("https://") or _LOOPBACK_URL.fullmatch(value):
        return value.rstrip("/")
    raise ValueError("must start with https:// (http:// is accepted for this machine only)")


def _check_name(value: str) -> str:
    if not is_name(value):
        raise ValueError(_NOT_A_NAME)
    return value


def _check_secret(value: str) -> str:
    if not is_whole(value):
        raise ValueError(_NOT_WHOLE)
    return value


def _check_region(value: str) -> str:
    if _REGION.fullmatch(value) is None:
        raise ValueError(_WRONG_REGION)
    return value


def _check_tenant_id(value: TenantId) -> TenantId:
    if re.fullmatch(TENANT_ID_PATTERN, value) is None:
        raise ValueError("must be 1 to 63 characters of a-z, 0-9 and '-', and not start with '-'")
    return value


def _check_path_id(value: str) -> str:
    if _PATH_ID.fullmatch(value) is None:
        raise ValueError("must be the id as the platform shows it: letters, digits, '-', '_' and '.', no spaces, no '+'")
    return value


def _check_webhook_secret(value: str) -> str:
    if len(value) < WEBHOOK_SECRET_FLOOR:
        raise ValueError(f"must have at least {WEBHOOK_SECRET_FLOOR} characters: Genesys refuses shorter ones")
    return value


def _check_event_secret(value: str) -> str:
    if len(value) < WEBHOOK_SECRET_FLOOR or not value.isascii() or not value.isprintable() or value != value.strip():
        raise ValueError(
            f"must have at least {WEBHOOK_SECRET_FLOOR} characters, of those that a header can carry: no letters with accents, "
            "and no space at either end"
        )
    return value


def _check_duration(value: Any) -> Any:
    """A plain number says no unit, and words in a spelling of somebody's are understood by nobody else."""
    if not isinstance(value, timedelta) and (not isinstance(value, str) or _DURATION.fullmatch(value) is None):
        raise ValueError('must be an ISO 8601 duration, such as "PT72H", "PT10M" or "P7D"')
    return value


def _check_length(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than zero")
    if value > _LONGEST_DURATION:
        raise ValueError(f"must be at most P{_LONGEST_DURATION.days}D, a hundred years")
    return value


Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_check_name)]
PathId = Annotated[str, AfterValidator(_check_path_id)]
"""An id that stands in a path (a webhook callback of ours, a call to the platform) as it is."""
SecretText = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(_check_secret)]
Secret = Annotated[SecretText, Field(repr=False)]
Url = Annotated[str, AfterValidator(check_url)]
Region = Annotated[str, AfterValidator(_check_region)]


def _write_duration(value: timedelta) -> str:
    """In days and less: pydantic writes 400 days as `P1Y35D`, which RFC 3339 does not know, and a year is no number of days."""
    rest = value - timedelta(days=value.days)
    time = _TIMEDELTA.dump_python(rest, mode="json").removeprefix("P") if rest or not value.days else ""
    return f"P{value.days}D{time}" if value.days else f"P{time}"


_TIMEDELTA = TypeAdapter(timedelta)
Duration = Annotated[
    timedelta,
    BeforeValidator(_check_duration),
    AfterValidator(_check_length),
    PlainSerializer(_write_duration, return_type=str, when_used="json"),
]


class _Value(BaseModel):
    # An error message must not repeat a secret that was typed into the wrong field.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class WindowTemplate(_Value):
    """An approved template of WhatsApp, and what it says: `components` as a send's (WhatsApp Cloud API, template messages)."""

    name: Word
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,4})?$")]
    components: Annotated[tuple[JsonObject, ...], Field(max_length=10)] = ()


class TenantSettings(_Value):
    correlation: Literal["genesys", "local"] = "genesys"
    """`genesys`: `conversationId` is null until Genesys is correlated. `local`: it is our own id, for good."""

    mapping_ttl: Duration = timedelta(hours=72)
    """No message in either direction for so long and the conversation is expired (Genesys' threading time-out)."""

    unknown_ttl: Duration = timedelta(minutes=10)
    """A send whose answer was lost is `failed` (`outcome_unknown`) when no status came for so long."""

    replay_ttl: Duration = timedelta(days=7)
    """How long events are kept for readers that were away."""

    account_events_ttl: Duration = timedelta(days=400)
    """How long what WhatsApp said of accounts and numbers is kept: longer than a year, to compare with the last one."""

    window_policy: Literal["refuse", "template", "hold"] = "refuse"
    """What becomes of an agent's message when the customer's last one is more than 24 hours old: it is refused and the agent
    is told, `window_template` is sent for it, or it is held until the customer writes. `hold` holds a service's text too, but
    not one to somebody who never wrote: that is refused (`window_closed`), unless it says `holdUntilWindow`."""

    window_template: WindowTemplate | None = None
    """What the policy `template` sends. Where its parameters hold `{text}`, the agent's text goes out in it; else the text is
    held until the customer answers."""

    hold_ttl: Annotated[Duration, Field(le=timedelta(days=30))] = timedelta(days=7)
    """How long a held message waits for its customer to write, 30 days at most; then it is failed."""

    genesys_identity: Literal["contact", "wa_id"] = "contact"
    """What the customer is called towards Genesys: our contact id, which survives a change of number, or the `wa_id`."""

    genesys_attachments: bool = True
    """Agents get a customer's file as an attachment, where `PUBLIC_URL` says under which address Genesys loads it. false: a
    line that names it, for integrations whose supported content has no files."""

    genesys_typing: bool = True
    """While an agent or bot writes, the customer sees that somebody types; what they wrote is shown as read with it."""

    text_format: Literal["plain", "markdown"] = "plain"
    """How agents and bots write. `plain`: a text goes as it is, and WhatsApp shows its own marks in it. `markdown`: `**bold**`,
    `*italic*`, `~~struck~~` and `[name](address)` go as WhatsApp shows them, and a customer's marks come as Markdown."""
    agent_scope: Literal["all", "assigned"] = "all"
    """What agents and viewers see of conversations and messages, in lists, searches and histories alike. `assigned`: those that
    are assigned to them, and of those that nobody has the ones in their queues, and the ones in which they speak."""

    genesys_silence: Duration = timedelta(hours=1)
    """Nothing was said in an open conversation for so long, and Genesys is asked whether it has ended there, and whether all
    that agents wrote has come. Longer, fewer of the OAuth client's requests go into that."""

    agent_lease: Duration = timedelta(minutes=30)
    """A person who has a conversation and has done nothing in it for so long has it no more: nobody has it then, and what the
    customer wrote and nobody answered goes to Genesys. It is longer than it takes to look something up, and no customer waits
    longer for somebody who left."""

    reopen_ttl: Duration = timedelta(days=7)
    """How long after a person closed a conversation it may be reopened. Later, what the customer writes begins a new one."""

    @model_validator(mode="after")
    def _has_its_template(self) -> "TenantSettings":
        if self.window_policy == "template" and self.window_template is None:
            raise ValueError("window_policy 'template' needs window_template, its name and language (hello_world, en_US)")
        return self


class Quotas(_Value):
    """What a tenant may use at the most, set by the platform. Unset, the installation's default holds, or no limit."""

    messages_per_second: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Messages a second that `POST /state/message` records. Webhooks are never refused; tenants take turns with them."""

    api_calls_per_second: Annotated[float, Field(gt=0, le=100_000)] | None = None
    """HTTP calls a second of all its keys, people and trusted callers. Unset, `TENANT_RATE_LIMIT` holds."""

    storage_bytes: Annotated[int, Field(ge=1_000_000, le=1_000_000_000_000_000)] | None = None
    """Bytes of customers' files that are kept at once; what comes beyond them is not stored, and its message stands without.
    Conversations and messages do not count yet."""

    websocket_connections: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Live connections at once, each of which holds memory in a process; 0: none. Kept, not enforced yet."""


class TenantStatus(StrEnum):
    """`suspended`: it receives and keeps, but sends nothing and lets nobody in. `deleting`: it is gone, its rows not yet."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETING = "deleting"


class Tenant(_Value):
    id: Annotated[TenantId, AfterValidator(_check_tenant_id)]
    name: Word
    settings: TenantSettings = TenantSettings()
    quotas: Quotas = Quotas()
    status: TenantStatus = TenantStatus.ACTIVE


class MetaApp(_Value):
    """One app at Meta; it may serve many numbers and tenants. The callback is `/webhooks/whatsapp/{id}`."""

    id: PathId
    app_secret: Secret
    verify_token: Secret


class WhatsAppLimits(_Value):
    messages_per_second: Annotated[float, Field(gt=0, le=10_000)] = 80.0
    """Throughput of the number: 80 by default, 1,000 upgraded, 20 while the Business app shares it (Meta error 130429)."""

    pair_interval: Annotated[float, Field(ge=0)] = 6.0
    """Seconds between messages to one customer, in the long run (Meta error 131056); an hour at most, 0: no limit."""

    pair_burst: Annotated[int, Field(ge=1)] = 45
    """Messages to one customer that may leave at once, borrowed from the future."""


class GenesysLimits(_Value):
    requests_per_minute: Annotated[int, Field(gt=0, le=100_000)] = 300
    """Of one OAuth client (`client.credentials.token.rate.per.minute`); Genesys support can raise it. All integrations that use
    the client share it, and where they say different numbers the least counts."""


Limits = WhatsAppLimits | GenesysLimits

Receipts = Literal["all", "final", "failed", "none"]
"""What Genesys is told of agents' messages, each for a request of the client's budget: `final`, whether it was delivered or
failed; `failed`, only that it failed; `all`, also that WhatsApp took it (`Sent`); `none`, nothing."""


class WhatsAppAccount(_Value):
    """One business number of a tenant. `id` is ours; a set-up that names a known `phone_number_id` keeps the id it has."""

    id: UUID = Field(default_factory=new_id)
    phone_number_id: PathId
    display_phone_number: Word
    business_account_id: PathId
    meta_app_id: PathId
    api_url: Url = "https://graph.facebook.com/v26.0"
    access_token: Secret
    limits: WhatsAppLimits = WhatsAppLimits()
    genesys_integration_id: UUID | None = None
    sender: Sender = "waystate"
    is_default: bool = False
    is_active: bool = True


class GenesysIntegration(_Value):
    """One Open Messaging integration; it serves one number. The callback is `/webhooks/genesys/{integration_id}`."""

    id: UUID = Field(default_factory=new_id)
    integration_id: PathId
    region: Region
    api_url: Url = ""
    """Derived from the region unless given; `login_url` too. With both given, the region may be one that is not known here."""
    login_url: Url = ""
    client_id: Word
    client_secret: Secret
    webhook_secret: Annotated[Secret, AfterValidator(_check_webhook_secret)]
    event_secret: Annotated[SecretText, AfterValidator(_check_event_secret)] | None = Field(default=None, repr=False)
    """What comes to `/webhooks/genesys/{integration_id}/events` shows it in a header; None: nothing is taken there."""
    limits: GenesysLimits = GenesysLimits()
    sender: Sender = "waystate"
    receipts: Receipts = "final"
    prefetch_conversation_id: bool = True
    """Genesys tells its conversation's id with each answer, which then takes longer. false: it is looked up afterwards."""

    @model_validator(mode="before")
    @classmethod
    def _derive_urls(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(region := data.get("region"), str):
            derived = {"api_url": f"https://api.{region}", "login_url": f"https://login.{region}"}
            given = {name: value for name, value in data.items() if value or name not in derived}
            if region not in REGIONS and not derived.keys() <= given.keys():
                wrong = InitErrorDetails(
                    type=PydanticCustomError("unknown_region", "{said}", {"said": _WRONG_REGION}), loc=("region",), input=region
                )
                raise ValidationError.from_exception_data(cls.__name__, [wrong], hide_input=True)
            return derived | given
        return data


HoldKind = Literal["auth", "account", "billing"]
"""What WhatsApp has against a number: its credentials, the number or its business account, a payment."""


class Hold(NamedTuple):
    """Why nothing of a number leaves, and since when; `told_by` the answer to a send, or a status of one that was accepted."""

    phone_number_id: str
    since: datetime
    kind: HoldKind
    told_by: Literal["answer", "status"]
    error: JsonObject


class NumberFacts(NamedTuple):
    """What WhatsApp said last of a number, and when: `quality` FLAGGED or UNFLAGGED, `messaging_limit` a tier or a count of
    customers a day."""

    phone_number_id: str
    quality: str | None = None
    quality_at: datetime | None = None
    messaging_limit: str | None = None
    messaging_limit_at: datetime | None = None


class Senders(NamedTuple):
    """Who sends for a number to each platform, `waystate` or `external`; `genesys` is None where it has no integration."""

    whatsapp: str
    genesys: str | None


class Ways(NamedTuple):
    """Whether Waystate sends to WhatsApp and to Genesys for a number."""

    to_whatsapp: bool
    to_genesys: bool


class FormerWays(NamedTuple):
    """What Waystate sent for a number until a change of it; `until`: the position of the newest event at that moment."""

    until: int
    ways: Ways


class RouteKind(StrEnum):
    PHONE_NUMBER_ID = "phone_number_id"
    WABA = "waba"
    GENESYS_INTEGRATION = "genesys_integration"


class Route(NamedTuple):
    """Whose an id of a platform is, since a `revision` of the directory. For `waba` the account is one of that WABA's."""

    tenant_id: TenantId
    account_id: UUID
    revision: int


def sentences_of(error: ValidationError) -> list[str]:
    """What is wrong, one sentence a field, without the values."""
    return [
        f"{'.'.join(str(part) for part in each['loc']) or 'the document'}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors(include_input=False, include_url=False)
    ]


def read_settings(stored: JsonObject) -> TenantSettings:
    """Stored settings; a key that a newer release wrote is ignored, since releases N and N-1 run side by side."""
    return TenantSettings.model_validate(stored, extra="ignore")


def read_quotas(stored: JsonObject) -> Quotas:
    return Quotas.model_validate(stored, extra="ignore")


def check_ordinary(tenant_id: TenantId) -> None:
    """The platform's own tenant holds its keys and log; it has no name to choose and no numbers."""
    if tenant_id == PLATFORM:
        raise Conflict("tenant_reserved", f"The tenant '{PLATFORM}' is the platform itself. Choose another id.")


def check_active(status: TenantStatus) -> None:
    """Before a login, a key or a trusted caller is let in."""
    if status is not TenantStatus.ACTIVE:
        raise Forbidden(
            "tenant_suspended",
            "This tenant is suspended: nobody is let in, and what it receives is kept. "
            "An administrator of the platform can resume it; ask the operator of this installation.",
        )


def dump_stored(value: TenantSettings | Quotas | WhatsAppLimits | GenesysLimits) -> JsonObject:
    """Only what was said, so that what was not follows the default of the running release."""
    return value.model_dump(mode="json", exclude_unset=True)


def changed_integrations(have: Iterable[GenesysIntegration], want: Iterable[GenesysIntegration]) -> list[GenesysIntegration]:
    """What must be written so that `have` becomes `want`; a known integration keeps its id."""
    known = {each.integration_id: each for each in have}
    wanted = {each.integration_id: each for each in want}
    _check_ids({each.id: key for key, each in known.items()}, {key: each.id for key, each in wanted.items()})
    settled = [each.model_copy(update={"id": known[key].id}) if key in known else each for key, each in sorted(wanted.items())]
    return [each for each in settled if each != known.get(each.integration_id)]


def changed_accounts(have: Iterable[WhatsAppAccount], want: Iterable[WhatsAppAccount]) -> list[WhatsAppAccount]:
    """What must be written so that `have` becomes `want`: a known number keeps its id, a new default ends the old one."""
    known = {each.phone_number_id: each for each in have}
    wanted = {each.phone_number_id: each for each in want}
    _check_ids({each.id: key for key, each in known.items()}, {key: each.id for key, each in wanted.items()})
    defaults = [number for number, each in wanted.items() if each.is_default]
    if len(defaults) > 1:
        listed = ", ".join(sorted(defaults))
        raise BadRequest("two_default_accounts", f"Only one number can be the default, not {listed}. Mark one of them.")
    result = dict(known)
    if defaults:
        result |= {number: each.model_copy(update={"is_default": False}) for number, each in known.items()}
    for number, each in wanted.items():
        result[number] = each.model_copy(update={"id": known[number].id}) if number in known else each
    _check_one_number_an_integration(result.values())
    return [result[number] for number in sorted(result) if result[number] != known.get(number)]


def default_of(accounts: Iterable[WhatsAppAccount]) -> WhatsAppAccount | None:
    """The active account marked as default, else the only active one."""
    active = [each for each in accounts if each.is_active]
    marked = [each for each in active if each.is_default]
    return marked[0] if marked else active[0] if len(active) == 1 else None


def _check_ids(owners: Mapping[UUID, str], wanted: Mapping[str, UUID]) -> None:
    for name, identifier in wanted.items():
        owner = owners.get(identifier, name)
        if owner != name:
            raise Conflict("id_taken", f"The id {identifier} is that of {owner}. Leave the id out for {name}: it gets its own.")


def _check_one_number_an_integration(accounts: Iterable[WhatsAppAccount]) -> None:
    taken: dict[UUID, str] = {}
    for each in accounts:
        if each.genesys_integration_id is None:
            continue
        other = taken.setdefault(each.genesys_integration_id, each.phone_number_id)
        if other != each.phone_number_id:
            raise Conflict(
                "integration_taken",
                f"Numbers {other} and {each.phone_number_id} name the same Genesys integration {each.genesys_integration_id}, "
                "which can serve one number. Make a second integration in Genesys, or take it off one of them.",
            )
