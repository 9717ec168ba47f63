"""A phone that goes from one customer to another, against PostgreSQL: the business-scoped user id decides, also at once."""

import asyncio
import random
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.contacts.test_contact_store import PHONE, meet, owners, upsert
from tests.world import START, Business, World, wait_for_lock
from waystate.contacts import store
from waystate.contacts.model import Identity, IdentityKind, Writer, person_of
from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Tenant

ANN, BOB = Identity(IdentityKind.BSUID, "DE.1"), Identity(IdentityKind.BSUID, "DE.9")
P, Q = PHONE.external_id, "4915112345679"

wrote = st.tuples(st.sampled_from([None, P, Q, "4915112345670"]), st.sampled_from([None, "DE.1", "DE.2", "DE.3"])).filter(any)
times = st.integers(0, 4).map(lambda seconds: START - timedelta(seconds=seconds))
sequences = st.lists(wrote, min_size=1, max_size=9)
cuts = st.lists(st.integers(0, 9), max_size=3)


async def numbers(world: World, tenant: Business) -> dict[UUID, str | None]:
    rows = await world.rows(tenant, "SELECT id, phone_number FROM contacts")
    return {row["id"]: row["phone_number"] for row in rows}


async def test_a_new_customer_on_a_recycled_phone_is_a_contact_and_has_the_phone(world: World, tenant: Business) -> None:
    (ann,) = await meet(world, tenant, person_of(P, ANN.external_id, "Ann"))
    world.clock.forward(days=1)
    (bob,) = await meet(world, tenant, person_of(P, BOB.external_id, "Bob"))
    assert ann != bob
    assert await owners(world, tenant) == {ANN: ann, BOB: bob, PHONE: bob}
    assert await meet(world, tenant, person_of(P, None), person_of(None, ANN.external_id)) == [bob, ann]
    assert await world.rows(tenant, "SELECT name, phone_number FROM contacts ORDER BY name") == [
        {"name": "Ann", "phone_number": None},
        {"name": "Bob", "phone_number": f"+{P}"},
    ]


async def test_the_past_of_a_phone_stays_with_whom_it_was(world: World, tenant: Business) -> None:
    (ann,) = await meet(world, tenant, person_of(P, ANN.external_id))
    moved_at = world.clock.forward(days=1)
    (bob,) = await meet(world, tenant, person_of(P, BOB.external_id))
    history = "SELECT contact_id, valid_from, valid_to FROM contact_identities WHERE kind = 'wa_id' ORDER BY valid_from"
    assert [tuple(row.values()) for row in await world.rows(tenant, history)] == [
        (ann, START, moved_at),
        (bob, moved_at, None),
    ]


async def test_a_phone_that_comes_back_within_one_moment_is_a_row_of_its_own(world: World, tenant: Business) -> None:
    ann, bob = person_of(P, ANN.external_id), person_of(P, BOB.external_id)
    seen = [(await meet(world, tenant, each))[0] for each in (ann, bob, ann, bob, ann)]
    assert seen == [seen[0], seen[1]] * 2 + [seen[0]]
    assert (await owners(world, tenant))[PHONE] == seen[0]
    rows = await world.rows(
        tenant, "SELECT valid_from, valid_to FROM contact_identities WHERE kind = 'wa_id' ORDER BY valid_from"
    )
    assert [row["valid_to"] for row in rows[:-1]] == [row["valid_from"] for row in rows[1:]]
    assert len(rows) == 5


async def test_a_contact_shows_another_phone_of_its_own_when_one_goes(world: World, tenant: Business) -> None:
    ann, _ = await meet(world, tenant, person_of(P, ANN.external_id), person_of(Q, ANN.external_id))
    (bob,) = await meet(world, tenant, person_of(None, BOB.external_id))
    assert await numbers(world, tenant) == {ann: f"+{P}", bob: None}
    await meet(world, tenant, person_of(P, BOB.external_id))
    assert await numbers(world, tenant) == {ann: f"+{Q}", bob: f"+{P}"}


async def test_a_number_that_somebody_typed_in_stays_when_a_phone_goes(world: World, tenant: Business) -> None:
    (ann,) = await meet(world, tenant, person_of(P, ANN.external_id))
    await world.execute(tenant, "UPDATE contacts SET phone_number = '+4930123456'")
    (bob,) = await meet(world, tenant, person_of(P, BOB.external_id))
    assert await numbers(world, tenant) == {ann: "+4930123456", bob: f"+{P}"}


async def test_ann_and_bob_in_one_batch_are_two_contacts(world: World, tenant: Business) -> None:
    ann, again, bob = await meet(
        world,
        tenant,
        person_of(P, ANN.external_id, "Ann"),
        person_of(Q, ANN.external_id, "Ann"),
        person_of(P, BOB.external_id, "Bob"),
    )
    assert ann == again != bob
    assert await numbers(world, tenant) == {ann: f"+{Q}", bob: f"+{P}"}


