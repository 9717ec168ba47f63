"""Reactions, edits and revocations change the message that they name, within the transaction that takes them in."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.events.model import Event, MessageEdited, MessageReacted, MessageRevoked
from waystate.groups.model import Spoken
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.model import Amendment, Direction, InboundMessage
from waystate.messages.spoken import sender_of
from waystate.messages.store import LockedMessage
from waystate.messages.versions import ORIGINAL, Amended, BusinessReaction, CustomerReaction, Version, amended_by


class FoundAmends(NamedTuple):
    """By wamid: the versions of a message, and the newest word of its customer and of the business about it, if any."""

    versions: dict[str, list[Version]]
    reactions: dict[str, list[CustomerReaction]]
    own_reactions: dict[str, list[BusinessReaction]]


class Amending(NamedTuple):
    """A message that changes another, whose it is, and the conversation that it stands in, if it stands in one.

    What was written in a WhatsApp group is the group's; `spoken` tells who of it wrote.
    """

    message: InboundMessage
    contact_id: UUID
    conversation_id: UUID | None = None
    spoken: Spoken | None = None

    @property
    def writer(self) -> UUID:
        return self.contact_id if self.spoken is None else self.spoken.writer


async def amend_many(conn: Connection, tenant: TenantId, amending: Sequence[Amending], now: datetime) -> list[Event]:
    """The events of what changed. What names an unknown message waits for it; what names another customer's has no effect.

    The caller appends the events. What came before has no effect again, and nothing older overrides what is newer.
    """
    said = [(each, each.message.amends) for each in amending if each.message.amends is not None]
    if not said:
        return []
    targets = await _lock(conn, tenant, {amends.wamid for _, amends in said})
    if unknown := {amends.wamid for _, amends in said} - targets.keys():
        await message_store.await_many(conn, tenant, unknown, now)
    people = {each.contact_id for each, _ in said} | {target.contact_id for target in targets.values()}
    survivors = await contact_store.find_survivors(conn, tenant, people)
    own = [
        (each, amends)
        for each, amends in said
        if (target := targets.get(amends.wamid)) is None
        or survivors.get(each.contact_id, each.contact_id) == survivors.get(target.contact_id, target.contact_id)
    ]
    reactions = [(each, amends) for each, amends in own if amends.kind == "reaction"]
    changes = [_version(each, amends, amends.kind) for each, amends in own if amends.kind != "reaction"]
    events = await _react(conn, tenant, reactions, targets, now) if reactions else []
    changes = await _with_known_files(conn, tenant, changes, targets)
    new = await message_store.insert_versions(conn, tenant, changes) if changes else set()
    return [*events, *await apply_versions(conn, tenant, new, now)]


async def apply_versions(conn: Connection, tenant: TenantId, wamids: Collection[str], now: datetime) -> list[Event]:
    """Give messages of customers the newest of their versions; those that are not known yet get it when they come."""
    targets = {key: each for key, each in (await _lock(conn, tenant, wamids)).items() if _may_change(each)}
    if not targets:
        return []
    rows = {row["id"]: row for row in await message_store.list_by_ids(conn, tenant, [each.id for each in targets.values()])}
    versions = await _with_originals(conn, tenant, targets, rows)
    amended: dict[UUID, Amended] = {}
    events: list[Event] = []
    for wamid, target in targets.items():
        row, after = rows[target.id], amended_by(versions[wamid])
        if (after.edited_at, after.revoked_at) == (row["edited_at"], row["revoked_at"]) and after.text == row["text"]:
            continue
        amended[target.id] = after
        if row["revoked_at"] is None and (after.edited_at is not None or after.revoked_at is not None):
            events.append(_told(target, wamid, after, now))
    if amended:
        await message_store.amend_many(conn, tenant, amended)
        shown = [(each.conversation_id, key, amended[each.id].text) for key, each in targets.items() if each.id in amended]
        await message_store.preview_amended(conn, tenant, shown)
    return events


async def find_amends(conn: Connection, tenant: TenantId, owners: Mapping[str, UUID]) -> FoundAmends:
    """Of `owners`: wamid → whose message it is. What is another customer's, or was said to one, is not of it.

    Of a group's messages each person of the group has a word.
    """
    found = FoundAmends({}, {}, {})
    for each in await message_store.list_amends(conn, tenant, owners):
        match each:
            case Version():
                found.versions.setdefault(each.wamid, []).append(each)
            case CustomerReaction():
                others = [said for said in found.reactions.get(each.wamid, []) if said.contact_id != each.contact_id]
                found.reactions[each.wamid] = [*others, each]
            case BusinessReaction():
                found.own_reactions[each.wamid] = [each]
    return found


async def _with_known_files(
    conn: Connection, tenant: TenantId, changes: list[Version], targets: dict[str, LockedMessage]
) -> list[Version]:
    """An edit has its whole new content, and most only change the words: then its file is the one that is there."""
    edits = {each.wamid: targets[each.wamid].id for each in changes if _file_of(each.media) and each.wamid in targets}
    if not edits:
        return changes
    rows = await message_store.list_by_ids(conn, tenant, list(edits.values()))
    said = [(row["wamid"], row["media"]) for row in rows]
    versions = await message_store.list_versions(conn, tenant, edits)
    said += [(wamid, each.media) for wamid, listed in versions.items() for each in listed]
    known = {(wamid, media["id"]): file for wamid, media in said if (file := _file_of(media)) and "id" in media}
    return [
        replace(each, media={**each.media, "file_id": file})
        if each.media is not None and (file := known.get((each.wamid, each.media.get("id"))))
        else each
        for each in changes
    ]


def _file_of(media: JsonObject | None) -> str | None:
    """The id of the file that is fetched, or was."""
    return (media or {}).get("file_id")


async def _with_originals(
    conn: Connection, tenant: TenantId, targets: dict[str, LockedMessage], rows: dict[UUID, dict[str, Any]]
) -> dict[str, list[Version]]:
    """All versions of the messages; one that was never changed is written down as its first."""
    versions = await message_store.list_versions(conn, tenant, targets)
    survivors = await contact_store.find_survivors(
        conn, tenant, {each.contact_id for listed in versions.values() for each in listed}
    )
    firsts: list[Version] = []
    for wamid, target in targets.items():
        known = versions.get(wamid, [])
        own = [each for each in known if survivors.get(each.contact_id, each.contact_id) == target.contact_id]
        if not any(each.kind == ORIGINAL for each in own):
            firsts.append(_original(wamid, target, rows[target.id]))
            own = [firsts[-1], *own]
        versions[wamid] = own
    if firsts:
        await message_store.insert_versions(conn, tenant, firsts)
    return versions


async def _react(
    conn: Connection,
    tenant: TenantId,
    said: Sequence[tuple[Amending, Amendment]],
    targets: dict[str, LockedMessage],
    now: datetime,
) -> list[Event]:
    newest: dict[tuple[str, UUID], CustomerReaction] = {}
    for each, amends in said:
        reaction = CustomerReaction(
            wamid=amends.wamid,
            contact_id=each.writer,
            emoji=amends.emoji,
            at=each.message.sent_at,
            id=new_id(),
            changed_by=each.message.wamid,
        )
        known = newest.get((amends.wamid, each.writer))
        if known is None or (known.at, known.id) < (reaction.at, reaction.id):
            newest[amends.wamid, each.writer] = reaction
    new = await message_store.react_many(conn, tenant, list(newest.values()))
    homes = {each.message.wamid: each for each, _ in said}
    return [
        event
        for each in newest.values()
        if each.changed_by in new and (event := _reacted(each, targets.get(each.wamid), homes[each.changed_by], now))
    ]


async def _lock(conn: Connection, tenant: TenantId, wamids: Collection[str]) -> dict[str, LockedMessage]:
    """By wamid, those that are known, with their conversations."""
    ids = await message_store.find_ids(conn, tenant, sorted(wamids), sources=("whatsapp",)) if wamids else {}
    locked = await message_store.lock_many(conn, tenant, ids.values()) if ids else {}
    return {wamid: locked[message_id] for wamid, message_id in ids.items() if message_id in locked}


def _may_change(target: LockedMessage) -> bool:
    """What a business wrote its customers do not change."""
    return target.state.direction is Direction.INBOUND


def _version(amending: Amending, amends: Amendment, kind: Literal["edit", "revoke"]) -> Version:
    return Version(
        wamid=amends.wamid,
        changed_by=amending.message.wamid,
        kind=kind,
        contact_id=amending.contact_id,
        at=amending.message.sent_at,
        id=new_id(),
        type=amends.type,
        text=amends.text,
        content=amends.content,
        media=amends.media,
    )


def _original(wamid: str, target: LockedMessage, row: dict[str, Any]) -> Version:
    return Version(
        wamid=wamid,
        changed_by=wamid,
        kind=ORIGINAL,
        contact_id=target.contact_id,
        at=row["sent_at"],
        id=target.id,
        type=row["type"],
        text=row["text"],
        content=row["content"],
        media=row["media"],
    )


def _told(target: LockedMessage, wamid: str, after: Amended, now: datetime) -> Event:
    about: dict[str, Any] = {
        "mapping_id": target.conversation_id,
        "contact_id": target.contact_id,
        "phone_number_id": target.phone_number_id,
        "wa_id": target.wa_id,
        "message_id": target.id,
        "wamid": wamid,
        "at": now,
        "changed_by": after.changed_by,
    }
    if after.revoked_at is not None:
        return MessageRevoked(**about, timestamp=after.revoked_at)
    return MessageEdited(
        **about,
        timestamp=after.edited_at or now,
        message_type=after.type,
        message_text=after.text,
        media=after.media,
        content=after.content,
    )


def _reacted(reaction: CustomerReaction, target: LockedMessage | None, said: Amending, now: datetime) -> Event | None:
    """None of a reaction that stands in no conversation, to a message that is not known."""
    home = target.conversation_id if target is not None else said.conversation_id
    if home is None:
        return None
    return MessageReacted(
        mapping_id=home,
        contact_id=said.contact_id,
        phone_number_id=target.phone_number_id if target is not None else said.message.phone_number_id,
        at=now,
        wa_id=said.message.wa_id if said.spoken is None else None,
        sender=None if said.spoken is None else sender_of(said.message, said.spoken),
        message_id=target.id if target is not None else None,
        wamid=reaction.wamid,
        emoji=reaction.emoji,
        timestamp=reaction.at,
        changed_by=reaction.changed_by,
    )
