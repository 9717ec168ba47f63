"""Contacts and their identities in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import phonenumbers

from waystate.contacts.model import Identity, IdentityKind, KnownIdentity, Person, proposed, superseded
from waystate.db.pool import Connection, load_queries
from waystate.documents import JsonObject, dump
from waystate.ids import TenantId

_queries = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class Recipient:
    """How a contact is addressed on WhatsApp."""

    name: str | None
    wa_id: str | None
    user_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """`identities` has one at the least; the first is the one that must be new."""

    id: UUID
    identities: tuple[Identity, ...]
    created_at: datetime
    name: str | None = None
    email: str | None = None
    tags: tuple[str, ...] = ()
    preferences: JsonObject = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)


async def upsert_many(conn: Connection, tenant: TenantId, people: Sequence[Person], now: datetime) -> dict[Identity, UUID]:
    """The contact of every identity given; people not seen before become contacts. `people` are joined and sorted."""
    known = await find_many(conn, tenant, [identity for person in people for identity in person.identities])
    contacts = {identity: each.contact_id for identity, each in known.items()}
    wanted, new = proposed(people, contacts)
    if wanted:
        claimed = await _claim(conn, tenant, wanted, now)
        moved = superseded(new, claimed)
        await _create_many(conn, tenant, {contact: person for contact, person in new.items() if contact not in moved})
        if moved:
            await _queries.move_identities(
                conn, tenant_id=tenant, contact_ids=list(moved), new_contact_ids=list(moved.values())
            )
        contacts |= {identity: moved.get(contact, contact) for identity, contact in claimed.items()}
    await _rename_many(conn, tenant, people, known, contacts)
    return contacts


async def add_many(conn: Connection, tenant: TenantId, rows: Sequence[NewContact]) -> set[UUID]:
    """Contacts known from elsewhere, with what is known of them; the ids of those whose first identity nobody had.

    The others are left out whole: they are here already.
    """
    first = {row.id: (row.identities[0], row.created_at) for row in rows}
    added = await _add_identities(conn, tenant, [(contact, *each) for contact, each in first.items()])
    others = [(row.id, each, row.created_at) for row in rows if row.id in added for each in row.identities[1:]]
    await _add_identities(conn, tenant, others)
    new = [row for row in rows if row.id in added]
    await _queries.add_contacts(
        conn,
        tenant_id=tenant,
        ids=[row.id for row in new],
        names=[row.name for row in new],
        emails=[row.email for row in new],
        phone_numbers=[_e164(Person(row.identities)) for row in new],
        tags=[dump(row.tags) for row in new],
        preferences=[dump(row.preferences) for row in new],
        metadata=[dump(row.metadata) for row in new],
        created_at=[row.created_at for row in new],
    )
    return added


async def list_marked(
    conn: Connection, tenant: TenantId, mark: JsonObject, *, after: UUID | None = None, page: int = 500
) -> list[UUID]:
    """Contacts whose metadata contain `mark`, by id, from the one behind `after`."""
    rows = await _queries.list_marked(conn, tenant_id=tenant, mark=mark, after=after, page=page)
    return [row["id"] for row in rows]


async def remove_many(conn: Connection, tenant: TenantId, contact_ids: Sequence[UUID]) -> int:
    """With their identities, and with whatever conversations and messages they have."""
    return len(await _queries.remove_contacts(conn, tenant_id=tenant, ids=list(contact_ids)))


async def find_many(conn: Connection, tenant: TenantId, identities: Sequence[Identity]) -> dict[Identity, KnownIdentity]:
    rows = await _queries.find_identities(
        conn,
        tenant_id=tenant,
        kinds=[identity.kind for identity in identities],
        external_ids=[identity.external_id for identity in identities],
    )
    return {
        Identity(IdentityKind(row["kind"]), row["external_id"]): KnownIdentity(row["contact_id"], row["name"]) for row in rows
    }


async def find_recipients(conn: Connection, tenant: TenantId, contact_ids: Sequence[UUID]) -> dict[UUID, Recipient]:
    rows = await _queries.find_recipients(conn, tenant_id=tenant, contact_ids=sorted(set(contact_ids)))
    recipients: dict[UUID, Recipient] = {}
    for row in rows:
        before = recipients.get(row["contact_id"], Recipient(row["name"], None, None))
        is_phone = row["kind"] == IdentityKind.WA_ID
        is_user = row["kind"] == IdentityKind.BSUID
        recipients[row["contact_id"]] = Recipient(
            row["name"], row["external_id"] if is_phone else before.wa_id, row["external_id"] if is_user else before.user_id
        )
    return recipients


async def _add_identities(conn: Connection, tenant: TenantId, rows: Sequence[tuple[UUID, Identity, datetime]]) -> set[UUID]:
    added = await _queries.add_identities(
        conn,
        tenant_id=tenant,
        kinds=[identity.kind for _, identity, _ in rows],
        external_ids=[identity.external_id for _, identity, _ in rows],
        valid_from=[since for _, _, since in rows],
        contact_ids=[contact for contact, _, _ in rows],
    )
    return {row["contact_id"] for row in added}


async def _create_many(conn: Connection, tenant: TenantId, people: dict[UUID, Person]) -> None:
    if people:
        await _queries.insert_contacts(
            conn,
            tenant_id=tenant,
            ids=list(people),
            names=[person.name for person in people.values()],
            phone_numbers=[_e164(person) for person in people.values()],
        )


async def _claim(conn: Connection, tenant: TenantId, wanted: dict[Identity, UUID], now: datetime) -> dict[Identity, UUID]:
    rows = await _queries.claim_identities(
        conn,
        tenant_id=tenant,
        valid_from=now,
        kinds=[identity.kind for identity in wanted],
        external_ids=[identity.external_id for identity in wanted],
        contact_ids=list(wanted.values()),
    )
    return {Identity(IdentityKind(row["kind"]), row["external_id"]): row["contact_id"] for row in rows}


async def _rename_many(
    conn: Connection,
    tenant: TenantId,
    people: Sequence[Person],
    known: dict[Identity, KnownIdentity],
    contacts: dict[Identity, UUID],
) -> None:
    names: dict[UUID, str] = {}
    for person in people:
        before = next((known[identity] for identity in person.identities if identity in known), None)
        if person.name and before is not None and before.name != person.name:
            names[contacts[person.identities[0]]] = person.name
    if names:
        await _queries.rename_contacts(conn, tenant_id=tenant, ids=list(names), names=list(names.values()))


def _e164(person: Person) -> str | None:
    for identity in person.identities:
        if identity.kind is IdentityKind.WA_ID:
            try:
                number = phonenumbers.parse("+" + identity.external_id.lstrip("+"))
            except phonenumbers.NumberParseException:
                return None
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None
