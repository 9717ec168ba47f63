"""What `/v1/tenant` and `/v1/platform` take and answer. Names are those of the tenant file; secrets only ever come in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from waystate.documents import JsonObject
from waystate.errors import Unprocessable
from waystate.tenants.change import Changes
from waystate.tenants.erasure.erase import Erased
from waystate.tenants.model import (
    GenesysIntegration,
    GenesysLimits,
    Hold,
    HoldKind,
    MetaApp,
    NumberFacts,
    PathId,
    Quotas,
    Receipts,
    Region,
    SecretText,
    Sender,
    Tenant,
    TenantSettings,
    TenantStatus,
    WhatsAppAccount,
    WhatsAppLimits,
    Word,
)
from waystate.web.problems import invalid_fields

M = TypeVar("M", bound=BaseModel)

WrittenOnly = Annotated[SecretText | None, Field(repr=False)]
"""A secret: None, where it is left out, keeps the one that is stored. No answer has it."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)


def _changes_of(model: type[BaseModel]) -> type[BaseModel]:
    """Each field may be left out, which keeps it, or null, which is its default again."""
    fields: dict[str, Any] = {
        name: (Annotated[(field.annotation, *field.metadata)] | None, Field(None, description=field.description))
        if field.metadata
        else (field.annotation | None, Field(None, description=field.description))  # type: ignore[operator]
        for name, field in model.model_fields.items()
    }
    return create_model(f"{model.__name__}Changes", __base__=_Body, **fields)


SettingsChanges: Any = _changes_of(TenantSettings)
QuotasChanges: Any = _changes_of(Quotas)


class TenantChange(_Body):
    """What is left out stays; null sets a setting back to its default."""

    name: Word | None = None
    settings: SettingsChanges | None = None

    def changes(self) -> Changes:
        settings = None if self.settings is None else self.settings.model_dump(exclude_unset=True)
        return Changes(name=self.name, settings=settings)


class PlatformTenantChange(TenantChange):
    """What is left out stays; null sets a setting or quota back to its default."""

    quotas: QuotasChanges | None = None

    def changes(self) -> Changes:
        quotas = None if self.quotas is None else self.quotas.model_dump(exclude_unset=True)
        said = super().changes()
        return Changes(name=said.name, settings=said.settings, quotas=quotas)


class NewTenant(_Body):
    id: Annotated[str, Field(description="1 to 63 characters of a-z, 0-9 and '-', for good")]
    name: Word
    settings: TenantSettings = TenantSettings()
    quotas: Quotas = Quotas()

    def tenant(self) -> Tenant:
        return built(Tenant, {"id": self.id, "name": self.name, "settings": self.settings, "quotas": self.quotas})


class DeletionBody(_Body):
    confirm: Annotated[str, Field(description="The tenant's id once more: this cannot be undone")]


class WhatsAppAccountBody(_Body):
    display_phone_number: Word
    business_account_id: PathId
    meta_app_id: PathId
    access_token: WrittenOnly = None
    """Left out, the one that is stored stays. It is shown to nobody."""
    limits: WhatsAppLimits = WhatsAppLimits()
    genesys_integration: PathId | None = None
    """The id of the integration in Genesys that serves this number."""
    sender: Sender = "waystate"
    is_default: bool = False
    is_active: bool = True

    def account(
        self, number: str, api_url: str, known: WhatsAppAccount | None, integrations: Sequence[GenesysIntegration]
    ) -> WhatsAppAccount:
        """Where the platform is reached is the operator's choice alone: the token goes there."""
        said: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields if name != "genesys_integration"}
        ids = {each.integration_id: each.id for each in integrations}
        if self.genesys_integration is not None and self.genesys_integration not in ids:
            raise _wrong("genesys_integration", "this tenant has no such integration; set it up first")
        said["genesys_integration_id"] = None if self.genesys_integration is None else ids[self.genesys_integration]
        said |= {"phone_number_id": number, "api_url": api_url}
        if known is not None:
            said |= {"id": known.id, "api_url": known.api_url}
        if self.access_token is None:
            if known is None:
                raise _wrong("access_token", "a new number needs one")
            said["access_token"] = known.access_token
        return built(WhatsAppAccount, said)


