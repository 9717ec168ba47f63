"""R6: whatever can be struck is struck, one thing after the other, in an order that the seed draws; the same zeros as ever."""

import math
import os

import pytest

from tests.faults.harness_fleet import FleetRun, Server, fleet_run
from tests.faults.harness_lookups import Lookups
from tests.faults.harness_record import Record
from tests.faults.harness_strikes import Blow, carry_out, schedule
from tests.faults.harness_traffic import figures_of, written_meanwhile

ROLES = {"api": 1, "work": 2, "relay": 2, "timers": 1}
SERVERS: tuple[Server, ...] = ("rabbitmq", "redis")
LINES: tuple[Server, ...] = ("postgres", "rabbitmq", "redis")

QUICK = {
    ("postgres", "cut"): 0.0,
    ("postgres", "stop immediate"): 0.5,
    ("rabbitmq", "cut"): 0.0,
    ("rabbitmq", "lost answers"): 0.3,
    ("redis", "flush"): 0.0,
    ("redis", "SIGKILL"): 0.5,
}
"""What costs hardly any time; each with how many seconds it may last."""
EVERYTHING = QUICK | {
    ("api", "SIGKILL"): 0.0,
    ("work", "SIGKILL"): 0.0,
    ("relay", "SIGKILL"): 0.0,
    ("timers", "SIGKILL"): 0.0,
    ("work", "SIGTERM"): 0.0,
    ("relay", "SIGTERM"): 0.0,
    ("work", "SIGSTOP"): 4.0,
    ("relay", "SIGSTOP"): 4.0,
    ("rabbitmq", "SIGKILL"): 3.0,
    ("postgres", "stop immediate"): 5.0,
    ("redis", "cut"): 0.0,
    ("postgres", "black hole"): 2.0,
    ("rabbitmq", "black hole"): 2.0,
    ("redis", "black hole"): 2.0,
    ("postgres", "lost answers"): 0.5,
    ("rabbitmq", "lost answers"): 0.5,
    ("postgres", "latency"): 3.0,
    ("rabbitmq", "latency"): 3.0,
}
MINUTES = float(os.environ.get("FAULTS_MINUTES") or 30)
"""Of R6 in `make faults`."""
_MOST = 30
"""Blows a minute; fewer come to it, because each is waited out."""


async def test_nothing_is_lost_whatever_is_struck(records: list[Record]) -> None:
    roles = {"api": 1, "work": 1, "relay": 1}
    async with fleet_run("at-random", 6, records, roles=roles, servers=SERVERS, through=LINES) as run:
        blows = schedule(run.random, QUICK, len(QUICK), pause=(0.2, 0.8))
        await battered(run, blows, customers=30, rate=10)


@pytest.mark.faults
async def test_r6_nothing_is_lost_whatever_is_struck_for_minutes(records: list[Record]) -> None:
    async with fleet_run("R6-at-random", 66, records, roles=ROLES, servers=SERVERS, through=LINES) as run:
        blows = schedule(run.random, EVERYTHING, round(MINUTES * _MOST), pause=(1.0, 4.0))
        async with Lookups.under_way(run, strict=False) as lookups:
            await battered(run, blows, customers=100, rate=20, seconds=MINUTES * 60)
        run.record.figures |= lookups.figures()
        assert lookups.mixed_up == [], run.evidence()


async def battered(run: FleetRun, blows: list[Blow], *, customers: int, rate: float, seconds: float = math.inf) -> None:
    """Customers of the simulator over webhooks, whom agents answer, and others over the queue."""
    async with run.watched():
        await run.fleet.run()
        await run.control("POST", "/load", {"customers": customers, "rate": rate})
        async with written_meanwhile(run, customers=customers, pause=customers / rate):
            recoveries = await carry_out(run, blows, seconds=seconds)
        await run.control("DELETE", "/load")
        stopped = run.record.seconds()
        state = await run.drained(300)
    findings = await run.find()
    assert run.sender is not None
    run.record.figures |= {
        "blows": len(recoveries),
        **figures_of(run, state, recoveries),
        "seconds to drain": round(run.record.seconds() - stopped, 1),
    }
    ended = {name: codes for name, codes in run.fleet.exits.items() if any(code not in (0, -9) for code in codes)}
    assert ended == {}, f"a process ended by itself; {run.evidence()}"
    assert findings.problems == [], run.evidence()
