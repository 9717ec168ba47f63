"""A customer who is written to more often than WhatsApp lets through waits alone, and in order."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.integration.deliveries.courier import Scene, refusal, scene_of
from tests.world import START, SetClock, World
from waystate.clock import utc_now

EAGER = "4917000001"
OTHERS = [f"49170001{number:03}" for number in range(100)]


class RunningClock(SetClock):
    """The real time."""

    def __call__(self) -> datetime:
        self.now = utc_now()
        return self.now


@pytest.fixture
async def scene(world: World) -> AsyncIterator[Scene]:
    async with scene_of(world) as scene:
        yield scene


async def limit(scene: Scene, **limits: float) -> None:
    said = ", ".join(f'"{name}": {value}' for name, value in limits.items())
    await scene.world.execute(scene.tenant, f"UPDATE whatsapp_accounts SET limits = '{{{said}}}'")
    scene.world.directory.clear()


def numbered(count: int) -> list[str]:
    return [f"{number:05}" for number in range(count)]


def in_order(scene: Scene, to: str = EAGER) -> bool:
    texts = [each.text for each in scene.graph.accepted(to)]
    return texts == numbered(len(texts))


def left_by(scene: Scene, to: str, at: datetime) -> int:
    return len([each for each in scene.graph.accepted(to) if each.at <= at])


async def test_a_customer_with_many_messages_waits_and_all_others_are_out_at_once(scene: Scene) -> None:
    await scene.write_many({EAGER: numbered(200)})
    await scene.write_many({phone: ["hello"] for phone in OTHERS})
    await scene.run(3)
    assert {each.to for each in scene.graph.accepted()} == {EAGER, *OTHERS}
    assert max(each.at for each in scene.graph.accepted() if each.to in OTHERS) <= START + timedelta(seconds=3)
    await scene.run(120)
    first = scene.graph.accepted(EAGER)[0].at
    for each in scene.graph.accepted(EAGER):
        assert left_by(scene, EAGER, each.at) <= 45 + (each.at - first).total_seconds() / 6
    assert left_by(scene, EAGER, first + timedelta(seconds=120)) == 45 + 20, "and no less"
    assert in_order(scene)
    await scene.run(135 * 6)
    assert await scene.states() == {"sent": 300}
    assert in_order(scene)


async def test_five_thousand_waiting_messages_of_one_delay_nobody_else(scene: Scene) -> None:
    """Also where more than a claim's window of them stand before, and before their customer has to rest."""
    await limit(scene, messages_per_second=1000)
    await scene.write_many({EAGER: numbered(5000)})
    await scene.write_many({phone: ["hello"] for phone in OTHERS})
    await scene.once()
    assert {each.to for each in scene.graph.accepted()} == {EAGER, *OTHERS}
    assert left_by(scene, EAGER, scene.world.clock.now) == 45
    later = [f"4917002{number:04}" for number in range(50)]
    await scene.run(1)
    await scene.write_many({phone: ["hello"] for phone in later})
    scene.worker._couriers[scene.tenant.tenant]._widen_at += timedelta(hours=1)
    await scene.once()
    assert {each.to for each in scene.graph.accepted()} >= {*later}, "without a look through the whole backlog"
    assert in_order(scene)


async def test_one_who_waits_for_a_lost_answer_fills_no_window_either(scene: Scene) -> None:
    await limit(scene, messages_per_second=1000)
    scene.graph.judge = lambda number, to: refusal(131000, 500) if to == EAGER else None
    await scene.write_many({EAGER: numbered(2000)})
    await scene.once()
    scene.worker._couriers[scene.tenant.tenant]._widen_at += timedelta(hours=1)
    await scene.write_many({phone: ["hello"] for phone in OTHERS})
    await scene.once()
    assert len(scene.graph.accepted()) == 100


async def test_each_customer_keeps_their_order_while_many_rest(scene: Scene) -> None:
    await limit(scene, messages_per_second=1000, pair_burst=2)
    phones = OTHERS[:20]
    await scene.write_many({phone: numbered(6) for phone in phones})
    await scene.run(30)
    assert await scene.states() == {"sent": 120}
    times = defaultdict(list)
    for each in scene.graph.accepted():
        times[each.to].append(each.at)
    for phone in phones:
        assert in_order(scene, phone)
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times[phone])]
        assert gaps == [0, 6, 6, 6, 6]


