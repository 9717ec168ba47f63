"""Of `platform`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from waystate_client.generated.models.tenant import TenantAnswer
from waystate_client.records import CamelRecord, Record

__all__ = [
    "DeletionAnswer",
    "MetaAppAnswer",
    "MetaAppList",
    "TenantPage",
    "Unmet",
    "WebhookAnswer",
    "WebhookPage",
    "WebhooksReplayed",
]


class DeletionAnswer(Record):
    """`deleted` counts rows by table, of all calls; `left` are the tables that may have some still: call again until
    `done`.
    """

    id: str
    done: bool
    deleted: dict[str, int]
    left: list[str]


class MetaAppAnswer(CamelRecord):
    id: str
    has_app_secret: bool | None = Field(default=None, validation_alias="has_app_secret", serialization_alias="has_app_secret")
    has_verify_token: bool | None = Field(
        default=None, validation_alias="has_verify_token", serialization_alias="has_verify_token"
    )
    webhook_path: str = Field(validation_alias="webhook_path", serialization_alias="webhook_path")


class MetaAppList(Record):
    items: list[MetaAppAnswer]


class TenantPage(Record):
    """`next` is the `after` of the next page, null on the last one."""

    items: list[TenantAnswer]
    next: str | None


class Unmet(Record):
    """What of a body could not be used: `item` is its place in the body, null where the whole body was meant."""

    item: str | None
    reason: str
    message: str


class WebhookAnswer(CamelRecord):
    """`lacks` names the routes that would let it be worked (`phone_number_id:…`, `waba:…`, `genesys_integration:…`,
    and `*`:
    more than can be listed): as soon as one of them is set up, it is worked by itself. Of `rejected` and `lacks` the
    first 100
    are listed; `unlisted` is how many more items were rejected. `preview` is the beginning of the body, `bytes` its
    length.
    """

    id: UUID
    received_at: datetime
    source: str
    origin: str
    """The Meta app, or the Genesys integration, of the callback it came to"""
    state: str
    items: int | None
    rejected: list[Unmet]
    unlisted: int
    lacks: list[str]
    attempts: int
    bytes: int
    preview: str


class WebhookPage(Record):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[WebhookAnswer]
    next: UUID | None


class WebhooksReplayed(Record):
    """How many were rejected, and are worked again now; `ids` are the first 1000 of them, oldest first where it was
    `all`.
    """

    replayed: int
    ids: list[UUID]
