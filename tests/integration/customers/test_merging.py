"""Two records of one customer, merged by hand and undone, against PostgreSQL: nothing is lost, and everything has its owner."""

import asyncio
import random
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.contacts.test_contact_store import owners
from tests.integration.contacts.test_merges import P1, P2, U1, hear, phone, user
from tests.world import Business, World, accepted, commits_of, results_of, run_in
from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity, IdentityKind, NewContact
from waystate.customers import store as customer_store
from waystate.customers.edit import CustomerEdits
from waystate.customers.merges import store
from waystate.customers.merges.merge import CustomerMerges
from waystate.customers.merges.model import MergeRecord
from waystate.db.pool import Database
from waystate.errors import Conflict, NotFound, Unprocessable
from waystate.events.model import InboundEnriched
from waystate.ids import TenantId, new_id
from waystate.pipeline.run import run_inbound
from waystate.preferences import store as preference_store
from waystate.preferences.model import Marketing, Preference
from waystate.principal import OPERATOR
from waystate.work.batch import with_retries


@pytest.fixture
def merges(world: World) -> CustomerMerges:
    return CustomerMerges(commits_of(world), world.directory, world.clock)


async def merge(merges: CustomerMerges, tenant: Business, into: UUID, merged: UUID) -> MergeRecord:
    return (await merges.merge(tenant.tenant, into, merged, OPERATOR))[0]


async def edit(world: World, tenant: Business, contact: UUID, **fields: Any) -> None:
    edits = CustomerEdits(commits_of(world), world.clock)
    await edits.edit(tenant.tenant, contact, fields)


async def profile(world: World, tenant: Business, contact: UUID) -> Any:
    async with world.db.tenant(tenant.tenant) as conn:
        found = await customer_store.find_many(conn, tenant.tenant, [contact])
    return found[0] if found else None


async def conversations(world: World, tenant: Business) -> dict[UUID, tuple[UUID, str]]:
    rows = await world.rows(tenant, "SELECT id, contact_id, status FROM conversations")
    return {row["id"]: (row["contact_id"], row["status"]) for row in rows}


async def whose(world: World, tenant: Business, wamid: str) -> UUID:
    sql = "SELECT c.contact_id FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.wamid = $1"
    contact: UUID = await world.value(tenant, sql, wamid)
    return contact


async def test_what_both_had_is_the_survivors(world: World, tenant: Business, merges: CustomerMerges) -> None:
    old = await hear(world, tenant, P1, contact_name="Ana S.")
    new = await hear(world, tenant, P2, contact_name="Ana Souza")
    await edit(world, tenant, old.contact_id, email="ana@example.com", tags=["vip", "old"], metadata={"plan": "gold", "a": 1})
    await edit(world, tenant, new.contact_id, tags=["new"], metadata={"plan": "silver"})
    record = await merge(merges, tenant, new.contact_id, old.contact_id)
    kept = await profile(world, tenant, new.contact_id)
    assert (kept.name, kept.email, kept.tags) == ("Ana Souza", "ana@example.com", ("new", "old", "vip"))
    assert kept.metadata == {"plan": "silver", "a": 1}, "what the survivor has stands"
    assert await profile(world, tenant, old.contact_id) is None
    assert await owners(world, tenant) == {phone(P1): new.contact_id, phone(P2): new.contact_id}
    assert await conversations(world, tenant) == {
        old.mapping_id: (new.contact_id, "closed"),
        new.mapping_id: (new.contact_id, "active"),
    }
    assert (await hear(world, tenant, P1)).mapping_id == new.mapping_id
    again = await merge(merges, tenant, new.contact_id, old.contact_id)
    assert again == record, "asked again, nothing happens"
    assert await world.value(tenant, "SELECT count(*) FROM events WHERE type = 'contact.merged'") == 1
    assert [each["action"] for each in await world.rows(tenant, "SELECT action FROM audit_log")] == ["customer.merged"]


async def test_the_conversation_in_which_the_customer_wrote_last_goes_on(
    world: World, tenant: Business, merges: CustomerMerges
) -> None:
    one, other = await hear(world, tenant, P1), await hear(world, tenant, P2)
    await merge(merges, tenant, one.contact_id, other.contact_id)
    assert await conversations(world, tenant) == {
        one.mapping_id: (one.contact_id, "closed"),
        other.mapping_id: (one.contact_id, "active"),
    }


