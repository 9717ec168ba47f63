"""The data plane's operations as batches of one tenant, in one transaction each."""

import asyncio
from typing import Any

from tests.world import CUSTOMER, Business, World
from waystate.contacts.model import Identity, IdentityKind
from waystate.errors import Conflict, NotFound, Unprocessable
from waystate.events.model import InboundEnriched
from waystate.messages.model import Direction, Status
from waystate.state import conversations
from waystate.state.changes import Changed, StatusChange
from waystate.state.conversations import Found
from waystate.state.track import Tracked, Tracking

PHONE = Identity(IdentityKind.WA_ID, CUSTOMER)
USER = Identity(IdentityKind.BSUID, "DE.1")


async def get_or_open(world: World, tenant: Business, *wanted: tuple[Identity, str]) -> list[Found]:
    return await conversations.get_or_open_many(tenant.tenant, tenant.settings, wanted, tenant.number, world.db, world.clock)


async def track(world: World, tenant: Business, *trackings: Tracking) -> list[Any]:
    return await world.track(tenant, *trackings)


async def change(world: World, tenant: Business, *pairs: tuple[str, str]) -> list[Any]:
    changes = [StatusChange(message_id=message_id, status=status, at=world.clock.now) for message_id, status in pairs]
    return await world.change(tenant, *changes)


def tracking(conversation: object, wamid: str | None = None, **said: Any) -> Tracking:
    given = {"direction": Direction.OUTBOUND, "status": Status.SENT, "wamid": wamid}
    return Tracking(conversation_id=str(conversation), **(given | said))


async def test_a_look_up_opens_once_and_then_finds(world: World, tenant: Business) -> None:
    (first,) = await get_or_open(world, tenant, (PHONE, ""))
    again, other = await get_or_open(world, tenant, (PHONE, ""), (PHONE, "1002"))
    assert (first.is_new, again.is_new, other.is_new) == (True, False, True)
    assert again.conversation.id == first.conversation.id
    assert (first.conversation.phone_number_id, other.conversation.phone_number_id) == ("1001", "1002")
    types = await world.rows(tenant, "SELECT type FROM events ORDER BY position")
    assert [row["type"] for row in types] == ["conversation.opened"] * 2


async def test_two_hundred_look_ups_of_a_new_customer_at_once_open_one_conversation(world: World, tenant: Business) -> None:
    got = await asyncio.gather(*(get_or_open(world, tenant, *[(PHONE, "")] * 4) for _ in range(50)))
    found = [each for answers in got for each in answers]
    assert len({each.conversation.id for each in found}) == 1
    assert sum(each.is_new for each in found) == 1


async def test_one_customer_asked_for_by_two_identities_in_a_batch_has_one_conversation(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message(wa_id=CUSTOMER, user_id="DE.1"))
    await world.close(tenant)
    by_phone, by_user = await get_or_open(world, tenant, (PHONE, ""), (USER, ""))
    assert by_phone.conversation.id == by_user.conversation.id
    assert sorted([by_phone.is_new, by_user.is_new]) == [False, True]


async def test_looking_up_moves_no_clock(world: World, tenant: Business) -> None:
    (first,) = await get_or_open(world, tenant, (PHONE, ""))
    world.clock.forward(hours=10)
    (again,) = await get_or_open(world, tenant, (PHONE, ""))
    assert again.conversation.expires_at == first.conversation.expires_at
    assert again.conversation.version == first.conversation.version


async def test_a_message_between_look_ups_is_found_by_both(world: World, tenant: Business) -> None:
    (opened,) = await get_or_open(world, tenant, (PHONE, ""))
    events = await world.receive(tenant, tenant.message())
    (event,) = [each for each in events if isinstance(each, InboundEnriched)]
    assert event.mapping_id == opened.conversation.id
    assert event.model_dump()["is_new_conversation"] is False
    (known,) = await conversations.find_open_many(tenant.tenant, [(PHONE, "")], world.db, world.clock)
    assert known is not None
    assert known.last_customer_message_at == world.clock.now


async def test_a_platforms_id_is_tracked_once(world: World, tenant: Business) -> None:
    (found,) = await get_or_open(world, tenant, (PHONE, ""))
    both = tracking(found.conversation.id, "wamid.1", genesys_message_id="g.1")
    first, copy = await track(world, tenant, both, both)
    assert (first.created, copy.created) == (True, False)
    again = await asyncio.gather(
        *(track(world, tenant, each) for each in (both, tracking(found.conversation.id, None, genesys_message_id="g.1")) * 10)
    )
    assert {result for results in again for result in results} == {
        Tracked(first.message_id, False, first.status, first.contact_id)
    }
    assert await world.value(tenant, "SELECT count(*) FROM messages") == 1


async def test_what_names_no_conversation_is_refused_alone(world: World, tenant: Business) -> None:
    (found,) = await get_or_open(world, tenant, (PHONE, ""))
    lost, kept = await track(world, tenant, tracking("nowhere", "wamid.1"), tracking(found.conversation.id, "wamid.2"))
    assert isinstance(lost, NotFound)
    assert isinstance(kept, Tracked)
    assert await world.value(tenant, "SELECT count(*) FROM message_keys") == 1


async def test_a_message_recorded_late_does_not_revive_a_closed_conversation(world: World, tenant: Business) -> None:
    (found,) = await get_or_open(world, tenant, (PHONE, ""))
    await world.close(tenant)
    (late,) = await track(world, tenant, tracking(found.conversation.id, "wamid.late"))
    assert late.created
    row = await world.row(tenant, "SELECT status, version FROM conversations")
    assert row["status"] == "closed"


async def test_a_status_goes_forward_by_any_of_the_ids(world: World, tenant: Business) -> None:
    (found,) = await get_or_open(world, tenant, (PHONE, ""))
    (tracked,) = await track(world, tenant, tracking(found.conversation.id, "wamid.1", genesys_message_id="g.1"))
    pairs = [("wamid.1", "delivered"), ("g.1", "delivered"), (str(tracked.message_id), "READ")]
    assert await change(world, tenant, *pairs) == [
        Changed(tracked.message_id, Status.DELIVERED),
        Changed(tracked.message_id, Status.DELIVERED),
        Changed(tracked.message_id, Status.READ),
    ]


async def test_backward_unknown_and_nobodys_statuses_are_told_apart(world: World, tenant: Business) -> None:
    (found,) = await get_or_open(world, tenant, (PHONE, ""))
    await track(world, tenant, tracking(found.conversation.id, "wamid.1", status=Status.DELIVERED))
    backward, unknown, nobody = await change(world, tenant, ("wamid.1", "sent"), ("wamid.1", "warped"), ("wamid.9", "read"))
    assert isinstance(backward, Conflict)
    assert backward.extra == {"current": "delivered", "valid_next_states": ["failed", "read"]}
    assert isinstance(unknown, Unprocessable)
    assert isinstance(nobody, NotFound)


async def test_conversations_are_found_by_either_id_in_one_batch(world: World, tenant: Business) -> None:
    (found,) = await get_or_open(world, tenant, (PHONE, ""))
    await world.execute(tenant, "UPDATE conversations SET genesys_conversation_id = 'genesys-1'")
    asked = ["genesys-1", str(found.conversation.id), "nobody"]
    answers = await conversations.find_conversations(tenant.tenant, asked, world.db)
    assert [each and each.id for each in answers] == [found.conversation.id, found.conversation.id, None]
