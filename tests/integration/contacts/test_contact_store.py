"""Contacts and identities against PostgreSQL, above all: who is whom when several batches meet the same person at once."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from tests.world import Business, World, wait_for_lock
from waystate.contacts import store
from waystate.contacts.model import Identity, IdentityKind, Recipient, Writer, person_of

PHONE = Identity(IdentityKind.WA_ID, "4915112345678")
USER = Identity(IdentityKind.BSUID, "DE.13491208655302741918")


async def upsert(world: World, tenant: Business, *people: Writer) -> dict[Identity, UUID]:
    """The contact of every identity; nobody here shares one with another contact."""
    async with world.db.tenant(tenant.tenant) as conn:
        resolved = await store.upsert_many(conn, tenant.tenant, people, world.clock.now)
    return {
        identity: contact for person, contact in zip(people, resolved.contacts, strict=True) for identity in person.identities
    }


async def meet(world: World, tenant: Business, *people: Writer) -> list[UUID]:
    """The contact of each person."""
    async with world.db.tenant(tenant.tenant) as conn:
        return (await store.upsert_many(conn, tenant.tenant, people, world.clock.now)).contacts


async def owners(world: World, tenant: Business) -> dict[Identity, UUID]:
    rows = await world.rows(tenant, "SELECT kind, external_id, contact_id FROM contact_identities WHERE valid_to IS NULL")
    return {Identity(IdentityKind(row["kind"]), row["external_id"]): row["contact_id"] for row in rows}


async def names(world: World, tenant: Business) -> list[str | None]:
    return [row["name"] for row in await world.rows(tenant, "SELECT name FROM contacts ORDER BY name")]


async def test_a_new_person_is_one_contact_with_all_identities(world: World, tenant: Business) -> None:
    contacts = await upsert(world, tenant, person_of(PHONE.external_id, USER.external_id, "Ada"))
    assert contacts.keys() == {PHONE, USER}
    assert len(set(contacts.values())) == 1
    assert await world.rows(tenant, "SELECT id, name, phone_number FROM contacts") == [
        {"id": contacts[USER], "name": "Ada", "phone_number": "+4915112345678"}
    ]


async def test_somebody_known_keeps_the_contact_and_gains_the_new_identity(world: World, tenant: Business) -> None:
    before = await upsert(world, tenant, person_of(PHONE.external_id, None, "Ada"))
    after = await upsert(world, tenant, person_of(PHONE.external_id, USER.external_id))
    assert after == {PHONE: before[PHONE], USER: before[PHONE]}
    assert await upsert(world, tenant, person_of(None, USER.external_id)) == {USER: before[PHONE]}
    assert await names(world, tenant) == ["Ada"]


async def test_a_new_name_replaces_the_old_and_no_name_leaves_it(world: World, tenant: Business) -> None:
    await upsert(world, tenant, person_of(PHONE.external_id, None, "Ada"))
    await upsert(world, tenant, person_of(PHONE.external_id, None, None))
    assert await names(world, tenant) == ["Ada"]
    await upsert(world, tenant, person_of(PHONE.external_id, None, "Ada L."))
    assert await names(world, tenant) == ["Ada L."]


async def test_a_person_without_a_phone_is_a_contact_too(world: World, tenant: Business) -> None:
    await upsert(world, tenant, person_of("", USER.external_id, "Bob"), person_of("12", None, "No number"))
    rows = await world.rows(tenant, "SELECT name, phone_number FROM contacts ORDER BY name")
    assert [row["name"] for row in rows] == ["Bob", "No number"]
    assert rows[0]["phone_number"] is None


async def test_a_batch_of_known_and_new_people_is_sorted_out(world: World, tenant: Business) -> None:
    known = await upsert(world, tenant, *(person_of(f"49151{n:07}", None, f"N{n}") for n in range(0, 40, 2)))
    both = await upsert(world, tenant, *(person_of(f"49151{n:07}", f"DE.{n}", f"N{n}") for n in range(40)))
    assert len(both) == 80
    assert len(set(both.values())) == 40
    assert {identity: both[identity] for identity in known} == known


async def test_fifty_batches_that_meet_a_new_person_at_once_make_one_contact(world: World, tenant: Business) -> None:
    results = await asyncio.gather(*(upsert(world, tenant, person_of(PHONE.external_id, None, "Ada")) for _ in range(50)))
    assert len({result[PHONE] for result in results}) == 1
    assert await names(world, tenant) == ["Ada"]


async def test_a_new_person_met_by_phone_and_by_user_id_at_once_is_one_contact(world: World, tenant: Business) -> None:
    """The loser of one identity gives up the contact it had begun under the other."""
    for round_ in range(10):
        phone, user = f"49151{round_:07}", f"DE.{round_}"
        people = [person_of(phone, None, "Ada"), person_of(phone, user, "Ada")] * 4
        results = await asyncio.gather(*(upsert(world, tenant, each) for each in people))
        assert len({contact for result in results for contact in result.values()}) == 1, round_
    assert await names(world, tenant) == ["Ada"] * 10
    assert await world.value(tenant, "SELECT count(*) FROM contact_identities") == 20


async def test_crowds_that_overlap_do_not_deadlock_and_make_each_person_once(world: World, tenant: Business) -> None:
    """By phone in one batch and by user id in the next, so that the people themselves come in different orders."""

    def crowd(batch: int) -> Sequence[Writer]:
        user_ids = [None if batch % 2 else f"DE.{(n * 7) % 60:03}" for n in range(60)]
        everybody = [person_of(f"49151{n:07}", user_id, f"N{n}") for n, user_id in enumerate(user_ids)]
        return everybody[batch * 6 :] + everybody[: batch * 6]

    for _ in range(5):
        results = await asyncio.gather(*(upsert(world, tenant, *crowd(batch)) for batch in range(10)))
        merged = {identity: contact for result in results for identity, contact in result.items()}
        assert all(result.items() <= merged.items() for result in results)
        assert await world.value(tenant, "SELECT count(*) FROM contacts") == 60
        await world.execute(tenant, "DELETE FROM contacts")


async def test_identities_are_claimed_in_one_order_whatever_the_order_of_the_people(world: World, tenant: Business) -> None:
    """One batch is stopped between its first and its last identity, while another wants the same phones the other way round."""
    async with world.db.tenant(tenant.tenant) as stop:
        await store.upsert_many(stop, tenant.tenant, [person_of(None, "DE.2")], world.clock.now)
        by_user = asyncio.create_task(upsert(world, tenant, person_of("49152", "DE.1"), person_of("49151", "DE.2")))
        await wait_for_lock(stop)
        by_phone = asyncio.create_task(upsert(world, tenant, person_of("49151", None), person_of("49152", None)))
        await asyncio.wait({by_phone}, timeout=0.3)
    await asyncio.gather(by_user, by_phone)


async def test_an_identity_that_ended_belongs_to_nobody(world: World, tenant: Business) -> None:
    before = await upsert(world, tenant, person_of(PHONE.external_id, None, "Ada"))
    await world.execute(tenant, "UPDATE contact_identities SET valid_to = $1", world.clock.forward(days=1))
    after = await upsert(world, tenant, person_of(PHONE.external_id, None, "Bob"))
    assert after[PHONE] != before[PHONE]
    assert await names(world, tenant) == ["Ada", "Bob"]


async def test_a_contact_has_whatever_leads_to_it_now(world: World, tenant: Business) -> None:
    contacts = await upsert(world, tenant, person_of(PHONE.external_id, USER.external_id, "Ada"))
    by_user = await upsert(world, tenant, person_of(None, "DE.2"))
    async with world.db.tenant(tenant.tenant) as conn:
        found = await store.find_recipients(conn, tenant.tenant, [*contacts.values(), *by_user.values(), UUID(int=1)])
    assert found == {
        contacts[PHONE]: Recipient("Ada", (PHONE.external_id,), (USER.external_id,)),
        next(iter(by_user.values())): Recipient(None, (), ("DE.2",)),
    }


async def test_the_same_phone_in_two_tenants_is_two_contacts(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    mine = await upsert(world, tenant, person_of(PHONE.external_id, None, "Ada"))
    theirs = await upsert(world, other, person_of(PHONE.external_id, None, "Ada"))
    assert mine[PHONE] != theirs[PHONE]
    async with world.db.tenant(other.tenant) as conn:
        assert await store.find_recipients(conn, other.tenant, [mine[PHONE]]) == {}