async def test_an_opt_out_of_either_holds(world: World, tenant: Business, merges: CustomerMerges) -> None:
    one, other = await hear(world, tenant, P1), await hear(world, tenant, P2)
    now = world.clock()
    said = [
        Preference("1001", one.contact_id, Marketing.OPTED_IN, now, "webhook"),
        Preference("1001", other.contact_id, Marketing.OPTED_OUT, now - timedelta(days=9), "webhook"),
    ]
    async with world.db.tenant(tenant.tenant) as conn:
        await preference_store.note_many(conn, tenant.tenant, said)
    record = await merge(merges, tenant, one.contact_id, other.contact_id)
    key = ("1001", one.contact_id)
    async with world.db.tenant(tenant.tenant) as conn:
        assert (await preference_store.find_many(conn, tenant.tenant, [key]))[key].marketing is Marketing.OPTED_OUT
    await merges.undo(tenant.tenant, record.id, OPERATOR)
    rows = await world.rows(tenant, "SELECT contact_id, marketing FROM preferences")
    assert {row["contact_id"]: row["marketing"] for row in rows} == dict.fromkeys(
        (one.contact_id, other.contact_id), "opted_out"
    )


async def test_who_cannot_be_merged_is_told_why(world: World, tenant: Business, merges: CustomerMerges) -> None:
    one = await hear(world, tenant, P1)
    for into, merged, error in (
        (one.contact_id, one.contact_id, Unprocessable),
        (one.contact_id, uuid4(), NotFound),
        (uuid4(), one.contact_id, NotFound),
    ):
        with pytest.raises(error):
            await merge(merges, tenant, into, merged)
    with pytest.raises(NotFound):
        await merges.undo(tenant.tenant, uuid4(), OPERATOR)
    group = NewContact(id=new_id(), identities=(Identity(IdentityKind.GROUP, "group-1"),), created_at=world.clock())
    async with world.db.tenant(tenant.tenant) as conn:
        await contact_store.add_many(conn, tenant.tenant, [group])
    with pytest.raises(Unprocessable, match="group"):
        await merge(merges, tenant, one.contact_id, group.id)


async def test_undone_each_has_what_was_theirs_and_what_came_since(
    world: World, tenant: Business, merges: CustomerMerges
) -> None:
    ana = await hear(world, tenant, P1, contact_name="Ana", text="first")
    bob = await hear(world, tenant, P2, contact_name="Bob")
    await edit(world, tenant, ana.contact_id, email="ana@example.com", tags=["vip"], metadata={"a": 1})
    await edit(world, tenant, bob.contact_id, tags=["b"], metadata={"b": 1})
    record = await merge(merges, tenant, bob.contact_id, ana.contact_id)
    of_ana = await hear(world, tenant, P1, text="second", contact_name="Ana")
    of_bob = await hear(world, tenant, P2)
    assert of_ana.mapping_id == of_bob.mapping_id == bob.mapping_id
    await edit(world, tenant, bob.contact_id, metadata={"since": 1})
    done = await merges.undo(tenant.tenant, record.id, OPERATOR)
    assert (done.restored.name, done.restored.email, done.restored.tags) == ("Ana", "ana@example.com", ("vip",))
    assert (done.other.name, done.other.email, done.other.tags) == ("Bob", None, ("b",))
    assert (done.restored.metadata, done.other.metadata) == ({"a": 1}, {"b": 1, "since": 1})
    assert await owners(world, tenant) == {phone(P1): ana.contact_id, phone(P2): bob.contact_id}
    assert await conversations(world, tenant) == {
        ana.mapping_id: (ana.contact_id, "active"),
        bob.mapping_id: (bob.contact_id, "active"),
    }
    assert [await whose(world, tenant, each.wamid) for each in (ana, of_ana, bob, of_bob)] == [
        *(ana.contact_id, ana.contact_id, bob.contact_id, bob.contact_id)
    ]
    assert done.moved == 1
    rows = await world.rows(tenant, "SELECT last_message_id, wa_id, last_customer_message_at FROM conversations ORDER BY id")
    assert [(row["last_message_id"], row["wa_id"]) for row in rows] == [(of_ana.wamid, P1), (of_bob.wamid, P2)]
    assert rows[0]["last_customer_message_at"] == of_ana.timestamp
    assert (await hear(world, tenant, P1)).mapping_id == ana.mapping_id
    assert await profile(world, tenant, ana.contact_id) is not None
    with pytest.raises(NotFound):
        await merges.undo(tenant.tenant, record.id, OPERATOR)