class GenesysIntegrationBody(_Body):
    region: Region
    client_id: Word
    client_secret: WrittenOnly = None
    """Left out, the one that is stored stays; a new region takes it anew. It is shown to nobody."""
    webhook_secret: WrittenOnly = None
    """At least 16 characters, the same as in Genesys. Left out, the one that is stored stays. It is shown to nobody."""
    event_secret: WrittenOnly = None
    """At least 16 characters, which whoever tells of ends of conversations shows in a header. Left out, the one that is stored
    stays; without one nothing is taken there. It is shown to nobody."""
    limits: GenesysLimits = GenesysLimits()
    sender: Sender = "waystate"
    receipts: Receipts = "final"
    """What Genesys is told of agents' messages, each for a request of the client's budget: `final`, whether it was delivered or
    failed; `failed`, only that it failed; `all`, also that WhatsApp took it (`Sent`); `none`, nothing."""
    prefetch_conversation_id: bool = True
    """Genesys tells its conversation's id with each answer, which then takes longer. false: it is looked up afterwards."""

    def integration(self, name: str, known: GenesysIntegration | None) -> GenesysIntegration:
        """The URLs follow from the region: secrets go there, so nobody chooses them freely."""
        said: dict[str, Any] = {each: getattr(self, each) for each in type(self).model_fields} | {"integration_id": name}
        if known is not None:
            said["id"] = known.id
            if known.region == self.region:
                said |= {"api_url": known.api_url, "login_url": known.login_url}
        for secret in ("client_secret", "webhook_secret"):
            if said[secret] is None:
                if known is None:
                    raise _wrong(secret, "a new integration needs one")
                if secret == "client_secret" and known.region != self.region:
                    raise _wrong(secret, "a new region needs it again: a stored secret is not sent anywhere else")
                said[secret] = getattr(known, secret)
        if self.event_secret is None and known is not None:
            said["event_secret"] = known.event_secret
        return built(GenesysIntegration, said)


class MetaAppBody(_Body):
    app_secret: WrittenOnly = None
    """Left out, the one that is stored stays. It is shown to nobody."""
    verify_token: WrittenOnly = None
    """Left out, the one that is stored stays. It is shown to nobody."""

    def app(self, app_id: str, known: MetaApp | None) -> MetaApp:
        said = {"id": app_id}
        for secret in ("app_secret", "verify_token"):
            value = getattr(self, secret) or getattr(known, secret, None)
            if value is None:
                raise _wrong(secret, "a new app needs one")
            said[secret] = value
        return built(MetaApp, said)


class TenantAnswer(BaseModel):
    """Settings with their defaults filled in; a quota of null is the installation's default, or no limit."""

    id: str
    name: str
    status: TenantStatus
    settings: TenantSettings
    quotas: Quotas


class TenantPage(BaseModel):
    """`next` is the `after` of the next page, null on the last one."""

    items: list[TenantAnswer]
    next: str | None


class HoldAnswer(BaseModel):
    """Since when WhatsApp refuses the number: nothing of it leaves until somebody mends the cause. `error` is WhatsApp's."""

    since: datetime
    kind: HoldKind
    error: dict[str, Any]


class FactsAnswer(BaseModel):
    """What WhatsApp's webhooks said last: `quality` is FLAGGED or UNFLAGGED, `messaging_limit` a tier such as TIER_10K, or how
    many customers a day may be written to outside the window."""

    quality: str | None
    quality_at: datetime | None
    messaging_limit: str | None
    messaging_limit_at: datetime | None


class WhatsAppAccountAnswer(BaseModel):
    id: UUID
    phone_number_id: str
    display_phone_number: str
    business_account_id: str
    meta_app_id: str
    api_url: str
    has_access_token: bool
    limits: WhatsAppLimits
    genesys_integration: str | None
    sender: str
    is_default: bool
    is_active: bool
    held: HoldAnswer | None
    facts: FactsAnswer | None


class WhatsAppAccountList(BaseModel):
    items: list[WhatsAppAccountAnswer]


class GenesysIntegrationAnswer(BaseModel):
    id: UUID
    integration_id: str
    region: str
    api_url: str
    login_url: str
    client_id: str
    has_client_secret: bool
    has_webhook_secret: bool
    has_event_secret: bool
    limits: GenesysLimits
    sender: str
    receipts: Receipts
    prefetch_conversation_id: bool


class GenesysIntegrationList(BaseModel):
    items: list[GenesysIntegrationAnswer]


class MetaAppAnswer(BaseModel):
    id: str
    has_app_secret: bool = True
    has_verify_token: bool = True
    webhook_path: str


class MetaAppList(BaseModel):
    items: list[MetaAppAnswer]


