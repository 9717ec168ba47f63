"""Who works which lane."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.world import World
from waystate.ids import TenantId
from waystate.work.lanes import Share, lane_of, share_out
from waystate.work.leases import DELIVERIES, LEDGER, RELAY, LeaseKeeper

TTL = timedelta(seconds=15)
LANES = 7
KINDS = (LEDGER, DELIVERIES, RELAY)
ALL = list(range(LANES))


def keeper(world: World, *, kinds: Sequence[str] = KINDS, lanes: int = LANES) -> LeaseKeeper:
    return LeaseKeeper(world.db, world.clock, lanes=lanes, ttl=TTL, kinds=kinds, monotonic=lambda: 0.0)


def lanes_of(keepers: Sequence[LeaseKeeper], kind: str = LEDGER) -> list[int]:
    return sorted(lane for each in keepers for lane in each.lanes(kind))


async def settle(keepers: Sequence[LeaseKeeper], rounds: int = 2) -> None:
    for _ in range(rounds):
        for each in keepers:
            await each.renew()


async def test_one_alone_holds_every_lane_of_its_kinds_only(world: World) -> None:
    alone = keeper(world, kinds=(LEDGER, RELAY))
    await alone.renew()
    assert [sorted(alone.lanes(kind)) for kind in KINDS] == [ALL, [], ALL]


async def test_a_newcomer_has_its_share_after_one_renewal_of_the_others(world: World) -> None:
    first, second = keeper(world), keeper(world)
    await first.renew()
    await second.renew()
    assert second.lanes(LEDGER) == []
    await first.renew()
    await second.renew()
    assert sorted((len(first.lanes(LEDGER)), len(second.lanes(LEDGER)))) == [3, 4]
    assert lanes_of([first, second]) == ALL


@pytest.mark.parametrize("members", [2, 3, 5, 9])
async def test_lanes_are_shared_evenly_and_nobody_shares_one(world: World, members: int) -> None:
    keepers = [keeper(world) for _ in range(members)]
    await settle(keepers)
    for kind in KINDS:
        counts = [len(each.lanes(kind)) for each in keepers]
        assert max(counts) - min(counts) <= 1
        assert lanes_of(keepers, kind) == ALL


async def test_many_that_come_at_once_end_with_even_shares(world: World) -> None:
    keepers = [keeper(world, lanes=64) for _ in range(4)]
    for _ in range(10):
        await asyncio.gather(*(each.renew() for each in keepers))
    assert [len(each.lanes(LEDGER)) for each in keepers] == [16] * 4
    assert lanes_of(keepers) == list(range(64))


async def test_a_lane_is_handed_over_only_when_nothing_of_it_is_in_hand(world: World) -> None:
    first, second = keeper(world), keeper(world)
    in_hand = {LEDGER: set(ALL)}
    first.ask_before_release(lambda kind: in_hand.get(kind, set()))
    await first.renew()
    epochs = first.epochs(LEDGER)
    await settle([second, first, second])
    assert (len(first.lanes(LEDGER)), second.lanes(LEDGER)) in [(3, []), (4, [])], "no new work is taken from the surplus"
    assert all(first.holds(LEDGER, lane, epoch) for lane, epoch in epochs.items()), "what is in hand may be finished"
    assert len(second.lanes(RELAY)) in (3, 4)
    in_hand.clear()
    await settle([first, second])
    assert lanes_of([first, second]) == ALL
    assert len(second.lanes(LEDGER)) in (3, 4)


async def test_lanes_of_the_dead_are_shared_by_those_who_are_left(world: World) -> None:
    keepers = [keeper(world) for _ in range(3)]
    await settle(keepers)
    dead, *left = keepers
    for _ in range(3):
        world.clock.now += TTL / 3
        await settle(left, 1)
    assert lanes_of(left) == ALL
    assert dead.lanes(LEDGER) == []
    rows = await world_rows(world, "SELECT holder FROM lease_members WHERE kind = 'ledger'")
    assert sorted(rows) == sorted(each.holder for each in left), "the dead are swept away"


async def test_a_clean_stop_hands_over_at_once(world: World) -> None:
    first, second = keeper(world), keeper(world)
    await settle([first, second])
    await first.release()
    assert first.lanes(LEDGER) == []
    await second.renew()
    assert sorted(second.lanes(LEDGER)) == ALL


async def test_who_slept_through_its_lease_works_nothing_before_it_asks_again(world: World) -> None:
    first, second = keeper(world), keeper(world)
    await first.renew()
    ((lane, epoch), *_) = first.epochs(LEDGER).items()
    assert first.holds(LEDGER, lane, epoch)
    world.clock.now += TTL
    assert first.lanes(LEDGER) == []
    assert not first.holds(LEDGER, lane, epoch)
    await second.renew()
    assert sorted(second.lanes(LEDGER)) == ALL
    await settle([first, second, first])
    assert not first.holds(LEDGER, lane, epoch), "under another epoch, if at all"


async def test_a_renewal_in_time_keeps_the_epoch_and_a_take_over_raises_it_above_all_others(world: World) -> None:
    first, second = keeper(world), keeper(world)
    await first.renew()
    assert set(first.epochs(RELAY).values()) == {1}
    for _ in range(5):
        world.clock.now += TTL / 3
        await first.renew()
    assert set(first.epochs(RELAY).values()) == {1}
    await second.renew()
    await first.renew()
    await second.renew()
    assert set(second.epochs(RELAY).values()) == {2}
    await second.release()
    await first.renew()
    assert set(first.epochs(RELAY).values()) == {1, 3}
    await first.release()
    fewer = keeper(world, lanes=3)
    await fewer.renew()
    assert min(fewer.epochs(RELAY).values()) > 3, "with fewer lanes a tenant's lane is another, and its epoch still higher"


async def test_a_tenant_belongs_to_the_holder_of_its_lane(world: World) -> None:
    keepers = [keeper(world) for _ in range(2)]
    await settle(keepers)
    for name in ("acme", "globex", "initech", "umbrella"):
        tenant = TenantId(name)
        (holder,) = [each for each in keepers if each.find_epoch(RELAY, tenant) is not None]
        assert lane_of(tenant, LANES) in holder.lanes(RELAY)


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
    with pytest.raises(ConnectionError):
        await each.renew()
    assert each.lanes(LEDGER) == []
    await each.renew()
    assert sorted(told) == sorted(KINDS)
    assert len(each.lanes(LEDGER)) == LANES


def test_a_share_keeps_what_is_ours_and_takes_what_is_free() -> None:
    assert share_out(4, ["a", "b"], "a", {0: "a", 3: "b"}) == Share([0], [], [1], is_short=False)
    assert share_out(4, ["a", "b"], "b", {0: "a", 1: "a", 2: "a", 3: "b"}) == Share([3], [], [], is_short=True)
    assert share_out(4, ["a", "b"], "a", {0: "a", 1: "a", 2: "a", 3: "b"}) == Share([0, 1], [2], [], is_short=False)
    assert share_out(1, ["a", "b"], "b", {0: "a"}) == Share([], [], [], is_short=False)


async def world_rows(world: World, sql: str) -> list[str]:
    async with world.db.work() as conn:
        return [next(iter(row.values())) for row in await conn.fetch(sql)]
