"""Two records that a person says are one customer, and the way back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.contacts import store as contact_store
from waystate.contacts.model import IdentityKind
from waystate.conversations import store as conversation_store
from waystate.conversations.merge import FILLED, merge_many
from waystate.conversations.model import Activity
from waystate.customers import store as customer_store
from waystate.customers.edit import customer_not_found
from waystate.customers.merges import store
from waystate.customers.merges.model import (
    HeldConversation,
    LaterMessage,
    MergeRecord,
    Separation,
    aliases_of,
    path_to,
    separate,
    without_given,
    without_restored,
)
from waystate.customers.model import Profile
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.errors import NotFound, Unprocessable
from waystate.events.commits import Commits
from waystate.events.model import ContactUnmerged, ConversationOpened, ConversationReopened, Event
from waystate.groups import store as group_store
from waystate.ids import TenantId, time_of
from waystate.messages.model import Direction
from waystate.planned import store as planned_store
from waystate.preferences import store as preference_store
from waystate.preferences.model import Marketing, Preference
from waystate.principal import Actor
from waystate.tenants.routing import Directory


@dataclass(frozen=True, slots=True)
class Unmerged:
    """The two customers that one was, as they are now."""

    restored: Profile
    other: Profile
    conversations: Sequence[UUID]
    reopened: Sequence[UUID]
    moved: int
    """Messages."""


class CustomerMerges:
    """Each deed is one transaction, with its events and its entry in the audit log."""

    def __init__(self, commits: Commits, directory: Directory, clock: Clock) -> None:
        self._commits = commits
        self._directory = directory
        self._clock = clock

    async def merge(self, tenant: TenantId, into: UUID, merged: UUID, by: Actor) -> tuple[MergeRecord, Profile]:
        """The customer `into` stays, and all that is `merged`'s is theirs. Two that are one already stay as they are."""

        async def merge(conn: Connection) -> tuple[tuple[MergeRecord, Profile], list[Event]]:
            kept, gone = await _both(conn, tenant, into, merged)
            events = [] if kept == gone else await self._merge(conn, tenant, kept, gone, by)
            record = await store.find_of_merged(conn, tenant, merged)
            if record is None:
                raise same_customer()
            (profile,) = await customer_store.find_many(conn, tenant, [kept])
            return (record, profile), events

        return await self._commits.do(tenant, merge)

    async def _merge(self, conn: Connection, tenant: TenantId, kept: UUID, gone: UUID, by: Actor) -> list[Event]:
        now = self._clock()
        await store.lock_identities(conn, tenant, [kept, gone])
        profiles = {each.id: each for each in await customer_store.find_many(conn, tenant, [kept, gone])}
        if len(profiles) < 2:
            raise asyncpg.SerializationError("one of the customers was merged meanwhile; run it again")
        if any(_is_group(each) for each in profiles.values()):
            raise Unprocessable("group_not_merged", "A WhatsApp group is nobody's record. Merge the people in it instead.")

        async def carry(conn: Connection, tenant: TenantId, both: Mapping[UUID, UUID]) -> Mapping[UUID, list[UUID]]:
            for merged_id, contact_id in both.items():
                await store.move_phone_replies(conn, tenant, merged_id, contact_id)
            return await planned_store.move_many(conn, tenant, both)

        events = await merge_many(conn, tenant, {gone: kept}, "", now, carry, made_by=_word_of(by))
        await customer_store.index_many(conn, tenant, [kept])
        details = {"merged": str(gone), "name": profiles[gone].name is not None, "closed": len(events) - 1}
        await _note(conn, tenant, "customer.merged", kept, now, by, details)
        return events

    async def undo(self, tenant: TenantId, merge_id: UUID, by: Actor) -> Unmerged:
        """The merged customer is one of their own again, with what was theirs and what came from their ids since."""
        view = await self._directory.get_tenant(tenant)

        async def undo(conn: Connection) -> tuple[Unmerged, list[Event]]:
            return await _undo(conn, tenant, merge_id, view.settings.mapping_ttl, self._clock(), by)

        return await self._commits.do(tenant, undo)


async def _both(conn: Connection, tenant: TenantId, into: UUID, merged: UUID) -> tuple[UUID, UUID]:
    """Who they are by now. Raises NotFound; Unprocessable where it is one id twice."""
    if into == merged:
        raise same_customer()
    survivors = await contact_store.find_survivors(conn, tenant, [into, merged])
    kept, gone = survivors.get(into, into), survivors.get(merged, merged)
    known = {each.id for each in await customer_store.find_many(conn, tenant, [kept, gone])}
    for asked, found in ((into, kept), (merged, gone)):
        if found not in known:
            raise customer_not_found(asked)
    if kept == gone and merged not in survivors:
        raise same_customer()
    return kept, gone