async def test_one_phone_claimed_by_two_user_ids_at_once_is_the_later_ones(world: World, tenant: Business) -> None:
    """The second waits for the first, and sees what it made: two contacts, and one owner of the phone."""
    for round_ in range(10):
        phone = f"49151{round_:07}"
        crowd = [person_of(phone, f"DE.{round_}x{n}", f"N{n}") for n in range(6)]
        met = [contacts[0] for contacts in await asyncio.gather(*(meet(world, tenant, each) for each in crowd))]
        assert len(set(met)) == 6
        now = await owners(world, tenant)
        assert [now[each.identities[0]] for each in crowd] == met
        holder = now[Identity(IdentityKind.WA_ID, phone)]
        assert holder in met
        shown = await numbers(world, tenant)
        assert [contact for contact in met if shown[contact] is not None] == [holder]


async def test_batches_that_race_over_phones_and_people_neither_deadlock_nor_lose_anybody(
    world: World, tenant: Business
) -> None:
    """Thirty phones, each with two people who write from it, in batches of every order."""

    def crowd(batch: int) -> list[Writer]:
        everybody = [person_of(f"49151{n % 30:07}", f"DE.{n:03}", f"N{n}{batch}") for n in range(60)]
        return everybody[batch * 6 :] + everybody[: batch * 6]

    for _ in range(4):
        results = await asyncio.gather(*(meet(world, tenant, *crowd(batch)) for batch in range(10)))
        now = await owners(world, tenant)
        for batch, contacts in enumerate(results):
            assert contacts == [now[person.identities[0]] for person in crowd(batch)]
    assert await world.value(tenant, "SELECT count(*) FROM contacts") == 60
    assert len(now) == 90


async def test_small_batches_of_the_known_and_of_takers_at_once_do_not_deadlock(world: World, tenant: Business) -> None:
    """Some hold phones that others take, in every order: ten people write from five phones, three of them at a time."""
    await small_batches_at_once(world, tenant)
    assert await world.value(tenant, "SELECT count(*) FROM contacts") == 10


async def test_a_phone_that_is_being_taken_is_not_held_as_its_former_owners(world: World, tenant: Business) -> None:
    """Bob's batch waited for one of Ann's and has the phone now; another one of Ann's waits for his, and sees what it did."""
    ann, bob = person_of(P, ANN.external_id), person_of(P, BOB.external_id)
    await meet(world, tenant, ann, person_of(None, BOB.external_id))
    is_taken, may_commit = asyncio.Event(), asyncio.Event()

    async def nobody_wrote(_: object) -> dict[tuple[UUID, str], datetime]:
        return {}

    async def take() -> None:
        async with world.db.tenant(tenant.tenant) as conn:
            await store.upsert_many(conn, tenant.tenant, [bob], world.clock.now, nobody_wrote)
            is_taken.set()
            await may_commit.wait()

    async def write() -> tuple[list[UUID], UUID]:
        async with world.db.tenant(tenant.tenant) as conn:
            resolved = await store.upsert_many(conn, tenant.tenant, [ann], world.clock.now, nobody_wrote)
            sql = "SELECT contact_id FROM contact_identities WHERE valid_to IS NULL AND external_id = $1"
            return resolved.contacts, await conn.fetchval(sql, P)

    async with world.db.tenant(tenant.tenant) as holder:
        await store.upsert_many(holder, tenant.tenant, [ann], world.clock.now, nobody_wrote)
        taking = asyncio.create_task(take())
        await wait_for_lock(holder)
    await is_taken.wait()
    writing = asyncio.create_task(write())
    async with world.db.tenant(tenant.tenant) as other:
        await wait_for_lock(other)
    may_commit.set()
    await taking
    contacts, owner = await writing
    assert contacts == [owner]


async def test_nobody_takes_a_phone_that_a_batch_holds(world: World, tenant: Business) -> None:
    assert await small_batches_at_once(world, tenant) == []


async def small_batches_at_once(world: World, tenant: Business) -> list[dict[str, UUID]]:
    """Where a phone was another's before the batch that resolved it was committed."""
    rng = random.Random(7)
    people = [person_of(f"4915{n % 5:02}", f"DE.{n}") for n in range(10)]
    await meet(world, tenant, *people)
    taken: list[dict[str, UUID]] = []

    async def nobody_wrote(_: object) -> dict[tuple[UUID, str], datetime]:
        return {}

    async def write() -> None:
        batch = rng.sample(people, 3)
        while True:
            # Run again, as every caller does; a deadlock is not let pass.
            with suppress(asyncpg.SerializationError):
                return await attempt(batch)

    async def attempt(batch: list[Writer]) -> None:
        async with world.db.tenant(tenant.tenant) as conn:
            resolved = await store.upsert_many(conn, tenant.tenant, batch, world.clock.now, nobody_wrote)
            phones = [each.identities[1].external_id for each in batch]
            sql = "SELECT external_id, contact_id FROM contact_identities WHERE valid_to IS NULL AND external_id = ANY($1)"
            holders = {row["external_id"]: row["contact_id"] for row in await conn.fetch(sql, phones)}
        if holders != dict(zip(phones, resolved.contacts, strict=True)):
            taken.append(holders)

    for _ in range(30):
        await asyncio.gather(*(write() for _ in range(8)))
    return taken


