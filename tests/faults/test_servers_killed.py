"""R3, R4 and R5: RabbitMQ, PostgreSQL and Redis die under load, one kind a run; Waystate's own processes live through it."""

import subprocess
import sys

import pytest

from tests.databases import find_memory, temporary_home
from tests.faults.harness import ROOT
from tests.faults.harness_fleet import FleetRun, fleet_run
from tests.faults.harness_lookups import Lookups
from tests.faults.harness_processes import clean_environment, free_port
from tests.faults.harness_record import Record
from tests.faults.harness_strikes import RECOVERY, carry_out, schedule
from tests.faults.harness_tenant import SETTINGS
from tests.faults.harness_traffic import figures_of, written_meanwhile
from waystate.db import migrate
from waystate.db.embedded import EmbeddedPostgres

ROLES = {"api": 1, "work": 2, "relay": 1, "timers": 1}


@pytest.mark.faults
async def test_r3_rabbitmq_is_killed_twenty_times_at_full_rate(records: list[Record]) -> None:
    async with fleet_run("R3-rabbitmq", 3, records, roles=ROLES, who_sends="external") as run:
        await struck(run, ("rabbitmq", "SIGKILL"), times=20, away=2.0, customers=1000, pause=0.0)


@pytest.mark.faults
async def test_r4_postgres_crashes_twenty_times_under_load(records: list[Record]) -> None:
    async with fleet_run("R4-postgres", 4, records, roles=ROLES, pace={"agent_reply_share": 0.2}) as run:
        await struck(run, ("postgres", "stop immediate"), times=20, away=6.0, customers=200, pause=2.0, rate=20)


@pytest.mark.faults
@pytest.mark.parametrize("how", ["SIGKILL", "flush"])
async def test_r5_redis_is_killed_or_emptied_twenty_times_under_load(records: list[Record], how: str) -> None:
    servers = ("rabbitmq", "redis")
    async with fleet_run(f"R5-redis-{how}", 5, records, roles=ROLES, servers=servers, pace={"agent_reply_share": 0.2}) as run:
        async with Lookups.under_way(run) as lookups:
            await struck(run, ("redis", how), times=20, away=3.0, customers=200, pause=2.0, rate=20)
        run.record.figures |= lookups.figures()
        assert lookups.mixed_up == [], run.evidence()


async def struck(
    run: FleetRun, kind: tuple[str, str], *, times: int, away: float, customers: int, pause: float, rate: float = 0.0
) -> list[float]:
    """Customers who write over the queue as fast as it confirms (or pause in between), others over webhooks at `rate`."""
    async with run.watched():
        await run.fleet.run()
        if rate:
            await run.control("POST", "/load", {"customers": customers // 2, "rate": rate})
        before = run.fleet.pids
        async with written_meanwhile(run, customers=customers, pause=pause):
            blows = schedule(run.random, {kind: away}, times, pause=(1.0, 2.0))
            recoveries = await carry_out(run, blows)
        await run.control("DELETE", "/load")
        stopped = run.record.seconds()
        state = await run.drained(300)
    findings = await run.find()
    assert run.sender is not None
    run.record.figures |= {
        "times": times,
        **figures_of(run, state, recoveries),
        "seconds to drain": round(run.record.seconds() - stopped, 1),
    }
    assert run.fleet.pids == before, f"a process of ours ended: {run.fleet.exits}; {run.evidence()}"
    assert max(recoveries) < RECOVERY[kind[0]]
    assert findings.problems == [], run.evidence()
    return recoveries


@pytest.mark.parametrize("is_embedded", [True, False], ids=["embedded", "external"])
def test_r4_a_start_on_a_postgres_that_may_forget_is_refused(is_embedded: bool) -> None:
    with temporary_home(find_memory()) as home:
        postgres = EmbeddedPostgres(home)
        postgres.root.mkdir()
        (postgres.root / "settings.conf").write_text("fsync = off\n")
        url = postgres.start()
        try:
            migrate.upgrade(url)
            settings = SETTINGS | {"WAYSTATE_HOME": str(home), "PORT": str(free_port())}
            given = settings if is_embedded else settings | {"DATABASE_URL": url}
            command = [sys.executable, "-m", "waystate", "serve" if is_embedded else "work"]
            done = subprocess.run(
                command, env=clean_environment(given.items()), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
            )
        finally:
            postgres.stop("immediate")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "fsync = off: a crash would lose what was acknowledged" in done.stderr
