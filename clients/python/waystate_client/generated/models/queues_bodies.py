"""Of `queues_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from uuid import UUID

from waystate_client.records import CamelRecord

__all__ = ["AddQueue", "EditQueue"]


class AddQueue(CamelRecord):
    genesys_queue: str | None = None
    """The id of the queue at Genesys that stands for it"""
    schedule: UUID | None = None
    """By which it is open; null: always"""
    name: str
    members: list[UUID] | None = None


class EditQueue(CamelRecord):
    """JSON Merge Patch (RFC 7396): what is left out stays; `members` is replaced as a whole."""

    genesys_queue: str | None = None
    """The id of the queue at Genesys that stands for it"""
    schedule: UUID | None = None
    """By which it is open; null: always"""
    name: str | None = None
    members: list[UUID] | None = None
