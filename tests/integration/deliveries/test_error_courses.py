"""Every error code of WhatsApp: what the message, its customer's queue and the number do, and what the agent is told.

What is expected stands here, by code, as the platform's documents have it; it is not read from the program's table.
"""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.deliveries.courier import NUMBER, Scene, refusal, scene_of
from tests.world import World
from waystate.channels.whatsapp.errors import TABLE

ADA, BOB = "4917000001", "4917000002"
Refused = tuple[str, dict[str, Any]]
"""A code as it is written in the tests' names, and what its error says beside it."""

HELD = {
    **dict.fromkeys([0, 102, 190, 3, 10, 200, 201, 250, 299, 131005], "access token|permission"),
    **dict.fromkeys([33], "does not know this business number"),
    **dict.fromkeys([368, 131031, 133007], "locked or restricted"),
    **dict.fromkeys([131037], "display name"),
    **dict.fromkeys([131045, 133000, 133006, 133010, 133015], "not registered"),
    **dict.fromkeys([131042, 131044], "payment"),
    **dict.fromkeys([134011], "terms of payment"),
}
"""Nothing leaves until somebody mends it; each with a word of what the agent reads."""
LIMITS: dict[int, tuple[str, float, str]] = {
    131056: ("pair", 1, "too many messages went to this customer"),
    131208: ("pair", 1, "groups"),
    130429: ("number", 1, "more than WhatsApp takes"),
    131057: ("number", 30, "changing this number's account"),
    131048: ("number", 600, "blocked or reported"),
    80007: ("waba", 4, "numbers together"),
    80008: ("waba", 4, "numbers together"),
    **dict.fromkeys([4, 17, 32, 341, 613], ("app", 4, "more often than it may")),
}
"""Code → whom it reaches, for how many seconds at first, and a word of what the agent reads."""
TRANSIENT = [1, 2, 131000, 131016, 133004]
FINAL: dict[int, tuple[str, str]] = {
    131047: ("MessageExpired", "24 hours"),
    131026: ("InvalidDestination", "cannot reach this customer"),
    131021: ("InvalidDestination", "own number"),
    131030: ("InvalidDestination", "test number"),
    131061: ("MessageNotAllowed", "bid price"),
    131062: ("InvalidDestination", "phone number"),
    130472: ("MessageNotAllowed", "experiment"),
    131049: ("MessageNotAllowed", "Do not send it again today"),
    130497: ("MessageNotAllowed", "country"),
    138009: ("RateLimited", "tomorrow"),
    138012: ("RateLimited", "tomorrow"),
    131050: ("RecipientOptedOut", "wants no marketing"),
    131070: ("MessageNotAllowed", "handled by another responder"),
    2494191: ("MessageNotAllowed", "escalation partner"),
    138038: ("MessageNotAllowed", "call is handled by another responder"),
    132000: ("InvalidMessageStructure", "does not fit"),
    132001: ("InvalidMessageStructure", "no approved template"),
    132005: ("InvalidMessageStructure", "does not fit"),
    132007: ("MessageNotAllowed", "policy"),
    132012: ("InvalidMessageStructure", "does not fit"),
    132015: ("MessageNotAllowed", "paused or disabled"),
    132016: ("MessageNotAllowed", "paused or disabled"),
    132068: ("MessageNotAllowed", "form"),
    132069: ("RateLimited", "form"),
    131020: ("InvalidDestination", "group"),
    131041: ("InvalidDestination", "group"),
    131204: ("MessageNotAllowed", "group"),
    131207: ("MessageNotAllowed", "suspended this group"),
    131211: ("MessageNotAllowed", "groups"),
    100: ("InvalidMessageStructure", "cannot read"),
    131008: ("InvalidMessageStructure", "cannot read"),
    131009: ("InvalidMessageStructure", "cannot read"),
    135000: ("InvalidMessageStructure", "cannot read"),
    131051: ("UnsupportedMessage", "type of message"),
    131052: ("MediaTypeNotAllowed", "file"),
    131053: ("MediaTypeNotAllowed", "file"),
}
"""Code → Genesys' reason and a word of what the agent reads."""
DIRECT_SEND = {"error_data": {"details": "Param category is not supported for this account"}}


