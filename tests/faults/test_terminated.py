"""R14: processes are told to end under load; each ends by itself, soon, and leaves nothing half done behind."""

import pytest

from tests.faults.harness_fleet import FleetRun, fleet_run
from tests.faults.harness_record import Record
from tests.faults.harness_roles import STOP
from tests.faults.harness_traffic import written_meanwhile
from tests.servers.rabbitmq import RabbitMQ

_INTERRUPTED = "SELECT count(*) FROM delivery_attempts WHERE error->>'code' = 'interrupted'"
_TAKEN_AGAIN = "SELECT count(*) FROM webhook_ledger WHERE attempts > 1"


async def test_processes_that_are_told_to_end_leave_nothing_half_done(records: list[Record], shared_broker: RabbitMQ) -> None:
    roles, pace = {"work": 1, "relay": 1}, {"agent_reply_share": 0.0}
    async with fleet_run("terminated", 14, records, roles=roles, shared=shared_broker, pace=pace) as run:
        await terminated(run, times=2, customers=30, rate=30)


@pytest.mark.faults
async def test_r14_a_hundred_ends_under_load(records: list[Record], shared_broker: RabbitMQ) -> None:
    roles = {"api": 2, "work": 2, "relay": 2, "timers": 2}
    async with fleet_run("R14-terminated", 140, records, roles=roles, shared=shared_broker) as run:
        await terminated(run, times=100, customers=100, rate=40)


async def terminated(run: FleetRun, *, times: int, customers: int, rate: float) -> None:
    slowest = 0.0
    async with run.watched():
        await run.fleet.run()
        if run.fleet.of("api"):
            await run.control("POST", "/load", {"customers": customers, "rate": rate})
        async with written_meanwhile(run, customers=customers, pause=customers / rate):
            order = [member for _ in range(times) for member in run.random.sample(run.fleet.members, len(run.fleet.members))]
            run.record.schedule = [member.name for member in order[:times]]
            for member in order[:times]:
                strike, seconds = await run.fleet.terminate(member, run.record.seconds())
                run.record.strikes.append(strike)
                slowest = max(slowest, seconds)
        await run.control("DELETE", "/load")
        await run.drained(120)
    findings = await run.find()
    async with run.database() as connection:
        interrupted, taken_again = [int(await connection.fetchval(query)) for query in (_INTERRUPTED, _TAKEN_AGAIN)]
    run.record.figures |= {
        "SIGTERMs": times,
        "slowest end in seconds": round(slowest, 2),
        "calls to a platform that an end interrupted": interrupted,
        "ledger rows taken again": taken_again,
        "longest standstill in seconds": run.standstill(),
    }
    assert {strike.status for strike in run.record.strikes} == {0}, run.evidence()
    assert slowest <= STOP
    assert findings.problems == [], run.evidence()
    redone = {name: findings.counts[name] for name in ("repeats at Genesys", "sends unknown", "events published again")}
    assert redone == dict.fromkeys(redone, 0), run.evidence()
    assert (interrupted, taken_again) == (0, 0), run.evidence()