async def _undo(
    conn: Connection, tenant: TenantId, merge_id: UUID, ttl: timedelta, now: datetime, by: Actor
) -> tuple[Unmerged, list[Event]]:
    record = await store.find_one(conn, tenant, merge_id)
    if record is None:
        raise merge_not_found(merge_id)
    restored, holder = record.merged_id, record.contact_id
    held = (await store.lock_identities(conn, tenant, [holder]))[holder]
    known = await contact_store.lock_many(conn, tenant, [holder])
    if await store.find_holder(conn, tenant, merge_id) != holder or holder not in known:
        raise asyncpg.SerializationError("the customer was merged meanwhile; run it again")
    rows = [*store.identities_of(record.contact), *await store.list_gained(conn, tenant, record)]
    await store.restore_contact(conn, tenant, record, now)
    owned = await store.restore_identities(conn, tenant, record, rows)
    await _restore_what_is_theirs(conn, tenant, record, now)
    done, told = await _separate(conn, tenant, record, owned, held - owned, ttl, now, by)
    chain = await store.list_chain(conn, tenant, holder)
    aliases = aliases_of(restored, chain)
    await _forget_above(conn, tenant, record, path_to(holder, record.into_id, chain), owned, done.given)
    await store.drop_one(conn, tenant, merge_id)
    await store.restore_aliases(conn, tenant, restored, aliases)
    await customer_store.index_many(conn, tenant, [restored, holder])
    profile, other = await customer_store.find_many(conn, tenant, [restored, holder])
    unmerged = Unmerged(profile, other, done.given, list(done.reopened), len(done.moved))
    details = {"restored": str(restored), "conversations": len(done.given), "messages": len(done.moved)}
    await _note(conn, tenant, "customer.unmerged", holder, now, by, details)
    told.append(
        ContactUnmerged(
            contact_id=holder,
            merged_contact_id=restored,
            at=now,
            conversations=done.given,
            reopened=list(done.reopened),
            moved=len(done.moved),
        )
    )
    return unmerged, told


async def _forget_above(
    conn: Connection, tenant: TenantId, record: MergeRecord, path: Sequence[UUID], owned: set[str], given: Sequence[UUID]
) -> None:
    """Whoever took the restored contact over with another one gives it back no more when that merge is undone."""
    found = [await store.find_of_merged(conn, tenant, each) for each in path]
    undo = {each.id: without_restored(each, record, owned, given) for each in found if each is not None}
    if undo:
        await store.rewrite_undo(conn, tenant, undo)


async def _restore_what_is_theirs(conn: Connection, tenant: TenantId, record: MergeRecord, now: datetime) -> None:
    """What was planned for them, what they said of marketing, their groups; and the other shows only what is its own."""
    restored, holder = record.merged_id, record.contact_id
    await store.restore_planned(conn, tenant, record)
    said = (await preference_store.list_of_contacts(conn, tenant, [holder])).get(holder, [])
    await preference_store.put_many(conn, tenant, _words_of(record, said))
    groups = record.undo.get("groups", {})
    given, kept = ([UUID(each) for each in groups.get(name, ())] for name in ("contact", "into"))
    await group_store.split_participant(conn, tenant, holder, restored, given=given, kept=kept)
    before = record.undo.get("into")
    if before is not None and holder == record.into_id:
        (profile,) = await customer_store.find_many(conn, tenant, [holder])
        fields = {name: getattr(profile, name) for name in FILLED}
        after = without_given(fields, before, record.contact)
        if after != fields:
            await customer_store.edit_one(conn, tenant, replace(profile, **after), now)


def _words_of(record: MergeRecord, said: Sequence[Mapping[str, Any]]) -> list[Preference]:
    """What either is known to have said. A word since the merge may be of both; an opt-out in between is."""
    restored, holder = record.merged_id, record.contact_id
    before = record.undo.get("said", {})
    of = {each["phone_number_id"]: each for each in before.get("contact", ())}
    other = {each["phone_number_id"]: each for each in before.get("into", ())}
    words = [_word(restored, each) for each in of.values()]
    for each in said:
        number, at = each["phone_number_id"], datetime.fromisoformat(each["at"])
        if at > record.merged_at:
            words = [word for word in words if word.phone_number_id != number] + [_word(restored, each)]
        elif number in other and each["marketing"] != Marketing.OPTED_OUT:
            words.append(_word(holder, other[number]))
    return words


