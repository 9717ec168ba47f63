"""WhatsApp groups and their people in PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from asyncpg import Record

from waystate.contacts import store as contact_store
from waystate.db.pool import Connection, load_queries
from waystate.groups.model import Group, GroupFact, GroupState, GroupWord, Participant, after_told, after_words
from waystate.ids import TenantId

_queries = load_queries(__file__)


async def found_many(conn: Connection, tenant: TenantId, groups: Mapping[UUID, str]) -> None:
    """Contact → WhatsApp's id of the group that it is; those that are here stay as they are."""
    await _queries.found_many(conn, tenant_id=tenant, contact_ids=list(groups), group_ids=list(groups.values()))


async def find_many(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> dict[UUID, Group]:
    """Those of the contacts that are groups."""
    rows = await _queries.find_many(conn, tenant_id=tenant, contact_ids=list(contact_ids)) if contact_ids else []
    return {row["contact_id"]: _group(row) for row in rows}


async def lock_many(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> dict[UUID, Group]:
    """Until the transaction ends nobody else changes these groups, nor who is in them."""
    rows = await _queries.lock_many(conn, tenant_id=tenant, contact_ids=list(contact_ids))
    return {row["contact_id"]: _group(row) for row in rows}


async def list_participants(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> dict[UUID, list[Participant]]:
    """Group → who is in it and who was, the latter last."""
    rows = await _queries.list_participants(conn, tenant_id=tenant, contact_ids=list(contact_ids)) if contact_ids else []
    found: defaultdict[UUID, list[Participant]] = defaultdict(list)
    for row in rows:
        found[row["group_contact_id"]].append(_participant(row))
    return found


async def find_with_participants(
    conn: Connection, tenant: TenantId, contact_id: UUID
) -> tuple[Group, list[Participant]] | None:
    """The group that a contact is, with its people; None where it is a person."""
    found = (await find_many(conn, tenant, [contact_id])).get(contact_id)
    return None if found is None else (found, (await list_participants(conn, tenant, [contact_id])).get(contact_id, []))


async def hear_many(
    conn: Connection, tenant: TenantId, words: Mapping[UUID, Sequence[GroupWord]]
) -> dict[UUID, dict[UUID, Participant]]:
    """Group → what is heard of its people. Groups are locked by the caller. Returns, of each, those who changed."""
    known = await list_participants(conn, tenant, words)
    changed = {group: after_words({each.contact_id: each for each in known[group]}, said) for group, said in words.items()}
    rows = [(group, each) for group, people in changed.items() for each in people.values()]
    if rows:
        await _queries.put_participants(
            conn,
            tenant_id=tenant,
            group_contact_ids=[group for group, _ in rows],
            contact_ids=[each.contact_id for _, each in rows],
            roles=[each.role for _, each in rows],
            joined_at=[each.joined_at for _, each in rows],
            left_at=[each.left_at for _, each in rows],
            told_at=[each.told_at for _, each in rows],
        )
    return changed


async def tell_many(
    conn: Connection, tenant: TenantId, groups: Mapping[UUID, Group], told: Mapping[UUID, Sequence[GroupFact]]
) -> dict[UUID, Group]:
    """`groups` are locked. Returns those that changed, as they are now; a contact is called by its group's subject."""
    after = {key: after_told(groups[key], said) for key, said in told.items()}
    changed = {key: each for key, each in after.items() if each != groups[key]}
    if changed:
        await _queries.update_many(
            conn,
            tenant_id=tenant,
            contact_ids=list(changed),
            subjects=[each.subject for each in changed.values()],
            subject_at=[each.subject_at for each in changed.values()],
            states=[each.state for each in changed.values()],
            state_at=[each.state_at for each in changed.values()],
        )
    names = {key: each.subject for key, each in changed.items() if each.subject and each.subject != groups[key].subject}
    if names:
        await contact_store.rename_many(conn, tenant, names)
    return changed


async def move_many(conn: Connection, tenant: TenantId, merged: Mapping[UUID, UUID]) -> None:
    """People are in their groups as the contacts that they turned out to be."""
    await _queries.move_many(conn, tenant_id=tenant, merged_ids=list(merged), contact_ids=list(merged.values()))


async def list_groups_of(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Person → the groups that they are in, or were, as contacts; of those who were in any."""
    rows = await _queries.list_groups_of(conn, tenant_id=tenant, contact_ids=list(contact_ids))
    return {row["contact_id"]: list(row["groups"]) for row in rows}


async def split_participant(
    conn: Connection, tenant: TenantId, contact_id: UUID, to_id: UUID, *, given: Collection[UUID], kept: Collection[UUID]
) -> None:
    """Of a person who is two again: the groups that are the other's (`given`), and which of these they were in themselves."""
    if given:
        await _queries.split_participant(
            conn, tenant_id=tenant, contact_id=contact_id, to_id=to_id, given=list(given), kept=list(kept)
        )


def _group(row: Record) -> Group:
    return Group(**{**dict(row), "state": GroupState(row["state"])})


def _participant(row: Record) -> Participant:
    return Participant(**{key: value for key, value in row.items() if key != "group_contact_id"})