@pytest.fixture
async def scene(world: World) -> AsyncIterator[Scene]:
    async with scene_of(world) as scene:
        yield scene


def test_every_code_of_the_table_is_expected_here() -> None:
    expected = {*HELD, *LIMITS, *TRANSIENT, *FINAL}
    assert {code for rule in TABLE for code in rule.codes if code not in range(202, 299) or code == 250} == expected


async def refused_once(scene: Scene, code: int, **said: Any) -> None:
    """The first of Ada's two messages is refused, all else is accepted; then Bob's comes, in the same second."""
    answers = [refusal(code, **said)]
    scene.graph.judge = lambda number, to: answers.pop() if answers else None
    await scene.write(ADA, "first", "second")
    await scene.once()
    await scene.write(BOB, "other")
    await scene.once()


def reason_of(receipt: dict[str, Any]) -> tuple[str, str]:
    assert receipt["status"] == "Failed"
    (reason,) = receipt["reasons"]
    return reason["code"], reason["message"]


def texts(scene: Scene, to: str | None = None) -> list[str]:
    return [each.text for each in scene.graph.accepted(to)]


@pytest.mark.parametrize("code", FINAL)
async def test_what_is_one_messages_fault_fails_it_and_the_queue_goes_on(scene: Scene, code: int) -> None:
    await refused_once(scene, code)
    assert texts(scene) == ["second", "other"], "of the customer too"
    assert await scene.states(ADA) == {"failed": 1, "sent": 1}
    (receipt,) = await scene.receipts()
    reason, words = reason_of(receipt)
    assert (reason, FINAL[code][1] in words) == (FINAL[code][0], True), words
    assert f"(WhatsApp {code}" in words


async def test_a_message_that_only_direct_send_could_carry_is_said_to_be_so(scene: Scene) -> None:
    await refused_once(scene, 100, **DIRECT_SEND)
    assert await scene.states(ADA) == {"failed": 1, "sent": 1}
    reason, words = reason_of((await scene.receipts())[0])
    assert (reason, "approved template" in words) == ("MessageNotAllowed", True)


@pytest.mark.parametrize("code", [*HELD, "100-33"])
async def test_what_is_held_against_the_number_costs_no_message_and_holds_all(scene: Scene, code: int | str) -> None:
    refused = (code, {}) if isinstance(code, int) else (100, {"error_subcode": 33})
    await refused_once(scene, refused[0], **refused[1])
    assert texts(scene) == []
    assert await scene.states() == {"pending": 3}
    await scene.run(29)
    assert texts(scene) == [], "one finds out after half a minute"
    await scene.run(2)
    assert sorted(texts(scene)) == ["first", "other", "second"]
    assert texts(scene, ADA) == ["first", "second"]
    assert await scene.receipts() == [], "nobody is told of what arrived after all"


@pytest.mark.parametrize("code", TRANSIENT)
async def test_a_fault_over_there_is_unknown_and_holds_its_customer_alone(scene: Scene, code: int) -> None:
    await refused_once(scene, code)
    assert texts(scene) == ["other"]
    assert await scene.states(ADA) == {"unknown": 1, "pending": 1}
    await scene.run(31)
    assert texts(scene, ADA) == ["second"], "the first is not sent again"
    assert await scene.states(ADA) == {"unknown": 1, "sent": 1}


@pytest.mark.parametrize("code", [code for code, (reaches, *_) in LIMITS.items() if reaches == "pair"])
async def test_a_limit_of_the_pair_lets_that_customer_rest_alone(scene: Scene, code: int) -> None:
    """4^X seconds, X from 0."""
    left = [refusal(code, 429, {"Retry-After": "1"}) for _ in range(5)]
    scene.graph.judge = lambda number, to: left.pop() if left and to == ADA else None
    await scene.write(ADA, "first", "second")
    await scene.write(BOB, "other")
    await scene.once()
    assert texts(scene) == ["other"], "the number goes on"
    for seconds in (1, 4, 16, 64, 256):
        asked = len(scene.graph.sends)
        await scene.run(seconds - 1)
        assert len(scene.graph.sends) == asked, f"{seconds} s"
        await scene.run(1)
        assert len(scene.graph.sends) > asked, f"{seconds} s"
    await scene.run(6)
    assert texts(scene, ADA) == ["first", "second"]
    assert await scene.receipts() == []


