"""What messages that are planned for next week cost until then."""

import time
from datetime import timedelta
from typing import Any

import asyncpg
import psutil  # type: ignore[import-untyped]
import uvloop

from benchmarks.figures import Figure, Findings, Target
from benchmarks.footprint import processor_seconds
from benchmarks.options import Options
from benchmarks.rig import Rig
from benchmarks.server import Server
from benchmarks.tenants import BENCH, NUMBER, make_customers, make_ready, make_tenant
from benchmarks.traffic import text_of
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.ids import new_id
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedMessage

PLANNED = 100_000
CUSTOMERS = 1_000
BATCH = 1_000
AHEAD = timedelta(days=7)
SETTLE = 5.0
"""Seconds after the start, and after the messages were planned, until anything is measured."""


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    """One `serve`, without work, before and after there is anything planned."""
    if not options.wants("planned"):
        return
    url = rig.make_waystate_database("planned")
    uvloop.run(_prepare(url))
    server = Server(rig, rig.make_folder("planned"), url, name="planned")
    without = [_idle(rig, server, options.seconds) for _ in range(options.rounds)]
    uvloop.run(_plan(url))
    having = [_idle(rig, server, options.seconds) for _ in range(options.rounds)]
    for name, place in (("Waystate", 0), ("PostgreSQL", 1)):
        ours, theirs = tuple(each[place] for each in having), tuple(each[place] for each in without)
        findings.add(
            Figure(
                topic="planned",
                name=f"{PLANNED:,} messages planned for next week, at rest: processor time of {name}",
                unit="% of a core",
                ours=ours,
                theirs=theirs,
                other="none planned",
                target=Target(1, of="value", less_is_better=True) if name == "Waystate" else None,
            )
        )


async def _prepare(url: str) -> None:
    db = await Database.open(url, pool_size=2)
    try:
        await make_ready(db)
        await make_tenant(db)
        await make_customers(db, CUSTOMERS)
    finally:
        await db.close()


async def _plan(url: str) -> None:
    raw = await asyncpg.connect(url)
    contacts: list[Any] = [row["contact_id"] for row in await raw.fetch("SELECT contact_id FROM conversations")]
    now = utc_now()
    db = await Database.open(url, pool_size=1)
    for start in range(0, PLANNED, BATCH):
        rows = [_planned(contacts[n % len(contacts)], n, now) for n in range(start, start + BATCH)]
        async with db.tenant(BENCH) as conn:
            await planned_store.insert_many(conn, BENCH, rows)
    await db.close()
    await raw.execute("VACUUM ANALYZE planned_messages")
    await raw.close()


def _planned(contact: Any, n: int, now: Any) -> PlannedMessage:
    at = now + AHEAD + timedelta(seconds=n % 3600)
    return PlannedMessage(
        id=new_id(),
        contact_id=contact,
        phone_number_id=NUMBER,
        send_at=at,
        due_at=at,
        expires_at=at + AHEAD,
        request={"type": "text", "content": {"body": text_of(n)}, "text": text_of(n), "metadata": {}},
        actor_kind="operator",
        created_at=now,
    )


def _idle(rig: Rig, server: Server, seconds: float) -> tuple[float, float]:
    """Per cent of a core, of Waystate and of PostgreSQL."""
    time.sleep(SETTLE)
    before, started = _spent(rig, server), time.perf_counter()
    time.sleep(seconds)
    took, after = time.perf_counter() - started, _spent(rig, server)
    return 100 * (after[0] - before[0]) / took, 100 * (after[1] - before[1]) / took


def _spent(rig: Rig, server: Server) -> tuple[float, float]:
    assert psutil.pid_exists(server.process.pid), rig.last_words("planned")
    return processor_seconds(server.process.pid), processor_seconds(rig.postgres_pid)
