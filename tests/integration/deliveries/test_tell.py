"""Every message of an agent that comes to nothing gets a Failed receipt with a sentence, in a conversation or not, once."""

from random import Random
from string import ascii_letters
from typing import Any

import pytest

from tests.world import CUSTOMER, Business, World, accepted
from waystate.dead_letters.model import Pipeline
from waystate.deliveries.model import Target
from waystate.deliveries.tell import tell_many
from waystate.errors import Reason, Rejected
from waystate.messages.model import OutboundMessage
from waystate.pipeline.batch import Taken


async def send(world: World, tenant: Business, *messages: OutboundMessage) -> None:
    """As the webhook pipeline does, to the last receipt."""
    taken = [Taken(each, world.clock.now, each.origin) for each in messages]
    await world.runner().run(tenant.tenant, await world.view(tenant), taken)
    await world.relay(tenant)


async def receipts(world: World, tenant: Business) -> list[dict[str, Any]]:
    rows = await world.rows(tenant, "SELECT request FROM deliveries WHERE target = 'genesys_receipt' ORDER BY event_id")
    return [row["request"] for row in rows]


async def letters(world: World, tenant: Business) -> list[str]:
    return [row["reason"] for row in await world.rows(tenant, "SELECT reason FROM dead_letters")]


async def test_a_message_to_nobody_is_a_dead_letter_and_genesys_is_told(world: World, tenant: Business) -> None:
    await send(world, tenant, tenant.reply("g.1", recipient_id="+1 555 010 0177", conversation_id="new"))
    assert await letters(world, tenant) == ["mapping_not_found"]
    (receipt,) = await receipts(world, tenant)
    assert (receipt["id"], receipt["status"], receipt["channel"]["to"]["id"]) == ("g.1", "Failed", "+1 555 010 0177")
    (reason,) = receipt["reasons"]
    assert reason["message"].startswith("Not sent: nobody with this address has written to this WhatsApp number")


async def test_what_cannot_be_shown_to_nobody_says_so_first(world: World, tenant: Business) -> None:
    said = {"recipient_id": "1", "conversation_id": "new", "unshowable": "WhatsApp cannot show a Form."}
    await send(world, tenant, tenant.reply("g.1", **said))
    assert await letters(world, tenant) == ["invalid_payload"]
    (receipt,) = await receipts(world, tenant)
    assert receipt["reasons"][0]["message"] == "WhatsApp cannot show a Form."


async def test_it_leaves_like_any_other_receipt(world: World, tenant: Business) -> None:
    await send(world, tenant, tenant.reply("g.1", recipient_id="1", conversation_id="new"))
    (claimed,) = await world.claim(tenant)
    assert (claimed.target, claimed.account, claimed.request["id"]) == (Target.GENESYS_RECEIPT, tenant.integration, "g.1")
    await world.settle(tenant, (claimed, accepted()))
    assert await world.claim(tenant) == []
    assert await world.value(tenant, "SELECT count(*) FROM dead_letters WHERE pipeline = 'deliveries'") == 0


async def test_it_is_told_once_however_often_the_message_comes(world: World, tenant: Business) -> None:
    for origin in ("ledger:1", "ledger:2", "ledger:2"):
        await send(world, tenant, tenant.reply("g.1", recipient_id="1", conversation_id="new", origin=origin))
    assert await letters(world, tenant) == ["mapping_not_found"] * 2
    assert len(await receipts(world, tenant)) == 1
    await send(world, tenant, tenant.reply("g.2", recipient_id="1", conversation_id="new", origin="ledger:3"))
    assert [each["id"] for each in await receipts(world, tenant)] == ["g.1", "g.2"]


