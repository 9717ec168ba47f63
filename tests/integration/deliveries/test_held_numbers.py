"""A number that WhatsApp refuses as such: one alarm, nothing lost, and everything leaves once the cause is mended."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.integration.deliveries.courier import NUMBER, Scene, refusal, scene_of
from tests.world import LANES, World
from waystate.events.model import AnyEvent, NumberHeld, NumberReleased
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Hold
from waystate.timers import Timers
from waystate.work.loops import Hint

REVOKED, UNPAID = 190, 131042
PHONES = [f"49170001{number:03}" for number in range(30)]


@pytest.fixture
async def scene(world: World) -> AsyncIterator[Scene]:
    async with scene_of(world) as scene:
        yield scene


async def alarms(scene: Scene) -> list[NumberHeld | NumberReleased]:
    rows = await scene.world.rows(
        scene.tenant, "SELECT data::text AS data FROM events WHERE type LIKE 'number.%' ORDER BY position"
    )
    events = [AnyEvent.validate_json(row["data"]) for row in rows]
    return [each for each in events if isinstance(each, NumberHeld | NumberReleased)]


async def held(scene: Scene) -> list[Hold]:
    async with scene.world.db.tenant(scene.tenant.tenant) as conn:
        return await tenant_store.list_holds(conn, scene.tenant.tenant)


async def fail_all(scene: Scene, code: int, *, since: int = 0) -> None:
    """WhatsApp fails by a status what it has accepted."""
    error = {"code": code, "title": "No", "error_data": {"details": "Something"}}
    reports = [
        scene.tenant.report("", "failed", message_id=each.message_id, error=error) for each in scene.graph.accepted()[since:]
    ]
    await scene.world.report(scene.tenant, *reports)


@pytest.mark.parametrize(("code", "kind"), [(REVOKED, "auth"), (131031, "account"), (UNPAID, "billing")])
async def test_a_refused_number_is_one_alarm_and_leaves_in_order_when_it_is_mended(scene: Scene, code: int, kind: str) -> None:
    scene.graph.judge = lambda number, to: refusal(code, 401)
    await scene.write_many({phone: ["first", "second"] for phone in PHONES})
    await scene.run(300)
    assert await scene.states() == {"pending": 60}
    (alarm,) = await alarms(scene)
    assert isinstance(alarm, NumberHeld)
    assert (alarm.phone_number_id, alarm.kind, alarm.error["code"]) == (NUMBER, kind, code)
    (hold,) = await held(scene)
    assert (hold.kind, hold.since, hold.told_by, hold.error["code"]) == (kind, alarm.at, "answer", code)
    assert len(scene.graph.sends) <= 3 + 300 // 30 + 1, "one finds out each half minute"
    scene.graph.judge = lambda number, to: None
    await scene.run(60)
    assert await scene.states() == {"sent": 60}
    assert all([each.text for each in scene.graph.accepted(phone)] == ["first", "second"] for phone in PHONES)
    assert await held(scene) == []
    _, released = await alarms(scene)
    assert isinstance(released, NumberReleased)
    assert (released.held_since, released.kind) == (alarm.at, kind)
    assert await scene.receipts() == [], "no agent was told of a failure"
    assert await scene.world.value(scene.tenant, "SELECT count(*) FROM messages WHERE status = 'failed'") == 0


async def test_a_second_refusal_after_it_was_mended_is_a_second_alarm(scene: Scene) -> None:
    for _ in range(2):
        scene.graph.judge = lambda number, to: refusal(REVOKED, 401)
        await scene.write(PHONES[0], "hello")
        await scene.run(3)
        scene.graph.judge = lambda number, to: None
        await scene.run(40)
    assert [each.type for each in await alarms(scene)] == ["number.held", "number.released"] * 2


async def test_another_number_of_the_tenant_goes_on(scene: Scene) -> None:
    other = await scene.world.add("acme", number="1002", with_genesys=False)
    scene.graph.judge = lambda number, to: refusal(REVOKED, 401) if number == NUMBER else None
    await scene.write(PHONES[0], "held")
    await scene.write(PHONES[1], "free", business=other)
    await scene.run(3)
    assert [each.text for each in scene.graph.accepted()] == ["free"]
    assert [each.phone_number_id for each in await held(scene)] == [NUMBER]


async def test_a_process_that_takes_over_knows_of_the_hold_and_tells_nobody_again(scene: Scene) -> None:
    scene.graph.judge = lambda number, to: refusal(REVOKED, 401)
    await scene.write_many({phone: ["hello"] for phone in PHONES})
    await scene.run(3)
    asked = len(scene.graph.sends)
    await scene.restart()
    await scene.run(20)
    assert len(scene.graph.sends) == asked, "it waits before it finds out"
    await scene.run(20)
    assert len(scene.graph.sends) == asked + 1
    scene.graph.judge = lambda number, to: None
    await scene.run(40)
    assert await scene.states() == {"sent": 30}
    assert [each.type for each in await alarms(scene)] == ["number.held", "number.released"]


async def test_a_limit_or_a_refused_message_is_no_alarm(scene: Scene) -> None:
    answers = [refusal(130429), refusal(131056), refusal(131026), httpx2.Response(503)]
    scene.graph.judge = lambda number, to: answers.pop() if answers else None
    await scene.write_many({phone: ["hello"] for phone in PHONES})
    await scene.run(10)
    assert await alarms(scene) == []
    assert await held(scene) == []


async def test_what_was_accepted_and_failed_for_lack_of_payment_holds_the_number_too(scene: Scene) -> None:
    await scene.write_many({phone: ["hello"] for phone in PHONES[:5]})
    await scene.run(1)
    await fail_all(scene, UNPAID)
    (alarm,) = await alarms(scene)
    assert isinstance(alarm, NumberHeld)
    assert (alarm.kind, alarm.error["code"]) == ("billing", UNPAID)
    await scene.write_many({phone: ["hello"] for phone in PHONES[5:]})
    await scene.run(29)
    assert len(scene.graph.accepted()) == 5, "what waits is not failed one after the other"
    await scene.run(3)
    assert len(scene.graph.accepted()) == 6, "one finds out"
    assert [each.told_by for each in await held(scene)] == ["status"], "that it was accepted proves nothing"
    await fail_all(scene, UNPAID, since=5)
    await scene.run(58)
    assert len(scene.graph.accepted()) == 6, "and the next one later"
    await scene.run(3)
    assert len(scene.graph.accepted()) == 7
    probe = scene.graph.accepted()[-1]
    await scene.world.report(scene.tenant, scene.tenant.report("", "sent", message_id=probe.message_id))
    await scene.run(130)
    assert (await scene.states())["pending"] == 0
    assert len(scene.graph.accepted()) == 30
    assert await held(scene) == []
    assert [each.type for each in await alarms(scene)] == ["number.held", "number.released"]


async def test_a_status_of_before_releases_nothing(scene: Scene) -> None:
    """A phone that was switched off receives what was sent before the number was held."""
    await scene.write_many({phone: ["hello"] for phone in PHONES[:5]})
    await scene.run(1)
    first = scene.graph.accepted()[0]
    error = {"code": UNPAID, "title": "No"}
    last = scene.graph.accepted()[-1]
    await scene.world.report(scene.tenant, scene.tenant.report("", "failed", message_id=last.message_id, error=error))
    await scene.write(PHONES[20], "hello")
    await scene.run(3)
    await scene.world.report(scene.tenant, scene.tenant.report("", "delivered", message_id=first.message_id))
    await scene.run(3)
    assert len(await held(scene)) == 1


@pytest.mark.parametrize("said", [{"source": "api"}, {"error": {"code": 131026}}, {"error": None}])
async def test_what_no_webhook_tells_of_the_number_holds_nothing(scene: Scene, said: dict[str, Any]) -> None:
    await scene.write(PHONES[0], "hello")
    await scene.run(1)
    sent = scene.graph.accepted()[0]
    given = {"message_id": sent.message_id, "error": {"code": UNPAID}} | said
    await scene.world.report(scene.tenant, scene.tenant.report("", "failed", **given))
    assert await held(scene) == []


async def test_a_number_that_somebody_else_sends_for_is_not_held(scene: Scene) -> None:
    await scene.write(PHONES[0], "hello")
    await scene.run(1)
    await scene.world.execute(scene.tenant, "UPDATE whatsapp_accounts SET sender = 'external'")
    await fail_all(scene, UNPAID)
    assert await held(scene) == []
    assert await alarms(scene) == []


async def test_the_hold_goes_with_its_number(scene: Scene) -> None:
    scene.graph.judge = lambda number, to: refusal(REVOKED, 401)
    await scene.write(PHONES[0], "hello")
    await scene.run(1)
    assert len(await held(scene)) == 1
    await scene.world.execute(scene.tenant, "DELETE FROM whatsapp_accounts")
    assert await held(scene) == []


async def test_held_numbers_are_counted_by_kind(scene: Scene) -> None:
    scene.graph.judge = lambda number, to: refusal(REVOKED, 401)
    await scene.write(PHONES[0], "hello")
    await scene.run(1)
    world = scene.world
    timers = Timers(world.db, world.directory, scene.metrics, Hint(), lambda *_: None, world.clock, lanes=LANES)
    await timers._read_gauges()
    told = scene.metrics.render().decode()
    assert 'waystate_numbers_held{kind="auth"} 1.0' in told
    assert 'waystate_numbers_held{kind="billing"} 0.0' in told


async def test_a_send_that_is_accepted_ends_no_hold_that_a_status_told(scene: Scene) -> None:
    tenant = scene.tenant.tenant
    hold = Hold(NUMBER, scene.world.clock.now, "billing", "status", {"code": UNPAID})
    async with scene.world.db.tenant(tenant) as conn:
        assert await tenant_store.hold_accounts(conn, tenant, [hold, hold._replace(phone_number_id="gone")]) == [hold]
        assert await tenant_store.hold_accounts(conn, tenant, [hold]) == [], "once"
        assert await tenant_store.release_accounts(conn, tenant, [NUMBER], ["answer"]) == []
        assert await tenant_store.release_accounts(conn, tenant, [NUMBER], ["answer", "status"]) == [hold]
