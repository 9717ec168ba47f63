"""Of `replies_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = ["AddReply", "EditReply", "RenderReply"]


class AddReply(Record):
    title: str | None = None
    queue: UUID | None = None
    """Of which queue it is; null: of all"""
    shortcut: str
    """One word, in any case, with or without `/` before it"""
    text: str
    """Liquid, with the variables of ready answers"""


class EditReply(Record):
    """JSON Merge Patch (RFC 7396): what is left out stays."""

    title: str | None = None
    queue: UUID | None = None
    """Of which queue it is; null: of all"""
    shortcut: str | None = None
    text: str | None = None


class RenderReply(CamelRecord):
    """For whom: a conversation, by Waystate's id or Genesys', or a customer. `agentId`: who answers, where a key
    asks.
    """

    conversation_id: str | None = None
    customer_id: UUID | None = None
    agent_id: UUID | None = None
