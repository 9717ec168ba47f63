"""Contacts and their identities in PostgreSQL."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import zip_longest
from uuid import UUID

import asyncpg

from waystate.contacts.lifecycle import (
    Period,
    Resolved,
    Walk,
    backdated,
    contested,
    doubtful,
    find_contacts,
    first_phones,
    shown_phones,
    survive,
    walk,
    were_separated,
)
from waystate.contacts.model import (
    SAME_PHONE,
    Identity,
    IdentityKind,
    NewContact,
    PhoneChange,
    Recipient,
    Writer,
    e164,
    given_names,
)
from waystate.contacts.past import Held, Past
from waystate.contacts.spellings import as_spelled, other_identities
from waystate.db.pool import Connection, load_queries
from waystate.documents import JsonObject, dump
from waystate.ids import TenantId, new_id

_queries = load_queries(__file__)

LastWritten = Callable[[Collection[tuple[UUID, str]]], Awaitable[Mapping[tuple[UUID, str], datetime]]]
"""(contact, phone) → when that contact last wrote from that phone, as the platform says; those that never did are left out."""

LastHeard = Callable[[Collection[UUID]], Awaitable[Mapping[UUID, datetime]]]
"""Contact → when it last wrote, as the platform says; those that never did are left out."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_KINDS = {kind.value: kind for kind in IdentityKind}


async def upsert_many(
    conn: Connection,
    tenant: TenantId,
    people: Sequence[Writer],
    now: datetime,
    last_written: LastWritten | None = None,
    last_heard: LastHeard | None = None,
) -> Resolved:
    """The contact of everybody, as if they had written one by one in this order; who is not known becomes a contact.

    `last_written` is asked of phones that may change hands: whose message is older than their owner's takes none. `last_heard`
    is asked of contacts that may be one, or that give another name. What is `merged` is the caller's to bring together.
    """
    owners, names, are_held = await _hold_known(conn, tenant, people)
    contacts = find_contacts(people, owners)
    if None in contacts or not are_held:
        people = await _spell(conn, tenant, people, owners, names)
        people, ended = await _find_ended(conn, tenant, people, owners)
        return await _settle(conn, tenant, people, owners, ended, names, now, last_written, last_heard)
    resolved = Resolved([contact for contact in contacts if contact is not None])
    if given := await _given_names(people, resolved.contacts, names, last_heard):
        await _change_many(conn, tenant, given, {})
    return resolved


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
        phone_numbers=[e164(_first_phone(row)) for row in new],
        tags=[dump(row.tags) for row in new],
        preferences=[dump(row.preferences) for row in new],
        metadata=[dump(row.metadata) for row in new],
        created_at=[row.created_at for row in new],
    )
    return added


