"""R1 and R2: several processes of each role on one backlog, over webhooks and over the queue, killed again and again."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from tests.faults.harness_fleet import FleetRun, fleet_run
from tests.faults.harness_load import lay_up, make_load
from tests.faults.harness_record import Record
from tests.faults.harness_roles import RoleProcess
from tests.servers.rabbitmq import RabbitMQ

ROLES = {"api": 1, "work": 4, "relay": 2, "timers": 1}
NUMBERS = 8
_LOOK = 0.02
_LONGEST_WAIT = 120.0


async def test_nothing_is_lost_doubled_or_out_of_order_when_processes_of_a_fleet_are_killed(
    records: list[Record], shared_broker: RabbitMQ
) -> None:
    roles, pace = {"work": 2, "relay": 1}, {"agent_reply_share": 0.0}
    async with fleet_run("fleet-kills", 11, records, roles=roles, shared=shared_broker, pace=pace) as run:
        await lay_up(run, make_load(run, webhooks=400, queued=400, customers=80))
        await worked(run, kills=3, victims=("work", "relay"))


@pytest.mark.faults
async def test_r1_a_backlog_of_a_hundred_thousand_outlives_two_hundred_kills(records: list[Record]) -> None:
    """Others deliver here: what is measured are the pipelines, on eight numbers, so that all four workers have lanes."""
    seconds: dict[int, float] = {}
    for kills in (0, 200):
        name = "R1-backlog" if kills else "R1-undisturbed"
        async with fleet_run(name, 1, records, roles=ROLES, who_sends="external", numbers=NUMBERS) as run:
            load = make_load(run, webhooks=50_000, queued=50_000, customers=1000, numbers=NUMBERS)
            await lay_up(run, load)
            seconds[kills] = await worked(run, kills=kills, victims=("work",))
            if kills:
                run.record.figures["times the undisturbed run"] = round(seconds[kills] / seconds[0], 2)


@pytest.mark.faults
async def test_r2_relay_and_deliveries_give_out_every_event_through_sixty_kills(records: list[Record]) -> None:
    seconds: dict[int, float] = {}
    pace = {"agent_reply_share": 0.1}
    for kills in (0, 60):
        name = "R2-deliveries" if kills else "R2-undisturbed"
        async with fleet_run(name, 2, records, roles=ROLES, pace=pace) as run:
            await lay_up(run, make_load(run, webhooks=10_000, queued=10_000, customers=1000))
            seconds[kills] = await worked(run, kills=kills, victims=("work", "relay"))
            if kills:
                run.record.figures["times the undisturbed run"] = round(seconds[kills] / seconds[0], 2)


async def worked(run: FleetRun, *, kills: int, victims: Sequence[str]) -> float:
    """The backlog from the first process's start to the last message's end; the kills are due at shares of the work."""
    started = time.monotonic()
    async with run.watched():
        await run.fleet.run()
        ready = time.monotonic()
        await kill_while_working(run, kills, victims)
        await run.drained(120 + len(run.written) / 50 + kills * 3)
        done = time.monotonic()
    findings = await run.find()
    run.record.figures |= {
        "seconds to work it": round(done - started, 1),
        "seconds of that to start everything": round(ready - started, 1),
        "kills": len(run.record.strikes),
        "longest standstill in seconds": run.standstill(),
    }
    assert findings.problems == [], run.evidence()
    return done - started


async def kill_while_working(run: FleetRun, kills: int, victims: Sequence[str]) -> None:
    """The victims in turn; nobody waits for one to be back before the next is due, only before it is killed again."""
    expected = await expected_progress(run)
    members = [member for role in victims for member in run.fleet.of(role)]
    shares = sorted(round(0.02 + 0.9 * (place + run.random.random()) / kills, 4) for place in range(kills))
    order = [members[index % len(members)] for index in range(kills)]
    run.record.schedule = [(share, member.name) for share, member in zip(shares, order, strict=True)]
    under_way: dict[str, asyncio.Task[None]] = {}
    try:
        for share, member in zip(shares, order, strict=True):
            await reached(run, share * expected)
            if member.name in under_way:
                await under_way[member.name]
            under_way[member.name] = asyncio.create_task(strike(run, member))
        await asyncio.gather(*under_way.values())
    finally:
        for task in under_way.values():
            task.cancel()


async def strike(run: FleetRun, member: RoleProcess) -> None:
    run.record.strikes.append(await run.fleet.kill(member, run.record.seconds()))


async def expected_progress(run: FleetRun) -> float:
    """Ledger rows, and for each message its event at `head` and at each sink's cursor, and its delivery."""
    messages = len(run.written)
    async with run.database() as connection:
        rows = int(await connection.fetchval("SELECT count(*) FROM webhook_ledger"))
    return rows + messages * (4 if run.delivers else 3)


async def reached(run: FleetRun, wanted: float) -> None:
    """The last kills may find nothing left to do: what was due by then is killed all the same."""
    deadline = time.monotonic() + _LONGEST_WAIT
    while not run.journal or run.journal[-1][1] < wanted:
        assert time.monotonic() < deadline, f"stuck at {run.journal[-1:]} on the way to {wanted:.0f}; {run.evidence()}"
        await asyncio.sleep(_LOOK)
