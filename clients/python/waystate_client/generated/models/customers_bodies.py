"""Of `customers_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from waystate_client.records import CamelRecord, Record

__all__ = ["AddCustomer", "AddTags", "EditCustomer", "MeetCustomer", "MergeCustomer", "TagCustomers"]


class AddCustomer(CamelRecord):
    """A customer by exactly one of `phoneNumber`, `waId` and `userId`, with what is known of them."""

    name: str | None = None
    email: str | None = None
    language: str | None = None
    username: str | None = None
    profile_picture_url: str | None = None
    tags: list[str] | None = None
    preferences: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    phone_number: str | None = None
    country: str | None = None
    wa_id: str | None = None
    user_id: str | None = None
    on_existing: Literal["return", "update"] | str | None = None


class AddTags(Record):
    tags: list[str]


class EditCustomer(CamelRecord):
    """JSON Merge Patch (RFC 7396): what is left out stays. `phoneNumber` is what is shown: no address is changed by
    it.
    """

    name: str | None = None
    email: str | None = None
    language: str | None = None
    username: str | None = None
    profile_picture_url: str | None = None
    tags: list[str] | None = None
    preferences: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    phone_number: str | None = None


class MeetCustomer(CamelRecord):
    """Who writes, by exactly one of `phoneNumber`, `waId` and `userId`, and what else is known of it."""

    phone_number: str | None = None
    country: str | None = None
    wa_id: str | None = None
    user_id: str | None = None
    name: str | None = None
    number: str | None = None
    """A phone number id; what is open on it is found, or opened"""


class MergeCustomer(Record):
    """`from`: the record that goes into the one of the path. Its id leads there from then on."""

    from_: UUID = Field(validation_alias="from", serialization_alias="from")


class TagCustomers(Record):
    """Tags that each of these customers gets, and loses."""

    ids: list[UUID]
    add: list[str] | None = None
    remove: list[str] | None = None
