"""A WhatsApp group is a contact of its own: what is written in it, by whom, what answers it, and what WhatsApp tells of it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.messages.test_receive import count
from tests.world import CUSTOMER, Business, World, accepted, run_in
from waystate.channels.model import AccountReport, Severity
from waystate.deliveries.model import Target
from waystate.errors import Reason, Rejected
from waystate.events.model import GroupChanged, InboundEnriched, MessageReacted, OutboundProcessed, OutboundRefused
from waystate.messages.model import AgentTyping, Amendment
from waystate.pipeline.batch import Judged
from waystate.pipeline.beside import run_account_reports, run_typing
from waystate.pipeline.run import run_inbound

GROUP = "Y2FwaV9ncm91cDoxNTU1MDEwMDk5OToxMjAzNjMwMAZD"
ANN, BOB = CUSTOMER, "491700000002"
OTHERS = "SELECT contact_id, wa_id, user_id, phone_number_id FROM conversations WHERE id <> $1"


def spoken(tenant: Business, wamid: str, wa_id: str = ANN, **said: Any) -> Any:
    metadata = {"group_id": GROUP} | said.pop("metadata", {})
    name = {ANN: "Ann Example", BOB: "Bob Example"}.get(wa_id)
    return tenant.message(wamid, wa_id=wa_id, contact_name=name, metadata=metadata, **said)


async def run(world: World, tenant: Business, *messages: Any) -> Judged:
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_inbound, messages)


async def tell(world: World, tenant: Business, field: str, *groups: dict[str, Any]) -> Judged:
    reports = []
    for each in groups:
        stamped = {"group_id": GROUP, "timestamp": str(int(world.clock.now.timestamp()))} | each
        report = AccountReport(
            field=field,
            at=world.clock.now,
            sentence="told",
            severity=Severity.INFO,
            phone_number_id=tenant.number,
            business_account_id=tenant.waba,
            value={"groups": [stamped]},
            digest=f"{field}{stamped}",
            origin="test",
        )
        reports.append(report)
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_account_reports, reports)


async def group_contact(world: World, tenant: Business) -> UUID:
    found: UUID = await world.value(tenant, "SELECT contact_id FROM contact_identities WHERE kind = 'group'")
    return found


async def participants(world: World, tenant: Business) -> dict[str, bool]:
    """Name → whether they are in the group."""
    rows = await world.rows(
        tenant,
        "SELECT coalesce(c.name, c.phone_number) AS name, p.left_at IS NULL AS is_in FROM group_participants p"
        " JOIN contacts c ON c.tenant_id = p.tenant_id AND c.id = p.contact_id ORDER BY 1",
    )
    return {row["name"]: row["is_in"] for row in rows}


async def test_who_writes_in_a_group_writes_in_its_conversation_and_in_no_private_one(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1", text="private"))
    before = await world.rows(tenant, "SELECT * FROM conversations")
    world.clock.forward(minutes=5)
    events = await world.receive(tenant, spoken(tenant, "wamid.2", text="in the group"), spoken(tenant, "wamid.3", BOB))
    told = [each for each in events if isinstance(each, InboundEnriched)]
    group = await group_contact(world, tenant)
    assert await world.rows(tenant, "SELECT * FROM conversations WHERE id = $1", before[0]["id"]) == before
    rows = await world.rows(tenant, OTHERS, before[0]["id"])
    assert [list(row.values()) for row in rows] == [[group, None, None, tenant.number]]
    assert [(each.contact_id, each.wa_id, each.group_id) for each in told] == [(group, None, GROUP)] * 2
    assert [each.sender and (each.sender.name, each.sender.wa_id) for each in told] == [
        ("Ann Example", ANN),
        ("Bob Example", BOB),
    ]
    assert [each.is_new_conversation for each in told] == [True, False]
    assert told[0].sender is not None
    assert told[0].sender.contact_id == before[0]["contact_id"]
    senders = await world.rows(tenant, "SELECT wamid, sender FROM messages ORDER BY wamid")
    assert [row["sender"] for row in senders] == [ANN, ANN, BOB]
    assert await participants(world, tenant) == {"Ann Example": True, "Bob Example": True}
    assert await count(world, tenant, "contacts") == 3
    assert await count(world, tenant, "conversations") == 2


async def test_a_message_that_comes_again_is_the_same_one(world: World, tenant: Business) -> None:
    for _ in range(2):
        await world.receive(tenant, spoken(tenant, "wamid.1"), spoken(tenant, "wamid.1"))
    assert [await count(world, tenant, table) for table in ("messages", "groups", "group_participants")] == [1, 1, 1]


async def test_two_first_messages_of_a_group_at_once_make_one_contact_and_one_conversation(
    world: World, tenant: Business
) -> None:
    for round in range(5):
        metadata = {"group_id": f"{GROUP}{round}"}
        both = (spoken(tenant, f"wamid.{round}.{each}", each, metadata=metadata) for each in (ANN, BOB))
        await asyncio.gather(*(run(world, tenant, each) for each in both))
    assert [await count(world, tenant, table) for table in ("groups", "conversations", "messages")] == [5, 5, 10]
    assert await count(world, tenant, "contacts") == 7
    assert await count(world, tenant, "group_participants") == 10


async def test_an_agent_reads_who_wrote_and_genesys_gets_the_group_as_the_customer(world: World, tenant: Business) -> None:
    await tell(world, tenant, "group_lifecycle_update", {"type": "group_create", "subject": "Trip to Oslo"})
    await world.receive(
        tenant,
        spoken(tenant, "wamid.1", text="Who comes?"),
        spoken(tenant, "wamid.2", BOB, text="I do", metadata={"context": {"id": "wamid.1"}}),
    )
    first, second = await _requests(world, tenant)
    group = await group_contact(world, tenant)
    assert first["channel"]["from"] == {"id": str(group), "idType": "Opaque", "nickname": "Trip to Oslo"}
    assert first["text"] == "Ann Example: Who comes?"
    assert second["text"] == "Bob Example: [in reply to: Who comes?]\nI do"
    said = first["channel"]["metadata"]["customAttributes"]
    assert (said["whatsapp_group_id"], said["whatsapp_group_writer_name"]) == (GROUP, "Ann Example")
    assert said["whatsapp_group_writer_id"] == ANN


async def _requests(world: World, tenant: Business) -> list[dict[str, Any]]:
    """Of one customer's messages one is under way at a time."""
    found = []
    while claimed := await world.deliver(tenant):
        for each in claimed:
            found.append(each.request)
            await world.settle(tenant, (each, accepted("x", conversation_id="genesys-group")))
    return found