class DeletionAnswer(BaseModel):
    """`deleted` counts rows by table, of all calls; `left` are the tables that may have some still: call again until `done`."""

    id: str
    done: bool
    deleted: dict[str, int]
    left: list[str]


def render_tenant(tenant: Tenant) -> TenantAnswer:
    return TenantAnswer(id=tenant.id, name=tenant.name, status=tenant.status, settings=tenant.settings, quotas=tenant.quotas)


def render_account(
    account: WhatsAppAccount, integrations: Sequence[GenesysIntegration], held: Hold | None, facts: NumberFacts | None
) -> WhatsAppAccountAnswer:
    names = {each.id: each.integration_id for each in integrations}
    linked = account.genesys_integration_id
    shown = account.model_dump(exclude={"access_token", "genesys_integration_id"}, warnings=False)
    return WhatsAppAccountAnswer(
        **shown,
        has_access_token=bool(account.access_token),
        genesys_integration=None if linked is None else names.get(linked),
        held=None if held is None else HoldAnswer(since=held.since, kind=held.kind, error=held.error),
        facts=None if facts is None else FactsAnswer(**{name: getattr(facts, name) for name in FactsAnswer.model_fields}),
    )


def render_integration(integration: GenesysIntegration) -> GenesysIntegrationAnswer:
    shown = integration.model_dump(exclude={"client_secret", "webhook_secret", "event_secret"}, warnings=False)
    return GenesysIntegrationAnswer(
        **shown,
        has_client_secret=bool(integration.client_secret),
        has_webhook_secret=bool(integration.webhook_secret),
        has_event_secret=bool(integration.event_secret),
    )


def render_meta_app(app_id: str) -> MetaAppAnswer:
    return MetaAppAnswer(id=app_id, webhook_path=f"/webhooks/whatsapp/{app_id}")


def render_deletion(tenant_id: str, erased: Erased) -> DeletionAnswer:
    return DeletionAnswer(id=tenant_id, done=erased.is_done, deleted=erased.rows, left=erased.left)


def built(model: type[M], said: dict[str, Any]) -> M:
    """The model, or a refusal that names the field."""
    try:
        return model.model_validate(said)
    except ValidationError as error:
        raise invalid_fields(error.errors(include_url=False), model, said) from None


def _wrong(field: str, problem: str) -> Unprocessable:
    errors = [{"field": field, "problem": problem}]
    return Unprocessable("invalid_request", f"Not usable: {field}: {problem}. Correct it and send again.", errors=errors)


TENANT_EXAMPLE: JsonObject = {
    "id": "acme",
    "name": "Acme Stores",
    "status": "active",
    "settings": TenantSettings().model_dump(mode="json"),
    "quotas": Quotas(messages_per_second=50).model_dump(mode="json"),
}
ACCOUNT_EXAMPLE: JsonObject = {
    "id": "019c1420-3333-7b40-9e6d-5f7a8b9c0d1e",
    "phone_number_id": "106540352242922",
    "display_phone_number": "+1 555 078 3881",
    "business_account_id": "102290129340398",
    "meta_app_id": "670843887433847",
    "api_url": "https://graph.facebook.com/v26.0",
    "has_access_token": True,
    "limits": WhatsAppLimits().model_dump(mode="json"),
    "genesys_integration": "73cb7fb7-c2db-4996-88f3-0a83a4fea1da",
    "sender": "waystate",
    "is_default": True,
    "is_active": True,
    "held": None,
    "facts": None,
}
INTEGRATION_EXAMPLE: JsonObject = {
    "id": "019c1420-4444-7c50-8f7e-6a8b9c0d1e2f",
    "integration_id": "73cb7fb7-c2db-4996-88f3-0a83a4fea1da",
    "region": "mypurecloud.de",
    "api_url": "https://api.mypurecloud.de",
    "login_url": "https://login.mypurecloud.de",
    "client_id": "0d5c2a9e-7b14-4f63-8d2a-1e9f0b3c4d5a",
    "has_client_secret": True,
    "has_webhook_secret": True,
    "has_event_secret": True,
    "limits": GenesysLimits().model_dump(mode="json"),
    "sender": "waystate",
    "receipts": "final",
    "prefetch_conversation_id": True,
}
META_APP_EXAMPLE: JsonObject = {
    "id": "670843887433847",
    "has_app_secret": True,
    "has_verify_token": True,
    "webhook_path": "/webhooks/whatsapp/670843887433847",
}
