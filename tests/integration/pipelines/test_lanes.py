"""Who works which lane."""

from collections.abc import Sequence
from datetime import timedelta

from tests.world import World
from waystate.pipelines.lanes import DELIVERIES, KINDS, LEDGER, RELAY, LeaseKeeper

TTL = timedelta(seconds=15)
LANES = 4


def keeper(world: World) -> LeaseKeeper:
    return LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=TTL)


async def test_the_first_holds_every_lane_and_the_second_none_until_they_lapse(world: World) -> None:
    first, second = keeper(world), keeper(world)
    await first.renew()
    await second.renew()
    assert [sorted(first.lanes(kind)) for kind in KINDS] == [list(range(LANES)) for _ in KINDS]
    assert [second.lanes(kind) for kind in KINDS] == [[], [], []]
    world.clock.now += TTL - timedelta(milliseconds=1)
    await second.renew()
    assert second.lanes(LEDGER) == []
    world.clock.forward(milliseconds=1)
    await second.renew()
    assert sorted(second.lanes(LEDGER)) == list(range(LANES))
    await first.renew()
    assert first.lanes(LEDGER) == [], "who was overtaken notices at the next renewal"


async def test_a_renewal_in_time_keeps_the_epoch_and_a_take_over_raises_it(world: World) -> None:
    first, second = keeper(world), keeper(world)
    await first.renew()
    assert (first.epoch(RELAY), second.epoch(RELAY)) == (1, 0)
    for _ in range(5):
        world.clock.now += TTL / 3
        await first.renew()
    assert first.epoch(RELAY) == 1
    world.clock.now += TTL
    await second.renew()
    assert second.epoch(RELAY) == 2


async def test_a_clean_stop_lets_the_next_begin_at_once(world: World) -> None:
    first, second = keeper(world), keeper(world)
    await first.renew()
    await first.release()
    assert first.lanes(LEDGER) == []
    await second.renew()
    assert sorted(second.lanes(LEDGER)) == list(range(LANES))
    assert second.epoch(LEDGER) == 2


async def test_a_take_over_is_told_once_and_before_the_lanes_are_worked(world: World) -> None:
    each = keeper(world)
    told: list[tuple[str, int, list[int]]] = []

    async def taken_over(kind: str, lanes: Sequence[int]) -> None:
        told.append((kind, len(lanes), each.lanes(kind)))

    each.on_takeover(taken_over)
    await each.renew()
    await each.renew()
    assert sorted(told) == [(DELIVERIES, LANES, []), (LEDGER, LANES, []), (RELAY, LANES, [])]
    world.clock.now += 2 * TTL
    await each.renew()
    assert len(told) == 6, "after a lapse somebody else may have held them"


async def test_lanes_whose_take_over_failed_are_not_worked_and_it_is_tried_again(world: World) -> None:
    each = keeper(world)
    failures: list[Exception] = [ConnectionError("the database went away")]
    told: list[str] = []

    async def taken_over(kind: str, _: Sequence[int]) -> None:
        if failures:
            raise failures.pop()
        told.append(kind)

    each.on_takeover(taken_over)
    try:
        await each.renew()
    except ConnectionError:
        assert each.lanes(LEDGER) == []
    await each.renew()
    assert sorted(told) == sorted(KINDS)
    assert len(each.lanes(LEDGER)) == LANES