async def test_an_answer_to_a_group_goes_to_the_group(world: World, tenant: Business) -> None:
    await world.receive(tenant, spoken(tenant, "wamid.1"))
    await _requests(world, tenant)
    (event,) = await world.answer(tenant, tenant.reply(conversation_id="genesys-group", text="We open at nine"))
    assert isinstance(event, OutboundProcessed)
    assert (event.wa_id, event.user_id, event.group_id) == (None, None, GROUP)
    (claimed,) = await world.deliver(tenant)
    assert claimed.target is Target.WHATSAPP
    assert {key: claimed.request[key] for key in ("recipient_type", "to", "type")} == {
        "recipient_type": "group",
        "to": GROUP,
        "type": "text",
    }
    assert not claimed.is_astray
    assert not claimed.is_outside_window


async def test_buttons_go_to_a_group_as_a_numbered_text(world: World, tenant: Business) -> None:
    await world.receive(tenant, spoken(tenant, "wamid.1"))
    await _requests(world, tenant)
    content = {"text": "Which?", "content": [{"quickReply": {"text": each, "payload": each}} for each in ("One", "Two")]}
    reply = tenant.reply(conversation_id="genesys-group", type="structured", content=content, text="Which?\n1. One\n2. Two")
    await world.answer(tenant, reply)
    (claimed,) = await world.deliver(tenant)
    assert (claimed.request["type"], claimed.request["text"]) == ("text", {"body": "Which?\n1. One\n2. Two"})


async def test_nobody_is_shown_typing_to_a_group(world: World, tenant: Business) -> None:
    await world.receive(tenant, spoken(tenant, "wamid.1"))
    await _requests(world, tenant)
    typing = AgentTyping(typed_at=world.clock.now, conversation_id="genesys-group", integration_id=tenant.integration)
    judged = await run_in(world.db, world.directory, world.clock, tenant.tenant, run_typing, [typing])
    assert [verdict.error for verdict in judged.verdicts] == [None]
    assert judged.events == []


