"""A phone in its other spelling against PostgreSQL: the same person, unless both spellings are somebody's already."""

import asyncio

import pytest

from tests.integration.contacts.test_contact_store import meet, owners
from tests.world import Business, World, commits_of
from waystate.contacts import store
from waystate.contacts.model import Identity, IdentityKind, person_of
from waystate.customers.edit import CustomerEdits
from waystate.ids import new_id
from waystate.messages import receive
from waystate.state.conversations import find_open_many, get_or_open_many

PAIRS = [("5511987654321", "551187654321"), ("5215512345678", "525512345678"), ("5491155500101", "541155500101")]


def phone(number: str) -> Identity:
    return Identity(IdentityKind.WA_ID, number)


@pytest.mark.parametrize("pair", [*PAIRS, *(pair[::-1] for pair in PAIRS)])
async def test_who_writes_in_the_other_spelling_is_the_same(world: World, tenant: Business, pair: tuple[str, str]) -> None:
    (first,) = await meet(world, tenant, person_of(pair[0], None, "Ada"))
    assert await meet(world, tenant, person_of(pair[1], None)) == [first]
    assert await owners(world, tenant) == {phone(each): first for each in pair}
    assert await meet(world, tenant, person_of(pair[0], "BR.1"), person_of(pair[1], None)) == [first, first]


async def test_two_spellings_in_one_batch_are_one_person(world: World, tenant: Business) -> None:
    long, short = PAIRS[0]
    assert len({*await meet(world, tenant, person_of(long, None), person_of(short, None))}) == 1


async def test_two_who_exist_under_both_spellings_stay_two(world: World, tenant: Business) -> None:
    long, short = PAIRS[0]
    (ann,) = await meet(world, tenant, person_of(long, None))
    async with world.db.tenant(tenant.tenant) as conn:
        row = store.NewContact(id=new_id(), identities=(phone(short),), created_at=world.clock.now)
        (bea,) = await store.add_many(conn, tenant.tenant, [row])
    assert await meet(world, tenant, person_of(short, None), person_of(long, None)) == [bea, ann]


async def test_an_unknown_user_id_on_the_other_spelling_of_somebodys_phone_is_a_new_customer(
    world: World, tenant: Business
) -> None:
    long, short = PAIRS[0]
    (ann,) = await meet(world, tenant, person_of(long, "BR.1"))
    (bob,) = await meet(world, tenant, person_of(short, "BR.9"))
    assert bob != ann
    assert {(await owners(world, tenant))[phone(each)] for each in (long, short)} == {bob}, "it is one phone"


async def test_both_spellings_met_at_once_are_one_contact(world: World, tenant: Business) -> None:
    found = await asyncio.gather(*(meet(world, tenant, person_of(PAIRS[0][n % 2], None)) for n in range(20)))
    assert len({contact for (contact,) in found}) == 1


async def test_both_spellings_added_at_once_are_one_customer(world: World, tenant: Business) -> None:
    edits = CustomerEdits(commits_of(world), world.clock)
    added = [edits.add(tenant.tenant, phone(PAIRS[0][n % 2]), {}, updates=False) for n in range(12)]
    saved = await asyncio.gather(*added)
    assert (len({each.profile.id for each in saved}), sum(each.is_new for each in saved)) == (1, 1)


async def test_a_landline_is_not_the_mobile_number_with_a_ninth_digit(world: World, tenant: Business) -> None:
    assert len({*await meet(world, tenant, person_of("551133334444", None), person_of("5511933334444", None))}) == 2


async def test_a_plus_sign_makes_nobody_another(world: World, tenant: Business) -> None:
    assert len({*await meet(world, tenant, person_of("+4915112345678", None), person_of("4915112345678", None))}) == 1


async def test_a_look_up_in_the_other_spelling_finds_and_adds_nothing(world: World, tenant: Business) -> None:
    long, short = PAIRS[0]
    (event, _) = await world.receive(tenant, tenant.message(wa_id=short))
    wanted = [(phone(long), ""), (phone(short), tenant.number)]
    for found in await get_or_open_many(tenant.tenant, tenant.settings, wanted, tenant.number, world.db, world.clock):
        assert (found.conversation.id, found.conversation.wa_id, found.is_new) == (event.mapping_id, short, False)
    assert [each and each.id for each in await find_open_many(tenant.tenant, wanted, world.db, world.clock)] == [
        event.mapping_id
    ] * 2
    assert set(await owners(world, tenant)) == {phone(short)}


async def test_a_look_up_of_somebody_whose_conversation_is_closed_opens_one_of_theirs(world: World, tenant: Business) -> None:
    long, short = PAIRS[1]
    (event, _) = await world.receive(tenant, tenant.message(wa_id=long))
    await world.execute(tenant, "UPDATE conversations SET status = 'closed', closed_at = now()")
    (found,) = await get_or_open_many(
        tenant.tenant, tenant.settings, [(phone(short), "")], tenant.number, world.db, world.clock
    )
    assert (found.conversation.contact_id, found.conversation.wa_id, found.is_new) == (event.contact_id, long, True)


async def test_a_message_of_a_queue_without_a_number_finds_the_conversation_by_the_other_spelling(
    world: World, tenant: Business
) -> None:
    long, short = PAIRS[2]
    await world.receive(tenant, tenant.message(wa_id=long, phone_number_id="1009"))
    async with world.db.tenant(tenant.tenant) as conn:
        message = tenant.message(wa_id=short, phone_number_id="")
        view = await world.view(tenant)
        assert await receive.numbers_of(conn, tenant.tenant, view, [message], world.clock.now) == ["1009"]


async def test_the_answer_goes_to_the_spelling_given_last(world: World, tenant: Business) -> None:
    long, short = PAIRS[0]
    for wa_id in (long, short):
        world.clock.forward(seconds=1)
        event, *_ = await world.receive(tenant, tenant.message(wa_id=wa_id))
        (result,) = await world.answer(tenant, tenant.reply(conversation_id=str(event.mapping_id)))
        assert result.wa_id == wa_id


async def test_who_writes_from_another_number_than_their_wa_id_is_known_by_both(world: World, tenant: Business) -> None:
    (first, _) = await world.receive(tenant, tenant.message(wa_id="222222222222", other_wa_ids=("333333333333",)))
    (second,) = await world.receive(tenant, tenant.message(wa_id="333333333333"))
    assert (second.contact_id, second.mapping_id) == (first.contact_id, first.mapping_id)
    assert set(await owners(world, tenant)) == {phone("222222222222"), phone("333333333333")}