async def test_an_answer_follows_the_phone_that_it_was_for(world: World, tenant: Business, merges: CustomerMerges) -> None:
    ana, bob = await hear(world, tenant, P1), await hear(world, tenant, P2)
    record = await merge(merges, tenant, bob.contact_id, ana.contact_id)
    await hear(world, tenant, P1)
    await world.relay(tenant)
    await world.answer(tenant, tenant.reply("to-ana", conversation_id=str(bob.mapping_id)))
    await world.relay(tenant)
    await merges.undo(tenant.tenant, record.id, OPERATOR)
    goes = "SELECT d.conversation_id = m.conversation_id FROM messages m JOIN deliveries d ON d.message_id = m.id"
    assert await world.value(tenant, goes + " WHERE m.genesys_message_id = 'to-ana'"), "it may leave at once"
    await world.relay(tenant)
    sql = (
        "SELECT c.contact_id, d.conversation_id = c.id AS goes_with, right(d.order_key, 36)::uuid AS stands FROM messages m"
        " JOIN conversations c ON c.id = m.conversation_id JOIN deliveries d ON d.message_id = m.id"
        " WHERE m.genesys_message_id = 'to-ana'"
    )
    assert await world.row(tenant, sql) == {"contact_id": ana.contact_id, "goes_with": True, "stands": ana.contact_id}
    (claimed,) = [each for each in await world.claim(tenant) if each.target == "whatsapp"]
    await world.settle(tenant, (claimed, accepted("wamid.sent")))
    assert await world.value(tenant, "SELECT status FROM messages WHERE genesys_message_id = 'to-ana'") == "sent"


async def test_what_waits_joins_one_order_in_its_place(world: World, tenant: Business, merges: CustomerMerges) -> None:
    ana, bob = await hear(world, tenant, P1), await hear(world, tenant, P2)
    await world.relay(tenant)
    record = await merge(merges, tenant, bob.contact_id, ana.contact_id)
    await hear(world, tenant, P1)
    await world.relay(tenant)
    sql = "SELECT DISTINCT right(order_key, 36)::uuid AS contact FROM deliveries WHERE target = 'genesys'"
    assert await world.rows(tenant, sql) == [{"contact": bob.contact_id}]
    positions = "SELECT position FROM deliveries WHERE target = 'genesys' ORDER BY position"
    before = await world.rows(tenant, positions)
    assert len(await world.claim(tenant)) == 1, "one after the other"
    await merges.undo(tenant.tenant, record.id, OPERATOR)
    await world.relay(tenant)
    rows = await world.rows(tenant, "SELECT right(order_key, 36)::uuid AS contact, count(*) FROM deliveries GROUP BY 1")
    assert {row["contact"]: row["count"] for row in rows} == {ana.contact_id: 2, bob.contact_id: 1}
    assert await world.rows(tenant, positions) == before


async def test_what_a_message_proved_is_joined_and_undone_too(world: World, tenant: Business, merges: CustomerMerges) -> None:
    by_phone = await hear(world, tenant, P1, contact_name="Ada")
    by_user = await hear(world, tenant, None, U1)
    await world.relay(tenant)
    both = await hear(world, tenant, P1, U1)
    await world.relay(tenant)
    rows = await world.rows(tenant, "SELECT DISTINCT right(order_key, 36)::uuid AS contact FROM deliveries")
    assert rows == [{"contact": by_user.contact_id}]
    async with world.db.tenant(tenant.tenant) as conn:
        record = await store.find_of_merged(conn, tenant.tenant, by_phone.contact_id)
    assert record is not None
    assert record.made_by is None
    done = await merges.undo(tenant.tenant, record.id, OPERATOR)
    assert (done.restored.name, done.other.name) == ("Ada", None)
    assert await owners(world, tenant) == {phone(P1): by_phone.contact_id, user(U1): by_user.contact_id}
    assert await whose(world, tenant, both.wamid) == by_phone.contact_id


async def test_conversations_that_would_collide_are_named(world: World, tenant: Business, merges: CustomerMerges) -> None:
    ana, bob = await hear(world, tenant, P1), await hear(world, tenant, P2)
    record = await merge(merges, tenant, bob.contact_id, ana.contact_id)
    await world.close(tenant)
    since = await hear(world, tenant, P1)
    with pytest.raises(Conflict) as refused:
        await merges.undo(tenant.tenant, record.id, OPERATOR)
    assert refused.value.extra["conversations"] == [str(ana.mapping_id), str(since.mapping_id)]
    assert await owners(world, tenant) == {phone(P1): bob.contact_id, phone(P2): bob.contact_id}, "nothing was undone"
    await world.close(tenant)
    done = await merges.undo(tenant.tenant, record.id, OPERATOR)
    assert set(done.conversations) == {ana.mapping_id, since.mapping_id}


async def test_of_merges_one_after_the_other_any_can_be_undone(world: World, tenant: Business, merges: CustomerMerges) -> None:
    one, two, three = [(await hear(world, tenant, each)).contact_id for each in (P1, P2, "491700000003")]
    first = await merge(merges, tenant, two, one)
    second = await merge(merges, tenant, three, two)
    async with world.db.tenant(tenant.tenant) as conn:
        assert await contact_store.find_survivors(conn, tenant.tenant, [one, two]) == {one: three, two: three}
    await merges.undo(tenant.tenant, second.id, OPERATOR)
    async with world.db.tenant(tenant.tenant) as conn:
        assert await contact_store.find_survivors(conn, tenant.tenant, [one, two]) == {one: two}
    assert await owners(world, tenant) == {phone(P1): two, phone(P2): two, phone("491700000003"): three}
    await merges.undo(tenant.tenant, first.id, OPERATOR)
    assert await owners(world, tenant) == {phone(P1): one, phone(P2): two, phone("491700000003"): three}