async def test_who_of_a_group_chose_is_told_with_what_they_chose(world: World, tenant: Business) -> None:
    await world.receive(tenant, spoken(tenant, "wamid.1"))
    await _requests(world, tenant)
    content = {"text": "Which?", "content": [{"quickReply": {"text": each, "payload": f"p-{each}"}} for each in ("One", "Two")]}
    text = "Which?\n1. One\n2. Two"
    reply = tenant.reply("g.1", conversation_id="genesys-group", type="structured", content=content, text=text)
    await world.answer(tenant, reply)
    for claimed in await world.deliver(tenant):
        await world.settle(tenant, (claimed, accepted("wamid.menu")))
    await world.receive(tenant, spoken(tenant, "wamid.2", BOB, text="2"), spoken(tenant, "wamid.3", text="1"))
    first, second = await _requests(world, tenant)
    assert first["buttonResponse"] == {"type": "QuickReply", "text": "Bob Example: Two", "payload": "p-Two"}
    assert first["originatingMessageId"] == "g.1"
    said = first["channel"]["metadata"]["customAttributes"]
    assert (said["whatsapp_group_writer_id"], said["whatsapp_payload"]) == (BOB, "p-Two")
    assert second["text"] == "Ann Example: 1", "the first answer is the group's"


async def test_a_bot_writes_to_a_group_whose_conversation_ended(world: World, tenant: Business) -> None:
    await world.receive(tenant, spoken(tenant, "wamid.1"))
    await _requests(world, tenant)
    await world.close(tenant)
    to = str(await group_contact(world, tenant))
    (event,) = await world.answer(tenant, tenant.reply("g.1", conversation_id="new", recipient_id=to))
    assert isinstance(event, OutboundProcessed)
    assert (event.wa_id, event.user_id, event.group_id) == (None, None, GROUP)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    assert (claimed.request["recipient_type"], claimed.request["to"]) == ("group", GROUP)


async def test_marks_of_what_is_written_in_a_group_are_changed_and_who_wrote_stands_before(world: World) -> None:
    business = await world.add("marked", number="7009", text_format="markdown")
    await world.receive(business, spoken(business, "wamid.1", text="*x* y"))
    (request,) = await _requests(world, business)
    assert request["text"] == "Ann Example: **x** y"


async def test_a_groups_window_is_its_own(world: World, tenant: Business) -> None:
    await world.receive(tenant, spoken(tenant, "wamid.1"))
    await _requests(world, tenant)
    world.clock.forward(hours=25)
    await world.receive(tenant, tenant.message("wamid.2", wa_id=ANN))
    (event,) = await world.answer(tenant, tenant.reply(conversation_id="genesys-group"))
    assert isinstance(event, OutboundRefused)
    assert event.code == Reason.WINDOW_CLOSED
    await world.receive(tenant, spoken(tenant, "wamid.3", BOB))
    (event,) = await world.answer(tenant, tenant.reply(conversation_id="genesys-group"))
    assert isinstance(event, OutboundProcessed)


async def test_a_suspended_group_takes_no_answer_until_the_suspension_is_lifted(world: World, tenant: Business) -> None:
    await world.receive(tenant, spoken(tenant, "wamid.1"))
    await _requests(world, tenant)
    for kind, wanted in (
        ("group_suspend", OutboundRefused),
        ("group_suspend_cleared", OutboundProcessed),
    ):
        world.clock.forward(minutes=1)
        await tell(world, tenant, "group_status_update", {"type": kind})
        (event,) = await world.answer(tenant, tenant.reply(conversation_id="genesys-group"))
        assert isinstance(event, wanted)
    world.clock.forward(minutes=1)
    await tell(world, tenant, "group_lifecycle_update", {"type": "group_delete"})
    (event,) = await world.answer(tenant, tenant.reply(conversation_id="genesys-group"))
    assert isinstance(event, OutboundRefused)
    assert (event.code, event.wa_id) == (Reason.GROUP_UNAVAILABLE, None)
    receipts = [each.request for each in await world.deliver(tenant) if each.target is Target.GENESYS_RECEIPT]
    assert [(each["status"], each["reasons"][0]["code"]) for each in receipts] == [("Failed", "MessageNotAllowed")] * 2