@pytest.mark.parametrize("code", [code for code, (reaches, *_) in LIMITS.items() if reaches != "pair"])
async def test_a_limit_reaches_the_number_its_business_account_or_its_app(scene: Scene, code: int) -> None:
    reaches, seconds, _ = LIMITS[code]
    others = {
        "sister": await scene.world.add("acme", number="1002", app_id="app-2", with_genesys=False),
        "cousin": await scene.world.add("acme", number="1003", with_genesys=False),
        "stranger": await scene.world.add("acme", number="1004", app_id="app-2", with_genesys=False),
    }
    waba = "UPDATE whatsapp_accounts SET business_account_id = 'waba-1001' WHERE phone_number_id = '1002'"
    await scene.world.execute(scene.tenant, waba)
    scene.world.directory.clear()
    rests = {"number": set(), "waba": {"sister"}, "app": {"cousin"}}[reaches]
    await refused_once(scene, code)
    for phone, (name, business) in enumerate(others.items(), start=4917000100):
        await scene.write(str(phone), name, business=business)
    await scene.once()
    assert set(texts(scene)) == set(others) - rests, "and of the number itself nothing"
    await scene.run(seconds - 1)
    assert set(texts(scene)) == set(others) - rests
    await scene.run(2)
    assert set(texts(scene)) == {"first", "second", "other", *others}
    assert texts(scene, ADA) == ["first", "second"]


async def test_a_limit_that_lasts_is_tried_four_times_as_rarely_each_time(scene: Scene) -> None:
    scene.graph.judge = lambda number, to: refusal(131048)
    await scene.write(ADA, "first")
    await scene.write(BOB, "other")
    await scene.once()
    asked = [len(scene.graph.sends)]
    for seconds in (600, 2400, 3600, 3600):
        await scene.run(seconds - 60, every=60)
        asked.append(len(scene.graph.sends))
        await scene.run(60, every=60)
    assert [after - before for before, after in itertools.pairwise(asked)] == [0, 1, 1, 1]


ALL_CODES = [*HELD, *LIMITS, *TRANSIENT, *FINAL]


@pytest.mark.parametrize("code", ALL_CODES)
async def test_a_failed_status_fails_the_message_and_tells_the_agent_the_same(scene: Scene, code: int) -> None:
    await scene.write(ADA, "first")
    await scene.once()
    error = {"code": code, "title": "No", "error_data": {"details": "Something"}}
    await scene.world.report(scene.tenant, scene.tenant.report("wamid.out.0", "failed", error=error))
    assert await scene.world.value(scene.tenant, "SELECT status FROM messages WHERE direction = 'outbound'") == "failed"
    reason, words = reason_of((await scene.receipts())[0])
    if code in FINAL:
        expected, word = FINAL[code]
    elif code in LIMITS:
        expected, word = "RateLimited", LIMITS[code][2]
    elif code in HELD:
        expected, word = "MessageNotAllowed", HELD[code]
    else:
        expected, word = "ServerError", "Send it again"
    assert reason == expected
    assert any(each in words for each in word.split("|")), words


async def test_a_status_of_direct_send_is_told_apart_too(scene: Scene) -> None:
    await scene.write(ADA, "first")
    await scene.once()
    await scene.world.report(
        scene.tenant, scene.tenant.report("wamid.out.0", "failed", error={"code": 100, "title": "No", **DIRECT_SEND})
    )
    reason, words = reason_of((await scene.receipts())[0])
    assert (reason, "approved template" in words, NUMBER in words) == ("MessageNotAllowed", True, False)
