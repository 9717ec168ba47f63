"""What `/v1/templates` takes and answers."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from waystate.clock import iso
from waystate.documents import JsonObject
from waystate.templates.model import Template, TemplateSync
from waystate.templates.parameters import whatsapps_components
from waystate.templates.sync import Synced

Moment = Annotated[str, Field(description="ISO 8601 with Z")]


class TemplateAnswer(BaseModel):
    """`id` is ours, `externalId` WhatsApp's. `status` is WhatsApp's word: APPROVED, PAUSED, REJECTED, … with its `reason`.

    `components` is WhatsApp's definition, null while only a webhook told of the template. `changedAt` is when the last change
    was so at WhatsApp, `syncedAt` when a listing showed it last.
    """

    id: UUID
    businessAccountId: str
    externalId: str | None
    name: str
    language: str
    status: str | None
    reason: str | None
    category: str | None
    quality: str | None
    parameterFormat: str | None
    components: list[dict[str, Any]] | None
    changedAt: Moment
    syncedAt: Moment | None


class SyncError(BaseModel):
    """Why the last listing failed, as WhatsApp or the network said it."""

    code: str
    message: str | None


class TemplateAccount(BaseModel):
    """How far a business account's templates are known.

    `syncedAt` is null until they were listed, `error` is of the last try.
    """

    businessAccountId: str
    syncedAt: Moment | None
    error: SyncError | None


class TemplatePage(BaseModel):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[TemplateAnswer]
    next: UUID | None
    accounts: list[TemplateAccount]


class TemplatePreviewRequest(BaseModel, extra="forbid", frozen=True):
    components: Annotated[
        list[dict[str, Any]],
        Field(max_length=100, description="As `template.components` of a message, with WhatsApp's names or ours"),
        AfterValidator(whatsapps_components),
    ] = []


class TemplatePreviewAnswer(BaseModel):
    """As the customer will see it. `cards` of a carousel have the same shape."""

    header: dict[str, Any] | None
    body: str | None
    footer: str | None
    buttons: list[dict[str, Any]]
    offer: dict[str, Any] | None = None
    cards: list[dict[str, Any]] | None = None


class SyncRequest(BaseModel, extra="forbid", frozen=True):
    businessAccountId: Annotated[str | None, Field(description="One of the tenant's; null is all of them")] = None


class SyncedAccount(TemplateAccount):
    """`found` is how many templates the listing showed; of those known `added`, `changed` and `deleted` are what it did."""

    found: int
    added: int
    changed: int
    deleted: int


class SyncAnswer(BaseModel):
    accounts: list[SyncedAccount]


def render_template(template: Template) -> TemplateAnswer:
    return TemplateAnswer(
        id=template.id,
        businessAccountId=template.business_account_id,
        externalId=template.external_id,
        name=template.name,
        language=template.language,
        status=template.status,
        reason=template.reason,
        category=template.category,
        quality=template.quality,
        parameterFormat=template.parameter_format,
        components=template.components,
        changedAt=iso(template.changed_at),
        syncedAt=None if template.synced_at is None else iso(template.synced_at),
    )


def render_account(business_account_id: str, sync: TemplateSync | None) -> TemplateAccount:
    """Of an account that nobody has asked for yet there is no `sync`."""
    return TemplateAccount(
        businessAccountId=business_account_id,
        syncedAt=None if sync is None or sync.synced_at is None else iso(sync.synced_at),
        error=None if sync is None or sync.error is None else _error(sync.error),
    )


def render_synced(results: Sequence[Synced], syncs: dict[str, TemplateSync]) -> SyncAnswer:
    accounts: list[SyncedAccount] = []
    for each in results:
        listing = each.listing
        counts = listing._asdict() if listing is not None else {}
        accounts.append(
            SyncedAccount(
                **render_account(each.business_account_id, syncs.get(each.business_account_id)).model_dump(),
                **{name: counts.get(name, 0) for name in ("found", "added", "changed", "deleted")},
            )
        )
    return SyncAnswer(accounts=accounts)


def _error(error: JsonObject) -> SyncError:
    message = error.get("details") or error.get("message") or error.get("title")
    return SyncError(code=str(error.get("code", "")), message=None if message is None else str(message))


TEMPLATE_EXAMPLE: JsonObject = {
    "id": "019c1420-7a01-7c3e-8b2c-4d6e8f0a1c36",
    "businessAccountId": "102290129340398",
    "externalId": "1689556908129832",
    "name": "order_update",
    "language": "en_US",
    "status": "APPROVED",
    "reason": None,
    "category": "UTILITY",
    "quality": "GREEN",
    "parameterFormat": "POSITIONAL",
    "components": [
        {"type": "BODY", "text": "Hello {{1}}, your order {{2}} is on its way."},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Track it", "url": "https://shop.example/orders/{{1}}"}]},
    ],
    "changedAt": "2026-01-30T09:15:00.000Z",
    "syncedAt": "2026-01-31T12:00:00.000Z",
}
ACCOUNT_EXAMPLE: JsonObject = {
    "businessAccountId": "102290129340398",
    "syncedAt": "2026-01-31T12:00:00.000Z",
    "error": None,
}
COMPONENTS_EXAMPLE: list[JsonObject] = [
    {"type": "body", "parameters": [{"type": "text", "text": "Ada"}, {"type": "text", "text": "A-7"}]},
    {"type": "button", "subType": "url", "index": "0", "parameters": [{"type": "text", "text": "A-7"}]},
]
PREVIEW_EXAMPLE: JsonObject = {
    "header": None,
    "body": "Hello Ada, your order A-7 is on its way.",
    "footer": None,
    "buttons": [{"type": "url", "text": "Track it", "url": "https://shop.example/orders/A-7"}],
    "offer": None,
    "cards": None,
}