async def want_index(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> None:
    """Have these found as they are now, where no event tells of it."""
    if contact_ids:
        await _queries.want_index(conn, tenant_id=tenant, contact_ids=sorted(set(contact_ids)))


async def date_back(conn: Connection, tenant: TenantId, known_since: Mapping[UUID, datetime]) -> None:
    """Contacts that were known elsewhere before Waystate met them: `created_at` is when, if that is earlier."""
    await _queries.date_back(conn, tenant_id=tenant, contact_ids=list(known_since), created_at=list(known_since.values()))


async def list_marked(
    conn: Connection, tenant: TenantId, mark: JsonObject, *, after: UUID | None = None, page: int = 500
) -> list[UUID]:
    """Contacts whose metadata contain `mark`, by id, from the one behind `after`."""
    rows = await _queries.list_marked(conn, tenant_id=tenant, mark=mark, after=after, page=page)
    return [row["id"] for row in rows]


async def remove_many(conn: Connection, tenant: TenantId, contact_ids: Sequence[UUID]) -> int:
    """With their identities, and with whatever conversations and messages they have."""
    return len(await _queries.remove_contacts(conn, tenant_id=tenant, ids=list(contact_ids)))


async def find_many(
    conn: Connection, tenant: TenantId, identities: Collection[Identity]
) -> tuple[dict[Identity, UUID], dict[UUID, str | None]]:
    """Whose each identity is, of those that are somebody's, and what these contacts are called."""
    rows = await _queries.find_identities(conn, tenant_id=tenant, **_columns(identities))
    owners = {_identity_of(row): row["contact_id"] for row in rows}
    return owners, {row["contact_id"]: row["name"] for row in rows}


async def spell_as_known(conn: Connection, tenant: TenantId, identities: Collection[Identity]) -> dict[Identity, Identity]:
    """Of those that nobody knows as they are written, the spelling by which somebody is known; of a user id that has ended, an
    id that its contact has now."""
    spellings = other_identities(identities)
    users = [each for each in identities if each.kind is IdentityKind.BSUID]
    if not spellings and not users:
        return {}
    owners, _ = await find_many(conn, tenant, {*spellings, *spellings.values(), *users})
    known = {each: other for each, other in spellings.items() if each not in owners and other in owners}
    if unknown := [each for each in users if each not in owners]:
        people, _ = await _find_ended(conn, tenant, [Writer((each,), at=_LONG_AGO) for each in unknown], {})
        known |= {
            each: person.identities[0] for each, person in zip(unknown, people, strict=True) if person.identities[0] != each
        }
    return known


async def lock_spellings(conn: Connection, tenant: TenantId, identities: Iterable[Identity]) -> None:
    """Nobody else meets these phones, in either spelling, before the transaction ends. Before anything is claimed."""
    phones = [max(each.external_id, other.external_id, key=len) for each, other in other_identities(identities).items()]
    await _queries.lock_spellings(conn, tenant_id=tenant, phones=phones)


async def find_past(conn: Connection, tenant: TenantId, identities: Collection[Identity]) -> Past:
    """Whose these identities, in either spelling, were and are."""
    asked = {*identities, *other_identities(identities).values()}
    rows = await _queries.find_holders(conn, tenant_id=tenant, **_columns(asked))
    held: defaultdict[Identity, list[Held]] = defaultdict(list)
    for row in rows:
        identity = _identity_of(row)
        held[identity].append(Held(row["valid_from"], row["contact_id"], row["valid_to"]))
    return Past(held, {row["contact_id"] for row in rows if row["leads"]})


async def lock_identities(conn: Connection, tenant: TenantId, identities: Collection[Identity]) -> dict[Identity, UUID]:
    """Whose they are until the transaction ends, of those that are somebody's."""
    rows = await _queries.lock_identities(
        conn,
        tenant_id=tenant,
        **_columns(identities),
    )
    return {_identity_of(row): row["contact_id"] for row in rows}


async def find_leading(conn: Connection, tenant: TenantId, contact_ids: Iterable[UUID]) -> set[UUID]:
    """Those of them who have a business-scoped user id."""
    return (await _find_leading(conn, tenant, contact_ids, ()))[0]


async def close_many(
    conn: Connection, tenant: TenantId, contact_id: UUID, identities: Collection[Identity], at: datetime, phone: str | None
) -> None:
    """From `at` on they are nobody's. Where the contact showed one of these phones it shows `phone` instead."""
    await _queries.close_identities(
        conn,
        tenant_id=tenant,
        contact_id=contact_id,
        **_columns(identities),
        at=at,
    )
    lost = tuple(number for each in identities if each.kind is IdentityKind.WA_ID and (number := e164(each.external_id)))
    if lost:
        await _change_many(conn, tenant, {}, {contact_id: PhoneChange(lost=lost, rest=e164(phone), learned=e164(phone))})


async def lock_many(conn: Connection, tenant: TenantId, contact_ids: Iterable[UUID]) -> dict[UUID, JsonObject]:
    """All that is known of these contacts, as JSON; until the transaction ends nothing can be made that is theirs."""
    rows = await _queries.lock_contacts(conn, tenant_id=tenant, contact_ids=list(contact_ids))
    return {row["id"]: row["contact"] for row in rows}


async def absorb_many(
    conn: Connection,
    tenant: TenantId,
    merged: Mapping[UUID, UUID],
    undo: Mapping[UUID, JsonObject],
    now: datetime,
    made_by: str | None = None,
) -> None:
    """Contacts that turned out to be others (`merged`: from → to) are theirs from now on, with a record that keeps `undo`, and
    `made_by`, who said so. Under `lock_many`, when nothing else is theirs any more."""
    await _queries.absorb_contacts(
        conn,
        tenant_id=tenant,
        merged_ids=list(merged),
        contact_ids=list(merged.values()),
        undo=[dump(undo[gone]) for gone in merged],
        made_by=made_by,
        now=now,
    )
    await remove_many(conn, tenant, list(merged))


async def name_nameless(conn: Connection, tenant: TenantId, names: Mapping[UUID, str]) -> set[UUID]:
    """Those contacts that had no name and have this one now: what somebody else calls them never replaces their own."""
    rows = await _queries.name_nameless(conn, tenant_id=tenant, ids=list(names), names=list(names.values()))
    return {row["id"] for row in rows}


async def rename_many(conn: Connection, tenant: TenantId, names: Mapping[UUID, str]) -> None:
    """Contacts that are called so from now on, whatever they were called before."""
    await _change_many(conn, tenant, names, {})


async def find_survivors(conn: Connection, tenant: TenantId, contact_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Of those that were merged into another contact, which that is now."""
    rows = await _queries.find_survivors(conn, tenant_id=tenant, contact_ids=list(contact_ids))
    return {row["merged_id"]: row["contact_id"] for row in rows}


async def find_recipients(conn: Connection, tenant: TenantId, contact_ids: Iterable[UUID]) -> dict[UUID, Recipient]:
    rows = await _queries.find_recipients(conn, tenant_id=tenant, contact_ids=sorted(set(contact_ids)))
    recipients: dict[UUID, Recipient] = {}
    for row in rows:
        before = recipients.get(row["contact_id"]) or Recipient(row["name"])
        match row["kind"]:
            case IdentityKind.WA_ID:
                before = replace(before, wa_ids=(*before.wa_ids, row["external_id"]))
            case IdentityKind.BSUID:
                before = replace(before, user_ids=(*before.user_ids, row["external_id"]))
            case IdentityKind.GROUP:
                before = replace(before, group_id=row["external_id"])
        recipients[row["contact_id"]] = before
    return recipients


async def find_facts(
    conn: Connection, tenant: TenantId, contact_ids: Iterable[UUID]
) -> dict[UUID, tuple[tuple[str, ...], str | None]]:
    """Contact → tags and language, of those of whom either is known."""
    rows = await _queries.find_facts(conn, tenant_id=tenant, contact_ids=sorted(contact_ids))
    return {row["id"]: (tuple(row["tags"]), row["language"]) for row in rows}


async def _hold_known(
    conn: Connection, tenant: TenantId, people: Sequence[Writer]
) -> tuple[dict[Identity, UUID], dict[UUID, str | None], bool]:
    """As `find_many`, and whether the phones stay whose they are until the transaction ends.

    They do if everybody is known, and no phone alone says who somebody was that wrote before it was its owner's.

    Raises asyncpg.SerializationError, for the transaction to be run again, when one of several phones has just gone to another.
    """
    writers: dict[tuple[Identity, ...], datetime | None] = {}
    for person in people:
        at = person.at if person.identities[0].kind is IdentityKind.WA_ID else None
        before = writers.setdefault(person.identities, at)
        if at is not None and (before is None or at < before):
            writers[person.identities] = at
    asked = [(place, *identity, at) for place, (each, at) in enumerate(writers.items()) for identity in each]
    rows = await _queries.hold_known(
        conn,
        tenant_id=tenant,
        writers=[place for place, _, _, _ in asked],
        kinds=[kind for _, kind, _, _ in asked],
        external_ids=[external_id for _, _, external_id, _ in asked],
        alone_at=[at for _, _, _, at in asked],
    )
    owners = {_identity_of(row): row["contact_id"] for row in rows}
    held = {row["is_held"] for row in rows if row["kind"] == IdentityKind.WA_ID}
    if len(held) > 1:
        # Who claims this one may wait for somebody who claims one that is held here.
        raise asyncpg.SerializationError("a phone went to another contact while others were being held; run it again")
    return owners, {row["contact_id"]: row["name"] for row in rows}, False not in held


async def _spell(
    conn: Connection,
    tenant: TenantId,
    people: Sequence[Writer],
    owners: dict[Identity, UUID],
    names: dict[UUID, str | None],
) -> Sequence[Writer]:
    """As `as_spelled`; what is found of the phones that nobody knows as they are written joins `owners` and `names`."""
    unknown = {each for person in people for each in person.identities if each not in owners}
    spellings = other_identities(unknown)
    if not spellings:
        return people
    await lock_spellings(conn, tenant, spellings)
    found, called = await find_many(conn, tenant, {*spellings, *spellings.values()})
    owners.update(found)
    names.update(called)
    return as_spelled(people, owners)


async def _find_ended(
    conn: Connection, tenant: TenantId, people: Sequence[Writer], owners: dict[Identity, UUID]
) -> tuple[Sequence[Writer], dict[Identity, UUID]]:
    """Who wrote by ids that have ended since is known by one that they have now, which joins `owners`; and who had the user ids
    that have ended."""
    asked = [
        (place, identity, person.at, identity in person.attested)
        for place, person in enumerate(people)
        for identity in person.identities
        if identity not in owners
        if identity.kind is IdentityKind.BSUID or identity in person.attested or owners.keys().isdisjoint(person.identities)
    ]
    if not asked:
        return people, {}
    rows = await _queries.find_ended(
        conn,
        tenant_id=tenant,
        places=[place for place, _, _, _ in asked],
        **_columns(identity for _, identity, _, _ in asked),
        at=[at for _, _, at, _ in asked],
        are_told=[is_told for _, _, _, is_told in asked],
    )
    found: defaultdict[int, dict[Identity, asyncpg.Record]] = defaultdict(dict)
    for row in rows:
        found[row["place"]][_identity_of(row)] = row
    ended = {each: row["contact_id"] for rows_of in found.values() for each, row in rows_of.items() if row["kind"] == "bsuid"}
    return [_as_present(each, found[n], owners) if n in found else each for n, each in enumerate(people)], ended


def _as_present(person: Writer, ended: Mapping[Identity, asyncpg.Record], owners: dict[Identity, UUID]) -> Writer:
    """The person by an id that they have now, if they wrote before theirs ended; a phone that has ended since is left out."""
    first = person.identities[0]
    row = ended.get(first)
    if row is None and owners.keys().isdisjoint(person.identities):
        others = (each for each in ended.values() if first.kind is IdentityKind.WA_ID or each["present_kind"] != "bsuid")
        row = next(others, None)
    if row is None or not row["is_late"]:
        kept = [each for each in person.identities if each.kind is not IdentityKind.WA_ID or each not in ended]
        return replace(person, identities=tuple(kept))
    if row["present_id"] is None:
        return replace(person, identities=(_identity_of(row),), at=row["valid_to"])
    present = Identity(_KINDS[row["present_kind"]], row["present_id"])
    owners[present] = row["contact_id"]
    return replace(person, identities=(present,))


def _columns(identities: Iterable[Identity]) -> dict[str, list[str]]:
    """As queries take identities."""
    wanted = list(identities)
    return {"kinds": [each.kind for each in wanted], "external_ids": [each.external_id for each in wanted]}


def _identity_of(row: asyncpg.Record) -> Identity:
    return Identity(_KINDS[row["kind"]], row["external_id"])


async def _add_identities(conn: Connection, tenant: TenantId, rows: Sequence[tuple[UUID, Identity, datetime]]) -> set[UUID]:
    added = await _queries.add_identities(
        conn,
        tenant_id=tenant,
        **_columns(identity for _, identity, _ in rows),
        valid_from=[since for _, _, since in rows],
        contact_ids=[contact for contact, _, _ in rows],
    )
    return {row["contact_id"] for row in added}


async def _have_moved(conn: Connection, tenant: TenantId, known: Mapping[Identity, UUID]) -> bool:
    """Whether user ids lead to others by now; where they do not, it was a phone that somebody took."""
    users = {each: owner for each, owner in known.items() if each.kind is not IdentityKind.WA_ID}
    return (await find_many(conn, tenant, users))[0] != users


async def _settle(
    conn: Connection,
    tenant: TenantId,
    people: Sequence[Writer],
    known: Mapping[Identity, UUID],
    ended: Mapping[Identity, UUID],
    names: Mapping[UUID, str | None],
    now: datetime,
    last_written: LastWritten | None,
    last_heard: LastHeard | None,
) -> Resolved:
    """Decided twice: what to propose by what is known, what holds by what this transaction has locked.

    All identities of the unsettled, and everybody's phones, are locked by one statement, in one order, before anything is
    decided that rests on them: of two transactions at once the second sees what the first made of them. A phone that may change
    hands is locked once more, against its owner's messages under way. Other identities keep their owners.
    """
    ids: defaultdict[int, UUID] = defaultdict(new_id)
    unsettled = [person for person, contact in zip(people, find_contacts(people, known), strict=True) if contact is None]
    done = walk(people, known, (), ids.__getitem__, now, ended=ended)
    wanted = {each: done.owners[each] for person in unsettled for each in person.identities if each in done.owners}
    wanted |= {each: owner for each, owner in done.owners.items() if each.kind is IdentityKind.WA_ID}
    claimed, new = await _claim(
        conn, tenant, {each: done.periods.get(each, [Period(now, owner)])[0] for each, owner in wanted.items()}
    )
    owners = {**known, **{identity: each.contact for identity, each in claimed.items()}}
    if were_separated(people, known, owners) and await _have_moved(conn, tenant, known):
        raise asyncpg.SerializationError("a merge was undone while its contact was waited for; run it again")
    owners = {identity: contact for identity, contact in owners.items() if identity not in new}
    periods = await _find_periods(conn, tenant, people, owners, claimed)
    rivals, phones_at_stake = doubtful(people, owners, periods) | {*ended.values()}, contested(people, owners)
    written: dict[Identity, datetime] = {}
    if phones_at_stake and last_written is not None:
        await _queries.lock_phones(conn, tenant_id=tenant, external_ids=[phone for _, phone in phones_at_stake])
        found = await last_written(phones_at_stake)
        written = {Identity(IdentityKind.WA_ID, phone): at for (_, phone), at in found.items()}
    leading, phoned = await _find_leading(conn, tenant, rivals, new) if rivals else (set(), set())
    heard = await last_heard(rivals) if rivals and last_heard is not None else {}
    done = walk(people, owners, leading, ids.__getitem__, now, written, periods, phoned, heard, ended)
    if done.merged:
        survive(done, heard)
    await _drop_many(conn, tenant, new - done.owners.keys())
    new &= done.owners.keys()
    await _correct_many(conn, tenant, {each: done.periods[each][0] for each in new if done.periods[each][0] != claimed[each]})
    begun = {each: found[len(periods.get(each, ())) or 1 :] for each, found in done.periods.items()}
    await _move_many(conn, tenant, {each: found for each, found in begun.items() if found})
    await _tell_many(conn, tenant, people, done, new, names, last_heard)
    return Resolved(done.contacts, done.left, done.former, done.late, done.merged)


async def _given_names(
    people: Sequence[Writer],
    contacts: Sequence[UUID],
    names: Mapping[UUID, str | None],
    last_heard: LastHeard | None,
    founded: Collection[UUID] = frozenset(),
) -> dict[UUID, str]:
    """As `given_names`; when a contact last wrote is asked only where it gives another name."""
    given = given_names(people, contacts, names)
    if last_heard is not None and (known := given.keys() - founded):
        given = given_names(people, contacts, names, await last_heard(known))
    return given


async def _tell_many(
    conn: Connection,
    tenant: TenantId,
    people: Sequence[Writer],
    done: Walk,
    new: Collection[Identity],
    names: Mapping[UUID, str | None],
    last_heard: LastHeard | None,
) -> None:
    """Founds contacts, and writes the names and phones that the known ones show from now on. `new`: identities."""
    founded = set(done.founded)
    names = {**names, **dict.fromkeys(done.founded)}
    given = await _given_names(people, done.contacts, names, last_heard, founded)
    phones = shown_phones(done, await find_recipients(conn, tenant, {each for each, _ in done.left})) if done.left else {}
    await _create_many(conn, tenant, done, given, phones)
    learned = first_phones({each: done.owners[each] for each in done.owners if each in new})
    phones = {contact: replace(SAME_PHONE, learned=e164(phone)) for contact, phone in learned.items()} | phones
    given = {contact: name for contact, name in given.items() if contact not in founded}
    phones = {contact: change for contact, change in phones.items() if contact not in founded}
    if given or phones:
        await _change_many(conn, tenant, given, phones)


async def _claim(
    conn: Connection, tenant: TenantId, wanted: Mapping[Identity, Period]
) -> tuple[dict[Identity, Period], set[Identity]]:
    """Whose each identity is since when, all of them locked, and which of them are new: nobody sees those before the commit."""
    rows = await _queries.claim_identities(
        conn,
        tenant_id=tenant,
        **_columns(wanted),
        valid_from=[each.since for each in wanted.values()],
        contact_ids=[each.contact for each in wanted.values()],
    )
    claimed = {_identity_of(row): row for row in rows}
    return (
        {identity: Period(row["valid_from"], row["contact_id"]) for identity, row in claimed.items()},
        {identity for identity, row in claimed.items() if row["is_new"]},
    )


async def _find_periods(
    conn: Connection,
    tenant: TenantId,
    people: Sequence[Writer],
    owners: Mapping[Identity, UUID],
    claimed: Mapping[Identity, Period],
) -> dict[Identity, list[Period]]:
    """Since when each claimed identity is its owner's, and who had it before, where that decides who somebody is."""
    present = {identity: each for identity, each in claimed.items() if identity in owners}
    asked = backdated(people, owners, {identity: each.since for identity, each in present.items()})
    periods: defaultdict[Identity, list[Period]] = defaultdict(list)
    if asked:
        rows = await _queries.find_former(conn, tenant_id=tenant, external_ids=[each.external_id for each in asked])
        for row in rows:
            periods[Identity(IdentityKind.WA_ID, row["external_id"])].append(Period(row["valid_from"], row["contact_id"]))
    for identity, each in present.items():
        periods[identity].append(each)
    return dict(periods)


async def _find_leading(
    conn: Connection, tenant: TenantId, contact_ids: Iterable[UUID], new: Collection[Identity]
) -> tuple[set[UUID], set[UUID]]:
    """Those of them who have a business-scoped user id, and those who ever had a phone; what is `new` does not count."""
    rows = await _queries.find_leading(
        conn, tenant_id=tenant, contact_ids=list(contact_ids), new=[identity.external_id for identity in new]
    )
    return {row["contact_id"] for row in rows if row["leads"]}, {row["contact_id"] for row in rows if row["has_phone"]}


async def _drop_many(conn: Connection, tenant: TenantId, identities: Collection[Identity]) -> None:
    if identities:
        await _queries.drop_identities(conn, tenant_id=tenant, **_columns(identities))


async def _correct_many(conn: Connection, tenant: TenantId, owners: Mapping[Identity, Period]) -> None:
    if owners:
        await _queries.correct_identities(
            conn,
            tenant_id=tenant,
            **_columns(owners),
            valid_from=[each.since for each in owners.values()],
            contact_ids=[each.contact for each in owners.values()],
        )


async def _move_many(conn: Connection, tenant: TenantId, begun: Mapping[Identity, Sequence[Period]]) -> None:
    """`begun`: who had each identity after its present owner, one after the other; the last one has it now."""
    if not begun:
        return
    rows = [
        (identity, period, following.since if following else None, place == 0)
        for identity, periods in begun.items()
        for place, (period, following) in enumerate(zip_longest(periods, periods[1:]))
    ]
    await _queries.move_identities(
        conn,
        tenant_id=tenant,
        **_columns(identity for identity, _, _, _ in rows),
        valid_from=[period.since for _, period, _, _ in rows],
        valid_to=[until for _, _, until, _ in rows],
        contact_ids=[period.contact for _, period, _, _ in rows],
        firsts=[is_first for _, _, _, is_first in rows],
    )


async def _create_many(
    conn: Connection, tenant: TenantId, done: Walk, given: Mapping[UUID, str], phones: Mapping[UUID, PhoneChange]
) -> None:
    if not done.founded:
        return
    own = first_phones(done.owners)
    await _queries.insert_contacts(
        conn,
        tenant_id=tenant,
        ids=done.founded,
        names=[given.get(contact) for contact in done.founded],
        phone_numbers=[phones.get(contact, SAME_PHONE).gained or e164(own.get(contact)) for contact in done.founded],
    )


async def _change_many(
    conn: Connection, tenant: TenantId, given: Mapping[UUID, str], phones: Mapping[UUID, PhoneChange]
) -> None:
    ids = list({*given, *phones})
    changes = [phones.get(contact, SAME_PHONE) for contact in ids] if phones else []
    await _queries.change_contacts(
        conn,
        tenant_id=tenant,
        ids=ids,
        names=[given.get(contact) for contact in ids],
        gained=[each.gained for each in changes],
        lost=[",".join(each.lost) or None for each in changes],
        rest=[each.rest for each in changes],
        learned=[each.learned for each in changes],
    )


def _first_phone(row: NewContact) -> str | None:
    return next((each.external_id for each in row.identities if each.kind is IdentityKind.WA_ID), None)