async def test_an_interval_of_zero_switches_the_limit_off(scene: Scene) -> None:
    await limit(scene, pair_interval=0)
    await scene.write_many({EAGER: numbered(100)})
    await scene.run(3)
    assert await scene.states() == {"sent": 100}


async def test_a_changed_limit_holds_from_the_next_claim_on(scene: Scene) -> None:
    await scene.write_many({EAGER: numbered(100)})
    await scene.run(2)
    assert await scene.states() == {"sent": 45, "pending": 55}
    await limit(scene, pair_interval=0)
    await scene.run(2)
    assert await scene.states() == {"sent": 100}


async def test_after_a_restart_whatsapps_own_limit_puts_that_one_customer_to_rest(scene: Scene) -> None:
    """WhatsApp remembers what this process has forgotten: it lets one through each 6 s."""
    allowed = [START + timedelta(seconds=6 * number) for number in range(1000)]

    def judge(number: str, to: str) -> object:
        if to != EAGER:
            return None
        taken = len(scene.graph.accepted(EAGER)) - 45
        return refusal(131056) if taken >= 0 and scene.world.clock.now < allowed[taken + 1] else None

    scene.graph.judge = judge  # type: ignore[assignment]
    await scene.write_many({EAGER: numbered(100)})
    await scene.run(1)
    assert len(scene.graph.accepted(EAGER)) == 45
    await scene.restart()
    await scene.write_many({phone: ["hello"] for phone in OTHERS})
    await scene.run(3)
    assert {each.to for each in scene.graph.accepted()} == {EAGER, *OTHERS}, "all others are out"
    await scene.run(55 * 6 + 60)
    assert await scene.states() == {"sent": 200}
    assert in_order(scene)
    refused = len(scene.graph.sends) - len(scene.graph.accepted())
    assert refused <= 5, "it is learned from the first answers, not from each message"


async def test_a_refusal_of_the_pair_leaves_the_other_customers_of_its_window(scene: Scene) -> None:
    """With 1,500 messages behind the refused one, the claim's window is not theirs."""
    scene.graph.judge = lambda number, to: refusal(131056) if to == EAGER else None
    await scene.write_many({EAGER: numbered(1500)})
    await scene.once()
    scene.worker._couriers[scene.tenant.tenant]._widen_at += timedelta(hours=1)
    await scene.write_many({phone: ["hello"] for phone in OTHERS[:50]})
    await scene.once()
    assert len(scene.graph.accepted()) == 50


async def test_the_rate_of_a_number_is_reached_not_exceeded_and_keeps_order(scene: Scene) -> None:
    """80 a second over ten seconds, with a second's worth at once."""
    phones = OTHERS[:50]
    await scene.write_many({phone: numbered(20) for phone in phones})
    for step in range(1, 201):
        await scene.run(0.05, every=0.05)
        assert len(scene.graph.sends) <= 80 + 80 * step * 0.05
    assert len(scene.graph.sends) >= 80 + 790
    await scene.run(3)
    assert all(in_order(scene, phone) for phone in phones)
    assert await scene.states() == {"sent": 1000}


async def test_the_rate_is_reached_between_the_sweeps_too(world: World) -> None:
    """In real time, with no sweep at all: the courier comes back by itself when the rate lets the next ones through."""
    world.clock = RunningClock(utc_now())
    async with scene_of(world) as scene:
        await limit(scene, messages_per_second=80, pair_interval=0)
        await scene.write_many({phone: numbered(5) for phone in OTHERS})
        begun = utc_now()
        await scene.worker.step({scene.tenant.tenant}, sweep=False)
        await asyncio.sleep(4)
        passed = (utc_now() - begun).total_seconds()
        left = len([each for each in scene.graph.sends if (each.at - begun).total_seconds() <= passed])
        assert 80 + 80 * (passed - 1) <= left <= 80 + 80 * passed
        assert all(in_order(scene, phone) for phone in OTHERS)
