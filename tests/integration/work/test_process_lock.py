"""Processes of one machine see one another's end, and need not wait for leases to lapse."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.world import World
from waystate.work import store as work_store
from waystate.work.leases import LEDGER, LeaseKeeper
from waystate.work.process_lock import ProcessLock

LANES = 4
TTL = timedelta(hours=1)
PROCESS = """
import sys, time
from pathlib import Path
from waystate.work.process_lock import ProcessLock
lock = ProcessLock(Path(sys.argv[1]), "other:1")
print("here", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"here\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def keeper(world: World, folder: Path) -> LeaseKeeper:
    return LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=TTL, kinds=[LEDGER], processes=folder, monotonic=lambda: 0.0)


def test_who_lives_is_not_dead_and_who_was_killed_is(tmp_path: Path, other: "subprocess.Popen[bytes]") -> None:
    me = ProcessLock(tmp_path, "me:1")
    assert me.find_dead() == []
    other.kill()
    other.wait()
    assert me.find_dead() == ["other:1"]
    me.forget(["other:1"])
    assert me.find_dead() == []
    me.leave()
    assert list(tmp_path.iterdir()) == []


async def test_lanes_of_a_killed_process_are_taken_over_before_they_lapse(
    world: World, tmp_path: Path, other: "subprocess.Popen[bytes]"
) -> None:
    async with world.db.work() as conn:
        await work_store.meet_members(conn, "other:1", [LEDGER], now=world.clock(), ttl=TTL)
        lanes = [(LEDGER, lane) for lane in range(LANES)]
        before = await work_store.acquire_leases(conn, "other:1", lanes, now=world.clock(), ttl=TTL)
    ours = keeper(world, tmp_path)
    await ours.renew()
    assert (await ours.free_the_dead(), ours.lanes(LEDGER)) == (False, [])
    other.kill()
    other.wait()
    assert await ours.free_the_dead()
    await ours.renew()
    assert ours.epochs(LEDGER) == {lane: before[LEDGER, lane] + 1 for lane in range(LANES)}, "and the dead one is fenced"
    assert not await ours.free_the_dead()


async def test_who_leaves_well_is_never_among_the_dead(world: World, tmp_path: Path) -> None:
    first, second = keeper(world, tmp_path), keeper(world, tmp_path)
    await first.renew()
    await first.release()
    assert not await second.free_the_dead()


async def test_a_folder_that_cannot_be_written_costs_only_time(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ours = keeper(world, tmp_path / "file" / "processes")
    await ours.renew()
    assert sorted(ours.lanes(LEDGER)) == list(range(LANES))
    assert not await ours.free_the_dead()