async def test_what_cannot_even_be_stored_is_told_too(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    await world.relay(tenant)
    long = "".join(Random(1).choices(ascii_letters, k=10_000))  # more than its index takes, however it is compressed
    await send(world, tenant, tenant.reply(long, recipient_id="contact", conversation_id="genesys-conversation"))
    assert await letters(world, tenant) == ["invalid_payload"]
    (receipt,) = await receipts(world, tenant)
    assert receipt["reasons"][0]["message"].startswith("Not sent: a part of the message is too long")


@pytest.mark.parametrize(
    "said",
    [
        {"recipient_id": None},
        {"recipient_id": "1", "integration_id": None},
        {"recipient_id": "1", "integration_id": "another"},
    ],
)
async def test_whoever_cannot_be_told_is_not(world: World, tenant: Business, said: dict[str, Any]) -> None:
    await send(world, tenant, tenant.reply("g.1", conversation_id="new", **said))
    assert await letters(world, tenant) == ["mapping_not_found"]
    assert await receipts(world, tenant) == []


async def test_nobody_is_told_where_somebody_else_sends(world: World) -> None:
    external = await world.add("external", number="3001", sender="external")
    await send(world, external, external.reply("g.1", recipient_id="1", conversation_id="new"))
    assert await letters(world, external) == ["mapping_not_found"]
    assert await receipts(world, external) == []


async def test_an_integration_without_a_number_says_that_it_has_none(world: World, tenant: Business) -> None:
    await world.execute(tenant, "UPDATE whatsapp_accounts SET genesys_integration_id = NULL")
    world.directory.clear()
    await send(world, tenant, tenant.reply("g.1", recipient_id="1", conversation_id="new"))
    (receipt,) = await receipts(world, tenant)
    assert receipt["reasons"][0]["message"].startswith("Not sent: no WhatsApp number is connected to this integration")


@pytest.mark.parametrize("reason", Reason)
async def test_every_reason_has_a_sentence_for_an_agent(world: World, tenant: Business, reason: Reason) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        refused = (tenant.reply("g.1", recipient_id="1"), Rejected(reason, "UniqueViolation in relation 7"))
        await tell_many(conn, tenant.tenant, await world.view(tenant), [refused], world.clock.now, lanes=8)
    (receipt,) = await receipts(world, tenant)
    message = receipt["reasons"][0]["message"]
    assert message.startswith("Not sent: ")
    assert message.endswith(".")
    assert "Violation" not in message, "it is for an agent, not for an operator"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"unshowable": "WhatsApp cannot show a Form."}, "WhatsApp cannot show a Form."),
        ({"text": " "}, "WhatsApp refuses an empty text; write something and send again."),
    ],
)
async def test_what_is_refused_in_its_conversation_is_told_and_kept(
    world: World, tenant: Business, said: dict[str, Any], sentence: str
) -> None:
    await world.correspond(tenant)
    await send(world, tenant, tenant.reply("g.1", conversation_id="genesys-conversation", **said))
    await world.relay(tenant)
    (receipt,) = [each for each in await receipts(world, tenant) if each["id"] == "g.1"]
    assert (receipt["status"], receipt["reasons"][0]["message"]) == ("Failed", sentence)
    kept = await world.row(tenant, "SELECT status, error FROM messages WHERE genesys_message_id = 'g.1'")
    assert (kept["status"], kept["error"]["code"]) == ("failed", "invalid_payload")
    assert await letters(world, tenant) == []


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM whatsapp_accounts", "UPDATE whatsapp_accounts SET genesys_integration_id = NULL"],
)
async def test_a_number_that_went_away_is_told_through_the_integration_the_message_came_by(
    world: World, tenant: Business, change: str
) -> None:
    await world.correspond(tenant)
    await world.close(tenant)
    await send(world, tenant)
    await world.answer(tenant, tenant.reply("g.late", conversation_id="genesys-conversation"))
    await world.execute(tenant, change)
    world.directory.clear()
    await world.relay(tenant)
    (receipt,) = [each for each in await receipts(world, tenant) if each["id"] == "g.late"]
    assert (receipt["status"], receipt["reasons"][0]["message"]) == (
        "Failed",
        "The conversation is closed; it opens again when the customer writes.",
    )