def _word(contact: UUID, said: Mapping[str, Any]) -> Preference:
    return Preference(
        said["phone_number_id"],
        contact,
        Marketing(said["marketing"]),
        datetime.fromisoformat(said["at"]),
        said["told_by"],
        said["detail"],
    )


async def _separate(
    conn: Connection,
    tenant: TenantId,
    record: MergeRecord,
    owned: set[str],
    others: set[str],
    ttl: timedelta,
    now: datetime,
    by: Actor,
) -> tuple[Separation, list[Event]]:
    """With the events of the conversations that go on or begin by it."""
    await conversation_store.lock_of_merged(conn, tenant, [record.contact_id])
    held = await store.list_conversations(conn, tenant, record.contact_id)
    later = await store.list_later(conn, tenant, [each.id for each in held], record.mark)
    done = separate(record, held, later, owned, others, now)
    await store.give_conversations(conn, tenant, done.given, record.merged_id)
    await store.reopen(conn, tenant, done.reopened)
    told: list[Event] = [_reopened(each, record, done, now, by) for each in held if each.id in done.reopened]
    if not done.moving:
        return done, told
    activity = [_activity(key, messages, owned | others) for key, messages in done.moving.items()]
    opened, _ = await conversation_store.open_many(conn, tenant, activity, ttl=ttl, now=now)
    told += [
        ConversationOpened(mapping_id=each.id, contact_id=contact, phone_number_id=number, at=now)
        for (number, contact), each in opened.items()
        if each.is_new
    ]
    homes = {each.id: opened[key].id for key, messages in done.moving.items() for each in messages}
    await store.move_messages(conn, tenant, homes)
    await delivery_store.rehome(conn, tenant, homes)
    taken: dict[UUID, datetime] = {}
    for each in done.moved:
        taken[each.conversation_id] = max(each.sent_at, taken.get(each.conversation_id, each.sent_at))
    await store.retell(conn, tenant, taken, {each.external_id for each in done.moved if each.external_id}, now)
    return done, told


def _reopened(
    conversation: HeldConversation, record: MergeRecord, done: Separation, now: datetime, by: Actor
) -> ConversationReopened:
    """It is in the hands in which it ended."""
    return ConversationReopened(
        mapping_id=conversation.id,
        contact_id=record.merged_id if conversation.id in done.given else record.contact_id,
        phone_number_id=conversation.phone_number_id,
        at=now,
        by=_word_of(by),
        control_epoch=conversation.control_epoch,
    )


def _activity(key: tuple[str, UUID], messages: Sequence[LaterMessage], known: set[str]) -> Activity:
    """What these messages do to the conversation that they go to, as if they had come there."""
    number, contact = key
    row = Activity(contact_id=contact, phone_number_id=number, wa_id=None, at=time_of(messages[-1].id))
    for each in sorted(messages, key=lambda one: one.sent_at):
        row.message_at, row.message_id, row.preview = each.sent_at, each.wamid or str(each.id), (each.text or "")[:1000] or None
        if each.direction == Direction.INBOUND:
            row.customer_message_at = each.sent_at
            is_phone = (each.external_id or "").isdigit()
            row.wa_id, row.user_id = (each.external_id, None) if is_phone else (None, each.external_id)
    return row


def _is_group(profile: Profile) -> bool:
    return any(each.kind is IdentityKind.GROUP for each in profile.identities)


def _word_of(actor: Actor) -> str:
    return actor.kind if actor.id is None else f"{actor.kind}:{actor.id}"


async def _note(
    conn: Connection, tenant: TenantId, action: str, contact: UUID, now: datetime, by: Actor, details: Mapping[str, Any]
) -> None:
    entry = Entry(actor=by, action=action, subject=f"customer:{contact}", at=now, details=dict(details))
    await audit_store.append_many(conn, tenant, [entry])


def same_customer() -> Unprocessable:
    return Unprocessable("same_customer", "Both ids name one customer. `from` is the record that is to go into this one.")


def merge_not_found(merge_id: UUID) -> NotFound:
    return NotFound(
        "merge_not_found",
        f"There is no merge {merge_id}, or it was undone. GET /v1/customers/{{id}}/merges lists those of a customer.",
    )
