"""Numbers are added, moved between tenants and removed while customers write to them, at three processes: nothing is lost."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest

from tests.acceptance.served import free_port, served
from tests.databases import Databases
from tests.faults.harness import chosen_seed
from tests.faults.harness_directory import Changes, FarSide, Told, Traffic, account_for, drained, far_side
from tests.faults.harness_record import Record
from waystate.db.pool import Database

PROCESSES = 3


async def test_nothing_is_lost_while_numbers_come_move_and_go(
    records: list[Record], databases: Databases, tmp_path: Path
) -> None:
    await changed_under_traffic(Record("directory", 21), records, databases, tmp_path, changes=40, every=0.02)


@pytest.mark.faults
async def test_nothing_is_lost_while_two_hundred_numbers_come_move_and_go(
    records: list[Record], databases: Databases, tmp_path: Path
) -> None:
    await changed_under_traffic(Record("directory-long", 22), records, databases, tmp_path, changes=500, every=0.01)


async def changed_under_traffic(
    record: Record, records: list[Record], databases: Databases, tmp_path: Path, *, changes: int, every: float
) -> None:
    records.append(record)
    random = Random(chosen_seed(record.seed))
    with databases.fresh() as url:
        async with AsyncExitStack() as stack:
            far = await stack.enter_async_context(far_side(free_port()))
            db = await Database.open(url, pool_size=2)
            stack.push_async_callback(db.close)
            directory = Changes(db, far.address, random)
            await directory.make_tenants()
            addresses = [
                stack.enter_context(served(url, _home(tmp_path, n), free_port(), DB_POOL_SIZE="5")) for n in range(PROCESSES)
            ]
            told, traffic = await _run(url, directory, Traffic(addresses, directory, random), far, changes, every)
    record.figures |= {
        "seconds": record.seconds(),
        **directory.done,
        "messages": len(traffic.sent),
        "at Genesys": told.delivered,
        "rejected, their number nobody's": told.rejected,
        "failed, with a dead letter": told.failed,
        "refused at the door": dict(traffic.refused),
        "lost": len(told.lost),
        "doubled": len(told.doubled),
        "rejected though their number is somebody's": len(told.stranded),
    }
    record.is_complete = True
    assert (told.lost, told.doubled, told.stranded, dict(traffic.refused)) == ([], [], [], {}), record.figures
    assert told.delivered > len(traffic.sent) / 2, record.figures
    assert directory.done["moved"] > 0
    assert directory.done["removed"] > 0


async def _run(
    url: str, directory: Changes, traffic: Traffic, far: FarSide, changes: int, every: float
) -> tuple[Told, Traffic]:
    over = asyncio.Event()
    flows = [asyncio.create_task(traffic.flow(every * PROCESSES, over.is_set)) for _ in range(PROCESSES)]
    for _ in range(changes):
        await directory.step()
        await asyncio.sleep(4 * every)
    over.set()
    await asyncio.gather(*flows)
    await drained(url, 60)
    return await account_for(url, traffic.sent, far, directory.home_of), traffic


def _home(folder: Path, number: int) -> Path:
    home = folder / f"process-{number}"
    home.mkdir()
    return home