async def test_what_waits_when_its_number_goes_away_is_told_too(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    await world.execute(tenant, "DELETE FROM whatsapp_accounts")
    world.directory.clear()
    for _ in range(2):
        await world.relay(tenant)
    (receipt,) = await receipts(world, tenant)
    assert receipt["status"] == "Failed"
    assert "was taken away from this tenant before the message was passed on" in receipt["reasons"][0]["message"]


async def test_a_customers_message_that_is_a_dead_letter_is_none_of_an_agents(world: World, tenant: Business) -> None:
    error = Rejected(Reason.INVALID_PAYLOAD, "no")
    taken = Taken(error, world.clock.now, "ledger:1:0", {"id": "w"}, Pipeline.INBOUND)
    await world.runner().run(tenant.tenant, await world.view(tenant), [taken])
    assert await letters(world, tenant) == ["invalid_payload"]
    assert await receipts(world, tenant) == []


SPELLINGS = [
    CUSTOMER,
    f"+{CUSTOMER}",
    f"00{CUSTOMER}",
    f"whatsapp:+{CUSTOMER}",
    f"whatsapp:{CUSTOMER}",
    "+49 170 0000001",
    "49 170 0000001",
    " +49 (0)170 / 000-00.01 ",
    "0049 (0) 170 0000001".replace("(0) ", "(0)"),
    "tel:+49-170-0000001",
    "TEL:+491700000001;phone-context=example.org",
    "+４９１７０００００００１",
    "\u202a+49\u00a0170\u00a00000001\u202c",
]


@pytest.mark.parametrize("recipient", SPELLINGS)
async def test_a_phone_in_any_spelling_finds_the_customer(world: World, tenant: Business, recipient: str) -> None:
    await world.receive(tenant, tenant.message())
    await send(world, tenant, tenant.reply("g.1", recipient_id=recipient, conversation_id="new"))
    assert await letters(world, tenant) == []
    sent = await world.rows(tenant, "SELECT request FROM deliveries WHERE target = 'whatsapp'")
    assert [each["request"]["to"] for each in sent] == [CUSTOMER]


@pytest.mark.parametrize(
    "recipient", ["0170 0000001", "(49) 1700000001", f"{CUSTOMER}@example.org", f"x{CUSTOMER}", "+0049", ""]
)
async def test_what_may_be_somebody_elses_phone_finds_nobody(world: World, tenant: Business, recipient: str) -> None:
    await world.receive(tenant, tenant.message())
    await send(world, tenant, tenant.reply("g.1", recipient_id=recipient, conversation_id="new"))
    assert await letters(world, tenant) == ["mapping_not_found"]


async def test_a_customer_who_is_known_exactly_as_written_comes_first(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message(wa_id="0049170"), tenant.message(wa_id="49170000"))
    await send(world, tenant, tenant.reply("g.1", recipient_id="0049170", conversation_id="new"))
    sent = await world.rows(tenant, "SELECT request FROM deliveries WHERE target = 'whatsapp'")
    assert [each["request"]["to"] for each in sent] == ["0049170"]


@pytest.mark.parametrize(
    ("wa_id", "recipient"),
    [
        ("551187654321", "+55 (11) 98765-4321"),
        ("5511987654321", "551187654321"),
        ("5215512345678", "whatsapp:+525512345678"),
        ("5491123456789", "00541123456789"),
    ],
)
async def test_a_phone_that_whatsapp_spells_otherwise_finds_the_customer(
    world: World, tenant: Business, wa_id: str, recipient: str
) -> None:
    await world.receive(tenant, tenant.message(wa_id=wa_id))
    await send(world, tenant, tenant.reply("g.1", recipient_id=recipient, conversation_id="new"))
    sent = await world.rows(tenant, "SELECT request FROM deliveries WHERE target = 'whatsapp'")
    assert [each["request"]["to"] for each in sent] == [wa_id]


async def test_a_user_without_a_phone_is_found_by_the_user_id(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message(wa_id=None, user_id="DE.1"))
    await send(world, tenant, tenant.reply("g.1", recipient_id="DE.1", conversation_id="new"))
    assert await letters(world, tenant) == []