async def test_each_persons_status_is_history_and_the_furthest_one_counts(world: World, tenant: Business) -> None:
    await world.receive(tenant, spoken(tenant, "wamid.1"))
    await _requests(world, tenant)
    await world.answer(tenant, tenant.reply("g1", conversation_id="genesys-group"))
    early = tenant.report("wamid.out", "delivered", recipient=ANN, is_of_group=True)
    await world.report(tenant, early)
    (claimed,) = await world.deliver(tenant)
    settled = await world.settle(tenant, (claimed, accepted("wamid.out")))
    assert settled is not None
    failed = {"code": 131026, "title": "Message undeliverable"}
    reports = [
        tenant.report("wamid.out", "failed", recipient=BOB, error=failed),
        tenant.report("wamid.out", "delivered", recipient=ANN),
        tenant.report("wamid.out", "read", recipient=ANN),
        tenant.report("wamid.out", "delivered", recipient="US.123"),
    ]
    for _ in range(2):
        await world.report(tenant, *reports)
    message = await world.row(tenant, "SELECT status, error, failed_at FROM messages WHERE direction = 'outbound'")
    assert list(message.values()) == ["read", None, None]
    kept = await world.rows(
        tenant, "SELECT status, recipient, error FROM message_events WHERE recipient <> '' ORDER BY status, recipient"
    )
    assert [(row["status"], row["recipient"]) for row in kept] == [
        ("delivered", ANN),
        ("delivered", "US.123"),
        ("failed", BOB),
        ("read", ANN),
    ]


async def test_that_one_person_did_not_get_it_fails_no_message_and_the_groups_failure_does(
    world: World, tenant: Business
) -> None:
    await world.receive(tenant, spoken(tenant, "wamid.1"))
    await _requests(world, tenant)
    await world.answer(tenant, tenant.reply("g1", conversation_id="genesys-group"))
    (claimed,) = await world.deliver(tenant)
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    advanced = await world.report(tenant, tenant.report("wamid.out", "failed", recipient=BOB, error={"code": 131026}))
    assert advanced.events == []
    assert await world.value(tenant, "SELECT status FROM messages WHERE direction = 'outbound'") == "sent"
    await world.report(tenant, tenant.report("wamid.out", "failed", error={"code": 131211}, is_of_group=True))
    assert await world.value(tenant, "SELECT status FROM messages WHERE direction = 'outbound'") == "failed"


async def test_who_reacts_in_a_group_is_named(world: World, tenant: Business) -> None:
    await world.receive(tenant, spoken(tenant, "wamid.1"), spoken(tenant, "wamid.2", BOB))
    said = Amendment(wamid="wamid.1", kind="reaction", emoji="👍")
    strange = tenant.message("wamid.9", wa_id="491700000009", type="reaction", amends=said)
    about: dict[str, Any] = {"type": "reaction", "amends": said, "text": "[reaction 👍]", "content": {"message_id": "wamid.1"}}
    reactions = [spoken(tenant, f"wamid.r{each}", each, **about) for each in (ANN, BOB)]
    events = await world.receive(tenant, *reactions, strange)
    told = [each for each in events if isinstance(each, MessageReacted)]
    group = await group_contact(world, tenant)
    assert [(each.contact_id, each.wa_id, each.sender and each.sender.wa_id) for each in told] == [
        (group, None, ANN),
        (group, None, BOB),
    ]
    assert await count(world, tenant, "message_reactions") == 2
    texts = [each["text"] for each in await _requests(world, tenant)]
    assert "Bob Example: [in reply to: Hello]\n[reaction 👍]" in texts


@pytest.mark.parametrize("kind", ["edit", "revoke", "system"])
async def test_a_note_of_a_group_is_kept_with_the_group_and_not_with_who_caused_it(
    world: World, tenant: Business, kind: str
) -> None:
    await world.receive(tenant, tenant.message("wamid.0", wa_id=ANN))
    note = spoken(tenant, "wamid.n0", type=kind, content={"original_message_id": "wamid.1"})
    judged = await run(world, tenant, note)
    assert judged.verdicts[0].aside is not None
    await world.receive(tenant, spoken(tenant, "wamid.1", text="first"))
    amends = Amendment(wamid="wamid.1", kind="edit", type="text", text="second") if kind == "edit" else None
    await run(world, tenant, spoken(tenant, "wamid.n1", type=kind, amends=amends))
    home = await world.value(tenant, "SELECT conversation_id FROM messages WHERE wamid = 'wamid.1'")
    assert await world.value(tenant, "SELECT conversation_id FROM messages WHERE wamid = 'wamid.n1'") == home
    text = await world.value(tenant, "SELECT text FROM messages WHERE wamid = 'wamid.1'")
    assert text == ("second" if kind == "edit" else "first")


