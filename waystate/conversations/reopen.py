"""Somebody ends a conversation, and lets it go on after all. In the caller's transaction, of a conversation that is locked."""

from datetime import timedelta

from waystate.clock import iso
from waystate.conversations import store
from waystate.conversations.assign import Deed
from waystate.conversations.model import MERGED, OWN_REASONS, ConversationStatus
from waystate.errors import Conflict, Unprocessable
from waystate.events.model import ConversationClosed, ConversationExpired, ConversationReopened, Event


async def close(deed: Deed, reason: str) -> list[Event]:
    """By whoever has it or leads, and by anybody where nobody has it. What is said already goes out."""
    if reason in OWN_REASONS:
        raise Unprocessable("reason_taken", f"`{reason}` is what Waystate says of one that ends by itself. Say why.")
    await deed.check_may_give()
    await deed.check_nothing_between()
    at = deed.conversation
    await store.close_one(deed.conn, deed.tenant, at.id, reason=reason, closed_by=deed.doer.name, now=deed.now)
    return [
        ConversationClosed(
            mapping_id=at.id,
            contact_id=at.contact_id,
            phone_number_id=at.phone_number_id,
            wa_id=at.wa_id,
            at=deed.now,
            reason=reason,
            by=deed.doer.name,
            genesys_conversation_id=at.genesys_conversation_id,
        )
    ]


async def reopen(deed: Deed) -> list[Event]:
    """Nobody has it then. All conversations of its contact are locked; should one open beside it, the database refuses."""
    at, key = deed.conversation, (deed.conversation.phone_number_id, deed.conversation.contact_id)
    _check_may_reopen(deed, deed.view.settings.reopen_ttl)
    overdue = await store.expire_overdue(deed.conn, deed.tenant, [key], deed.now)
    newer = await store.find_other_open(deed.conn, deed.tenant, key)
    if newer is not None:
        raise Conflict(
            "newer_open",
            f"The customer has a newer conversation on this number, {newer}, and one may be open. Go on there, or close it.",
            conversationId=str(newer),
        )
    await store.reopen_one(deed.conn, deed.tenant, at.id, deed.now + deed.view.settings.mapping_ttl)
    ended: list[Event] = [
        ConversationExpired(mapping_id=each.id, contact_id=each.contact_id, phone_number_id=each.phone_number_id, at=deed.now)
        for each in overdue
    ]
    return [
        *ended,
        ConversationReopened(
            mapping_id=at.id,
            contact_id=at.contact_id,
            phone_number_id=at.phone_number_id,
            wa_id=at.wa_id,
            at=deed.now,
            by=deed.doer.name,
            control_epoch=at.control_epoch + 1,
            genesys_conversation_id=at.genesys_conversation_id,
        ),
    ]


def _check_may_reopen(deed: Deed, ttl: timedelta) -> None:
    at = deed.conversation
    if at.is_open(deed.now):
        raise Conflict("conversation_open", "The conversation is open: there is nothing to reopen.")
    if at.status is not ConversationStatus.CLOSED or at.closed_by is None or at.closed_at is None or at.close_reason == MERGED:
        raise Conflict(
            "not_reopenable",
            f"The conversation ended by itself ({at.close_reason or at.effective_status(deed.now)}); only what somebody closed "
            "is reopened. What the customer writes begins a new one; POST /v1/conversations begins one with a template.",
        )
    if deed.now > at.closed_at + ttl:
        raise Conflict(
            "reopen_too_late",
            f"The conversation was closed at {iso(at.closed_at)}, and may be reopened for {ttl.total_seconds() / 3600:g} hours "
            "(`settings.reopen_ttl`). POST /v1/conversations begins a new one.",
        )