async def test_who_waits_for_a_phone_decides_by_what_is_there_then(world: World, tenant: Business) -> None:
    """When Bob's batch began, the phone's owner had no user id; when it gets the phone, Ann's batch has given them one."""
    (ann,) = await meet(world, tenant, person_of(P, None, "Ann"))
    async with world.db.tenant(tenant.tenant) as first:
        await store.upsert_many(first, tenant.tenant, [person_of(P, ANN.external_id)], world.clock.now)
        second = asyncio.create_task(meet(world, tenant, person_of(P, BOB.external_id, "Bob")))
        await wait_for_lock(first)
    (bob,) = await second
    assert bob != ann
    assert await owners(world, tenant) == {ANN: ann, BOB: bob, PHONE: bob}


async def test_an_identity_known_in_another_tenant_moves_nothing_here(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    theirs = await upsert(world, other, person_of(P, ANN.external_id))
    await meet(world, tenant, person_of(P, BOB.external_id))
    assert await owners(world, other) == theirs


@settings(
    max_examples=100,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(sequences, cuts, st.just([None] * 9) | st.lists(times, min_size=9, max_size=9))
def test_every_cut_into_batches_gives_what_one_by_one_gives(
    database_url: str, said: list[tuple[str | None, str | None]], cut: list[int], written: list[datetime | None]
) -> None:
    """Also of messages that come late."""
    people = [person_of(*ids, f"N{place}", at) for place, (ids, at) in enumerate(zip(said, written, strict=False))]
    edges = sorted({min(each, len(people)) for each in cut} | {0, len(people)})
    batches = [people[start:end] for start, end in pairwise(edges)]
    alone, together = asyncio.run(_both(database_url, [[person] for person in people], batches))
    assert together == alone


async def _both(url: str, alone: list[list[Writer]], batches: list[list[Writer]]) -> list[object]:
    db = await Database.open(url, pool_size=1)
    try:
        return [await _outcome(db, TenantId(name), each) for name, each in (("alone", alone), ("cut", batches))]
    finally:
        await db.close()


async def _outcome(db: Database, tenant: TenantId, batches: list[list[Writer]]) -> object:
    """Who is whom, whose each identity is, and what each contact shows; contacts by the place where they were met first."""
    async with db.work() as conn:
        await tenant_store.upsert_many(conn, [Tenant(id=tenant, name=tenant)])
    met: list[UUID] = []
    wrote: dict[tuple[UUID, str], datetime] = {}
    heard: dict[UUID, datetime] = {}

    async def last_heard(asked: Collection[UUID]) -> dict[UUID, datetime]:
        return {each: heard[each] for each in asked if each in heard}

    async def last_written(asked: Collection[tuple[UUID, str]]) -> dict[tuple[UUID, str], datetime]:
        return {key: wrote[key] for key in asked if key in wrote}

    for batch in batches:
        async with db.tenant(tenant) as conn:
            resolved = await store.upsert_many(conn, tenant, batch, START, last_written, last_heard)
            if resolved.merged:
                undo = await store.lock_many(conn, tenant, [*resolved.merged, *resolved.merged.values()])
                await store.absorb_many(conn, tenant, resolved.merged, undo, START)
        contacts, merged = resolved.contacts, resolved.merged
        met = [merged.get(each, each) for each in met] + contacts
        for (contact, phone), at in list(wrote.items()):
            key = (merged.get(contact, contact), phone)
            wrote[key] = max(at, wrote.get(key, at))
        for contact, at in [*heard.items(), *zip(contacts, (person.at or START for person in batch), strict=True)]:
            kept = merged.get(contact, contact)
            heard[kept] = max(at, heard.get(kept, at))
        for person, contact in zip(batch, contacts, strict=True):
            for kind, phone in person.identities:
                if kind is IdentityKind.WA_ID and person.at is not None:
                    wrote[contact, phone] = max(person.at, wrote.get((contact, phone), person.at))
    first = {contact: met.index(contact) for contact in met}
    async with db.tenant(tenant) as conn:
        valid = await conn.fetch("SELECT kind, external_id, contact_id FROM contact_identities WHERE valid_to IS NULL")
        past = await conn.fetch(
            "SELECT external_id, valid_from, valid_to, contact_id FROM contact_identities WHERE kind = 'wa_id'"
            " ORDER BY external_id, valid_from"
        )
        shown = await conn.fetch("SELECT id, name, phone_number FROM contacts")
        await conn.execute("DELETE FROM contacts")
    own = {(row["contact_id"], "+" + row["external_id"]) for row in valid}
    assert all(row["phone_number"] is None or (row["id"], row["phone_number"]) in own for row in shown)
    return (
        [first[contact] for contact in met],
        {(row["kind"], row["external_id"]): first[row["contact_id"]] for row in valid},
        {first[row["id"]]: row["name"] for row in shown},
        [(row["external_id"], row["valid_from"], row["valid_to"], first[row["contact_id"]]) for row in past],
    )
