"""R4: PostgreSQL crashes under load and comes back: what was acknowledged is there, and no process of ours ends."""

import asyncio
import time

import httpx2
import pytest

from tests.faults.harness import Harness, harness
from tests.faults.harness_record import Record

RECOVERY = 15.0
"""Seconds in which webhooks must be taken again once PostgreSQL answers."""


async def test_nothing_acknowledged_is_missing_when_postgres_crashes_under_load(records: list[Record]) -> None:
    async with harness("database-away", 6, records) as run:
        await crashed(run, crashes=3, away=(0.5, 1.5), rate=30)


@pytest.mark.faults
async def test_nothing_acknowledged_is_missing_when_postgres_crashes_twenty_times(records: list[Record]) -> None:
    async with harness("database-away-twenty", 60, records) as run:
        await crashed(run, crashes=20, away=(0.5, 6.0), rate=40)


async def crashed(run: Harness, *, crashes: int, away: tuple[float, float], rate: float) -> None:
    """Customers of the simulator and signed webhooks of ours; PostgreSQL is stopped `immediate` for some seconds each time."""
    before = await run.serve.run()
    door = run.door()
    lines = list(run.authors(count=10, first=1000).of_each(8 * crashes))
    run.bodies += [body for line in lines for body in line]
    posting = asyncio.create_task(door.post_all(lines, pause=0.3))
    await run.control("POST", "/load", {"customers": 100, "rate": rate})
    slowest = 0.0
    for _ in range(crashes):
        await asyncio.sleep(run.random.uniform(1.0, 2.0))
        slowest = max(slowest, await crash(run, run.random.uniform(*away)))
    await run.control("DELETE", "/load")
    await asyncio.wait_for(posting, 60)
    state = await run.drained(120)

    findings = await run.find()
    run.record.figures |= {
        "crashes": crashes,
        "signed webhooks acknowledged": len(door.acknowledged),
        "answers other than 200": door.refused,
        "webhooks that Meta sent again": state["webhooks"]["whatsapp"]["retried"],
        "slowest recovery in seconds": round(slowest, 2),
    }
    assert run.serve.find_pids() == before, f"a process of ours ended; {run.evidence()}"
    assert set(door.refused) == {"503"}, f"{door.refused}; {run.evidence()}"
    assert slowest < RECOVERY
    assert findings.problems == [], run.evidence()


async def crash(run: Harness, seconds: float) -> float:
    """Stop PostgreSQL as a crash does, and start it again; how long until Waystate was ready again."""
    assert run.postgres is not None
    old = run.find_postmaster()
    await asyncio.to_thread(run.postgres.stop, "immediate")
    assert run.find_postmaster() is None
    async with httpx2.AsyncClient(base_url=run.serve.address, trust_env=False) as client:
        assert (await client.get("/health/ready")).status_code == 503
    await asyncio.sleep(seconds)
    await asyncio.to_thread(run.postgres.start)
    started = time.monotonic()
    run.record.schedule.append((f"postmaster {old} stopped for", round(seconds, 2), f"then {run.find_postmaster()}"))
    await run.serve.ready(RECOVERY)
    return time.monotonic() - started