async def test_groups_fields_change_the_group_and_who_is_in_it(world: World, tenant: Business) -> None:
    created = {
        "type": "group_create",
        "subject": "Trip",
        "added_participants": [{"input": int(ANN), "wa_id": int(ANN)}, {"wa_id": BOB}, {"input": "US.13491208655302741918"}],
    }
    judged = await tell(world, tenant, "group_lifecycle_update", created)
    (changed,) = [each for each in judged.events if isinstance(each, GroupChanged)]
    assert (changed.subject, changed.state, len(changed.joined), changed.left) == ("Trip", "active", 3, [])
    assert await count(world, tenant, "conversations") == 0
    assert (await tell(world, tenant, "group_lifecycle_update", created)).events == []
    world.clock.forward(minutes=1)
    left = {"type": "group_participants_remove", "initiated_by": "participant", "removed_participants": [{"wa_id": BOB}]}
    judged = await tell(world, tenant, "group_participants_update", left)
    (changed,) = [each for each in judged.events if isinstance(each, GroupChanged)]
    assert (changed.joined, len(changed.left)) == ([], 1)
    unknown = left | {"removed_participants": [{"wa_id": "491700000077"}]}
    assert len((await tell(world, tenant, "group_participants_update", unknown)).events) == 1
    renamed = {"type": "group_settings_update", "group_subject": {"text": "Oslo", "update_successful": True}}
    refused = {"type": "group_settings_update", "group_subject": {"text": "Bergen", "update_successful": False}}
    await tell(world, tenant, "group_settings_update", renamed, refused)
    group = await group_contact(world, tenant)
    assert await world.value(tenant, "SELECT name FROM contacts WHERE id = $1", group) == "Oslo"
    rows = await world.rows(tenant, "SELECT left_at IS NULL AS is_in FROM group_participants ORDER BY 1")
    assert [row["is_in"] for row in rows] == [False, True, True]
    assert await count(world, tenant, "account_events") == 5


async def test_an_older_word_of_a_group_turns_nothing_back(world: World, tenant: Business) -> None:
    await tell(world, tenant, "group_lifecycle_update", {"type": "group_create", "subject": "New"})
    old = str(int((world.clock.now - timedelta(hours=1)).timestamp()))
    await tell(world, tenant, "group_settings_update", {"timestamp": old, "group_subject": {"text": "Old"}})
    await tell(world, tenant, "group_status_update", {"timestamp": old, "type": "group_suspend"})
    assert list((await world.row(tenant, "SELECT subject, state FROM groups")).values()) == ["New", "active"]


async def test_what_failed_changes_no_group(world: World, tenant: Business) -> None:
    failed = {"type": "group_create", "subject": "Never", "errors": [{"code": 131000}]}
    judged = await tell(world, tenant, "group_lifecycle_update", failed)
    assert len(judged.events) == 1
    assert await count(world, tenant, "contacts") == 0


async def test_who_turns_out_to_be_another_contact_is_in_the_group_as_that_one(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1", wa_id=ANN))
    await world.receive(tenant, spoken(tenant, "wamid.2", wa_id=None, user_id="US.13491208655302741918"))
    in_group = await world.value(tenant, "SELECT contact_id FROM group_participants")
    both = tenant.message("wamid.3", wa_id=ANN, user_id="US.13491208655302741918")
    await world.receive(tenant, both)
    merged = await world.row(tenant, "SELECT merged_id, into_id FROM contact_merges")
    assert merged["merged_id"] == in_group
    assert await world.value(tenant, "SELECT contact_id FROM group_participants") == merged["into_id"]
    assert await count(world, tenant, "groups") == 1


@pytest.mark.parametrize("group_id", [{"id": "x"}, ["x"], "x" * 513, "a\ufffdb", 7.5, True])
async def test_what_can_be_no_group_is_a_dead_letter_and_no_private_message(
    world: World, tenant: Business, group_id: Any
) -> None:
    judged = await run(world, tenant, tenant.message("wamid.1", metadata={"group_id": group_id}))
    error = judged.verdicts[0].error
    assert isinstance(error, Rejected)
    assert error.reason is Reason.GROUP_MESSAGE
    assert await count(world, tenant, "messages") == 0


@pytest.mark.parametrize("group_id", [None, ""])
async def test_who_names_no_group_writes_privately(world: World, tenant: Business, group_id: Any) -> None:
    await run(world, tenant, tenant.message("wamid.1", metadata={"group_id": group_id}))
    assert await count(world, tenant, "messages") == 1
    assert await count(world, tenant, "groups") == 0