async def test_who_was_restored_is_not_taken_along_when_a_later_merge_is_undone(
    world: World, tenant: Business, merges: CustomerMerges
) -> None:
    ana, bob, eve = [(await hear(world, tenant, each)).contact_id for each in (P1, P2, "491700000003")]
    await edit(world, tenant, ana, email="ana@example.com", tags=["vip"])
    own = {each: contact for each, (contact, _) in (await conversations(world, tenant)).items()}
    first = await merge(merges, tenant, bob, ana)
    second = await merge(merges, tenant, eve, bob)
    await merges.undo(tenant.tenant, first.id, OPERATOR)
    await merge(merges, tenant, ana, eve)
    await merges.undo(tenant.tenant, second.id, OPERATOR)
    assert await owners(world, tenant) == {phone(P1): ana, phone(P2): bob, phone("491700000003"): ana}
    now = {each: contact for each, (contact, _) in (await conversations(world, tenant)).items()}
    assert now == {each: ana if contact == eve else contact for each, contact in own.items()}
    restored = await profile(world, tenant, bob)
    assert (restored.email, restored.tags) == (None, ()), "it was Ana's"


async def test_an_id_learned_since_goes_with_the_phone_that_showed_it(
    world: World, tenant: Business, merges: CustomerMerges
) -> None:
    ana, bob = await hear(world, tenant, P1), await hear(world, tenant, P2)
    record = await merge(merges, tenant, bob.contact_id, ana.contact_id)
    await hear(world, tenant, P1, U1)
    await merges.undo(tenant.tenant, record.id, OPERATOR)
    assert (await owners(world, tenant))[user(U1)] == ana.contact_id
    assert (await hear(world, tenant, P1, U1)).contact_id == ana.contact_id


async def say(world: World, tenant: Business, wa_id: str, number: int) -> InboundEnriched:
    message = tenant.message(f"wamid.{wa_id}.{number}", wa_id=wa_id, text=str(number))
    judged = await with_retries(
        lambda: run_in(world.db, world.directory, world.clock, TenantId("acme"), run_inbound, [message])
    )
    assert not [each for each in results_of(judged) if isinstance(each, Exception)]
    return next(each for each in judged.events if isinstance(each, InboundEnriched))


async def test_during_traffic_nothing_is_lost_doubled_or_misplaced(databases: Any) -> None:
    with databases.fresh() as url:
        world = World(await Database.open(url, pool_size=8))
        tenant = await world.add("acme", number="1001")
        merges = CustomerMerges(commits_of(world), world.directory, world.clock)
        one, other = await say(world, tenant, P1, 0), await say(world, tenant, P2, 0)
        dice, count = random.Random(1), 60

        async def write(wa_id: str) -> None:
            for number in range(1, count):
                await say(world, tenant, wa_id, number)
                await asyncio.sleep(dice.random() / 100)

        async def join() -> None:
            for _ in range(8):
                record = await merge(merges, tenant, one.contact_id, other.contact_id)
                await asyncio.sleep(dice.random() / 50)
                await merges.undo(tenant.tenant, record.id, OPERATOR)

        async def carry() -> None:
            for _ in range(30):
                await with_retries(lambda: world.relay(tenant))
                await asyncio.sleep(0.02)

        await asyncio.gather(write(P1), write(P2), join(), carry())
        await world.relay(tenant)
        rows = await world.rows(
            tenant, "SELECT m.wamid, m.sender, c.contact_id FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        )
        assert sorted(row["wamid"] for row in rows) == sorted(f"wamid.{each}.{n}" for each in (P1, P2) for n in range(count))
        owner = {P1: one.contact_id, P2: other.contact_id}
        assert [row for row in rows if row["contact_id"] != owner[row["sender"]]] == []
        told = await world.rows(
            tenant,
            "SELECT m.sender, m.text::int AS number, right(d.order_key, 36)::uuid AS stands FROM deliveries d"
            " JOIN messages m ON m.id = d.message_id WHERE d.target = 'genesys' ORDER BY d.position, d.event_id",
        )
        for wa_id in owner:
            mine = [row for row in told if row["sender"] == wa_id]
            assert [row["number"] for row in mine] == list(range(count)), "each once, in the order in which they were written"
            assert {row["stands"] for row in mine} == {owner[wa_id]}
        assert len(await conversations(world, tenant)) == 2
        await world.db.close(grace=2)
