"""What customers do to messages afterwards: it changes the message that they name, once, whatever the order it comes in."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.integration.messages.test_receive import enriched
from tests.world import CUSTOMER, START, Business, World, accepted, run_in
from waystate.channels.whatsapp.lines import amendment_of, preview_of
from waystate.conversations.control import SYSTEM
from waystate.deliveries.model import Claimed, Target
from waystate.events import outbox
from waystate.events.model import Event, MessageEdited, MessageReacted, MessageRevoked
from waystate.ids import new_id
from waystate.messages import store as message_store
from waystate.messages.amend import find_amends
from waystate.messages.model import Direction, EchoedMessage
from waystate.pipeline.batch import Judged
from waystate.pipeline.run import run_echoes, run_inbound
from waystate.principal import Actor
from waystate.sends.model import Draft
from waystate.sends.post import post_many

OTHER = "491700000009"


async def run(world: World, tenant: Business, *messages: Any) -> Judged:
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_inbound, messages)


def said(tenant: Business, kind: str, wamid: str, content: Any, minute: int = 0, **fields: Any) -> Any:
    at = START + timedelta(minutes=minute)
    amends = amendment_of(kind, content)
    return tenant.message(wamid, type=kind, content=content, amends=amends, sent_at=at, text=f"[{kind}]", **fields)


def edit(tenant: Business, wamid: str, body: str, minute: int, of: str = "wamid.1", **fields: Any) -> Any:
    content = {"original_message_id": of, "message": {"type": "text", "text": {"body": body}}}
    return said(tenant, "edit", wamid, content, minute, **fields)


def revoke(tenant: Business, wamid: str, minute: int, of: str = "wamid.1", **fields: Any) -> Any:
    return said(tenant, "revoke", wamid, {"original_message_id": of}, minute, **fields)


def react(tenant: Business, wamid: str, emoji: str | None, minute: int, of: str = "wamid.1", **fields: Any) -> Any:
    return said(tenant, "reaction", wamid, {"message_id": of, "emoji": emoji}, minute, **fields)


def original(tenant: Business, **fields: Any) -> Any:
    return tenant.message("wamid.1", text="first", content={"body": "first"}, **fields)


async def message(world: World, tenant: Business) -> dict[str, Any]:
    return await world.row(tenant, "SELECT * FROM messages WHERE wamid = 'wamid.1'")


async def reaction(world: World, tenant: Business, of: str = "wamid.1") -> str | None:
    return await world.value(tenant, f"SELECT emoji FROM message_reactions WHERE wamid = '{of}'")


def of(kind: type[Event], events: list[Event]) -> list[Any]:
    return [each for each in events if isinstance(each, kind)]


async def test_an_edit_replaces_what_the_message_says_and_keeps_what_it_said(world: World, tenant: Business) -> None:
    await run(world, tenant, original(tenant))
    judged = await run(world, tenant, edit(tenant, "wamid.e", "second", 5))
    row = await message(world, tenant)
    assert (row["text"], row["content"], row["edited_at"]) == ("second", {"body": "second"}, START + timedelta(minutes=5))
    versions = await world.rows(tenant, "SELECT kind, text FROM message_versions ORDER BY at")
    assert [tuple(each.values()) for each in versions] == [("original", "first"), ("edit", "second")]
    (event,) = of(MessageEdited, judged.events)
    assert (event.message_id, event.wamid, event.message_text, event.changed_by) == (row["id"], "wamid.1", "second", "wamid.e")
    assert [each.wamid for each in enriched(judged.events)] == ["wamid.e"], "Genesys gets its line as ever"
    assert await world.value(tenant, "SELECT last_message FROM conversations") == "second"


async def test_what_is_taken_back_is_nowhere_but_in_its_versions(world: World, tenant: Business) -> None:
    await run(world, tenant, original(tenant))
    judged = await run(world, tenant, revoke(tenant, "wamid.r", 5))
    row = await message(world, tenant)
    assert (row["text"], row["content"], row["media"]) == ("[message deleted]", {}, None)
    assert row["revoked_at"] == START + timedelta(minutes=5)
    assert [each.message_id for each in of(MessageRevoked, judged.events)] == [row["id"]]
    assert await world.value(tenant, "SELECT text FROM message_versions WHERE kind = 'original'") == "first"
    assert await world.value(tenant, "SELECT last_message FROM conversations") == "[message deleted]"
    async with world.db.tenant(tenant.tenant) as conn:
        quoted = (await message_store.list_quoted(conn, tenant.tenant, ["wamid.1"]))["wamid.1"]
    del quoted["wamid"], quoted["said_in"]
    assert preview_of(quoted.pop("type"), **quoted) == "[message deleted]", "who replies to it does not quote it"


@pytest.mark.parametrize("is_batch", [False, True])
@pytest.mark.parametrize("order", list(permutations(range(4))))
@pytest.mark.parametrize("is_revoked", [False, True])
async def test_whatever_the_order_the_newest_holds_and_what_comes_again_changes_nothing(
    world: World, tenant: Business, order: tuple[int, ...], is_batch: bool, is_revoked: bool
) -> None:
    await world.receive(tenant, tenant.message("wamid.0"))
    last = revoke(tenant, "wamid.x", 9) if is_revoked else edit(tenant, "wamid.x", "last", 9)
    all_of = [original(tenant), edit(tenant, "wamid.e1", "second", 5), edit(tenant, "wamid.e2", "third", 7), last]
    shuffled = [all_of[place] for place in order]
    for batch in [shuffled] if is_batch else [[each] for each in shuffled]:
        await run(world, tenant, *batch)
    row = await message(world, tenant)
    wanted = ("[message deleted]", {}) if is_revoked else ("last", {"body": "last"})
    assert (row["text"], row["content"]) == wanted
    assert (row["revoked_at"] is not None) == is_revoked
    kept = await world.rows(tenant, "SELECT changed_by FROM message_versions")
    assert {each["changed_by"] for each in kept} == {"wamid.1", "wamid.e1", "wamid.e2", "wamid.x"}
    for _ in range(2):
        again = await run(world, tenant, *shuffled)
        assert again.events == []
    assert await message(world, tenant) == row


async def test_two_edits_of_one_second_hold_in_the_order_they_came(world: World, tenant: Business) -> None:
    await run(world, tenant, original(tenant))
    await run(world, tenant, edit(tenant, "wamid.z", "second", 5), edit(tenant, "wamid.a", "third", 5))
    assert (await message(world, tenant))["text"] == "third"


async def test_an_edit_reaches_a_message_of_a_conversation_that_was_closed(world: World, tenant: Business) -> None:
    await run(world, tenant, original(tenant))
    await world.execute(tenant, "UPDATE conversations SET status = 'closed', closed_at = now(), close_reason = 'done'")
    judged = await run(world, tenant, edit(tenant, "wamid.e", "second", 5))
    assert (await message(world, tenant))["text"] == "second"
    assert judged.verdicts[0].message.startswith("The message that it names is changed")
    await run(world, tenant, tenant.message("wamid.2"), revoke(tenant, "wamid.r", 7))
    assert (await message(world, tenant))["text"] == "[message deleted]"


async def test_what_was_said_of_a_message_goes_with_it(world: World, tenant: Business) -> None:
    await run(world, tenant, original(tenant))
    await run(world, tenant, edit(tenant, "wamid.e", "second", 5), react(tenant, "wamid.h", "👍", 6))
    row = await message(world, tenant)
    async with world.db.tenant(tenant.tenant) as conn:
        await message_store.remove_many(conn, tenant.tenant, [row["conversation_id"]], origin=row["origin"])
    kept = "SELECT (SELECT count(*) FROM message_versions) + (SELECT count(*) FROM message_reactions)"
    assert await world.value(tenant, kept) == 0


async def test_an_original_that_comes_after_its_revocation_reaches_nobody(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.0"))
    await run(world, tenant, revoke(tenant, "wamid.r", 5))
    judged = await run(world, tenant, original(tenant, media={"id": "5"}))
    (event,) = [each for each in enriched(judged.events) if each.wamid == "wamid.1"]
    assert (event.message_text, event.content, event.media) == ("[message deleted]", {}, None)


@pytest.mark.parametrize("is_known", [True, False])
async def test_nobody_changes_what_another_customer_wrote(world: World, tenant: Business, is_known: bool) -> None:
    await world.receive(tenant, tenant.message("wamid.0", wa_id=OTHER))
    foreign = [
        edit(tenant, "wamid.e", "forged", 5, wa_id=OTHER),
        revoke(tenant, "wamid.r", 6, wa_id=OTHER),
        react(tenant, "wamid.h", "👎", 7, wa_id=OTHER),
    ]
    for each in [original(tenant), *foreign] if is_known else [*foreign, original(tenant)]:
        await run(world, tenant, each)
    row = await message(world, tenant)
    assert (row["text"], row["edited_at"], row["revoked_at"]) == ("first", None, None)
    async with world.db.tenant(tenant.tenant) as conn:
        owner = await world.value(tenant, "SELECT c.contact_id FROM conversations c WHERE c.wa_id <> $1", OTHER)
        found = await find_amends(conn, tenant.tenant, {"wamid.1": owner})
    assert {each.changed_by for listed in found.versions.values() for each in listed} <= {"wamid.1"}
    assert not any(found.reactions.values())
    if is_known:
        kept = "SELECT (SELECT count(*) FROM message_versions) + (SELECT count(*) FROM message_reactions)"
        assert await world.value(tenant, kept) == 0


async def test_customers_do_not_change_what_a_business_wrote_but_react_to_it(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.0"))
    conversation = await world.value(tenant, "SELECT id FROM conversations")
    await world.execute(
        tenant,
        "INSERT INTO messages (tenant_id, id, conversation_id, direction, first_status, status, wamid, type, text, origin,"
        " sent_at) SELECT tenant_id, gen_random_uuid(), $1, 'outbound', 'sent', 'sent', 'wamid.1', 'text', 'ours', 'said',"
        " now() FROM conversations",
        conversation,
    )
    await world.execute(
        tenant,
        "INSERT INTO message_keys SELECT tenant_id, 'whatsapp', 'wamid.1', id FROM messages WHERE wamid = 'wamid.1'",
    )
    judged = await run(world, tenant, edit(tenant, "wamid.e", "forged", 5), react(tenant, "wamid.h", "👍", 6))
    row = await message(world, tenant)
    assert (row["direction"], row["text"]) == (Direction.OUTBOUND, "ours")
    assert [each.message_id for each in of(MessageReacted, judged.events)] == [row["id"]]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_reaction_is_set_changed_and_taken_back_whatever_the_order(
    world: World, tenant: Business, order: tuple[int, ...]
) -> None:
    await run(world, tenant, original(tenant))
    all_of = [react(tenant, "wamid.a", "👍", 1), react(tenant, "wamid.b", "❤️", 2), react(tenant, "wamid.c", "", 3)]
    for place in order:
        await run(world, tenant, all_of[place])
    assert await reaction(world, tenant) is None
    assert (await run(world, tenant, *all_of)).events == []
    judged = await run(world, tenant, react(tenant, "wamid.d", "🎉", 4))
    (event,) = of(MessageReacted, judged.events)
    assert (event.emoji, event.wamid, event.changed_by) == ("🎉", "wamid.1", "wamid.d")
    assert await reaction(world, tenant) == "🎉"


async def test_of_reactions_of_one_batch_the_last_one_holds(world: World, tenant: Business) -> None:
    judged = await run(world, tenant, original(tenant), react(tenant, "wamid.a", "👍", 2), react(tenant, "wamid.b", None, 2))
    assert [each.changed_by for each in of(MessageReacted, judged.events)] == ["wamid.b"]
    assert await reaction(world, tenant) is None


async def test_a_reaction_to_a_message_that_is_not_known_waits_for_it(world: World, tenant: Business) -> None:
    judged = await run(world, tenant, react(tenant, "wamid.a", "👍", 2, of="wamid.unknown"))
    (event,) = of(MessageReacted, judged.events)
    assert (event.message_id, event.wamid) == (None, "wamid.unknown")
    assert await reaction(world, tenant, "wamid.unknown") == "👍"
    assert await world.value(tenant, "SELECT count(*) FROM messages WHERE type = 'reaction'") == 1


def own(tenant: Business, wamid: str, emoji: str | None, **fields: Any) -> EchoedMessage:
    content = {"message_id": "wamid.1"} | ({} if emoji is None else {"emoji": emoji})
    given: dict[str, Any] = {"phone_number_id": tenant.number, "wa_id": CUSTOMER, "sent_at": tenant.clock.now}
    return EchoedMessage(wamid=wamid, type="reaction", **(given | {"content": content} | fields))


async def business_reaction(world: World, tenant: Business) -> str | None:
    owner = await world.value(tenant, "SELECT contact_id FROM conversations WHERE wa_id = $1", CUSTOMER)
    async with world.db.tenant(tenant.tenant) as conn:
        found = (await find_amends(conn, tenant.tenant, {"wamid.1": owner})).own_reactions
    (said,) = found.get("wamid.1") or [None]
    return said.emoji if said is not None else None


async def tell(world: World, tenant: Business, *echoes: EchoedMessage) -> None:
    await run_in(world.db, world.directory, world.clock, tenant.tenant, run_echoes, echoes)


async def send(world: World, tenant: Business, emoji: str, wamid: str) -> Claimed:
    """Over HTTP, as far as the call of WhatsApp, which takes it as `wamid`."""
    content = {"message_id": "wamid.1", "emoji": emoji}
    actor = Actor("key", new_id())
    draft = Draft(type="reaction", content=content, to=CUSTOMER, reacts_to="wamid.1", speaker=SYSTEM, actor=actor, text=emoji)
    async with world.db.tenant(tenant.tenant) as conn:
        posted = await post_many(conn, tenant.tenant, await world.view(tenant), [draft], world.clock.now)
        await outbox.append_many(conn, tenant.tenant, posted.events)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, accepted(wamid)))
    return claimed


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_reaction_on_the_phone_is_the_business_s_and_its_removal_removes_it(
    world: World, tenant: Business, is_first: bool
) -> None:
    """`is_first`: the webhooks of the echoes are the first to come."""
    echoes = [own(tenant, f"wamid.own{each}", emoji) for each, emoji in enumerate(("👍", "❤️"))]
    if not is_first:
        await run(world, tenant, original(tenant))
    await tell(world, tenant, *echoes)
    if is_first:
        await run(world, tenant, original(tenant))
    assert await business_reaction(world, tenant) == "❤️"
    await run(world, tenant, react(tenant, "wamid.h", "🎉", 1))
    assert (await reaction(world, tenant), await business_reaction(world, tenant)) == ("🎉", "❤️")
    world.clock.forward(minutes=1)
    await tell(world, tenant, own(tenant, "wamid.gone", None))
    await tell(world, tenant, *echoes)
    assert (await reaction(world, tenant), await business_reaction(world, tenant)) == ("🎉", None)


async def test_a_reaction_counts_once_it_is_sent_and_one_that_fails_leaves_the_one_before(
    world: World, tenant: Business
) -> None:
    await run(world, tenant, original(tenant))
    await world.deliver(tenant)
    await send(world, tenant, "👍", "wamid.a")
    assert await business_reaction(world, tenant) == "👍"
    world.clock.forward(minutes=1)
    await send(world, tenant, "❤️", "wamid.b")
    assert await business_reaction(world, tenant) == "❤️"
    await world.report(tenant, tenant.report("wamid.b", "failed"))
    assert await business_reaction(world, tenant) == "👍"
    world.clock.forward(minutes=1)
    await send(world, tenant, "", "wamid.c")
    assert await business_reaction(world, tenant) is None
    await world.report(tenant, tenant.report("wamid.c", "failed"))
    assert await business_reaction(world, tenant) == "👍"


async def test_a_reaction_that_waits_or_is_anothers_is_not_shown(world: World, tenant: Business) -> None:
    await run(world, tenant, original(tenant))
    await tell(world, tenant, own(tenant, "wamid.other", "👎", wa_id=OTHER))
    await world.execute(tenant, "UPDATE messages SET status = 'queued' WHERE wamid = 'wamid.other'")
    assert await business_reaction(world, tenant) is None
    await tell(world, tenant, own(tenant, "wamid.own", "👍"), own(tenant, "x" * 20, "👎", content={"message_id": "y" * 5000}))
    assert await business_reaction(world, tenant) == "👍"
    await world.execute(tenant, "UPDATE messages SET status = 'queued' WHERE wamid = 'wamid.own'")
    assert await business_reaction(world, tenant) is None
