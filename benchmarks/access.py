"""What authentication and row-level security cost a look-up: with both and without, in turn, on the same server."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import cycle

import psycopg
import uvloop

from benchmarks import wrk
from benchmarks.dataplane import CUSTOMERS
from benchmarks.figures import Figure, Findings, Target
from benchmarks.footprint import measure_processor
from benchmarks.machine import missing_programs
from benchmarks.options import Options
from benchmarks.rig import Rig
from benchmarks.server import Server
from benchmarks.tenants import BENCH, make_customers, make_ready, make_tenant, wa_id
from waystate.clock import utc_now
from waystate.contacts.model import Identity, IdentityKind
from waystate.conversations import store as conversation_store
from waystate.conversations.store import WantedConversation
from waystate.db.pool import Connection, Database
from waystate.keys import store as key_store

CONNECTIONS = 32
GOAL = Target(0.9)
MOST = Target(1.1, less_is_better=True)
SLICE = 0.25
"""Seconds that one side of the statement runs before the other has its turn."""

Transaction = Callable[[], AbstractAsyncContextManager[Connection]]


@dataclass(slots=True)
class Way:
    """To the same look-ups: where, and as whom."""

    name: str
    server: Server
    postgres: int
    key: str | None
    runs: list[wrk.Run] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)
    """Microseconds of processor a look-up, of the server and of PostgreSQL together."""

    def run(self, seconds: float) -> wrk.Run:
        environment = {} if self.key is None else {"KEY": self.key}
        return wrk.run("mapping", self.server.url, connections=CONNECTIONS, seconds=seconds, environment=environment)

    def measure(self, seconds: float) -> None:
        run, spent = measure_processor((self.server.process.pid, self.postgres), lambda: self.run(seconds))
        self.runs.append(run)
        self.spent.append(spent)


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    if not options.wants("access"):
        return
    guarded = rig.make_waystate_database("access")
    key = uvloop.run(_prepare(guarded))
    _analyse(guarded)
    findings.add(*uvloop.run(_statements(guarded, options)))
    if "wrk" in missing_programs():
        findings.skipped.append("access over HTTP: wrk is not installed (`make deps`)")
        return
    open_ = rig.make_waystate_database("access-open")
    uvloop.run(_prepare(open_))
    _analyse(open_)
    _take_security_off(open_)
    findings.add(*_look_ups(rig, guarded, open_, key, options))


def _look_ups(rig: Rig, guarded: str, open_: str, key: str, options: Options) -> list[Figure]:
    """As callers have them: most from the process's memory, and each customer read again every few seconds.

    A server for each way: on one that another way has just warmed up, everything would come from memory.
    """
    ours = _way("an API key, under row-level security", rig, guarded, "access", key)
    trusted = _way("trusted mode", rig, guarded, "access-trusted")
    neither = _way("trusted mode, no row-level security", rig, open_, "access-open")
    ways = (ours, trusted, neither)
    for way in ways:
        way.run(options.warm_up)
    for _ in range(options.rounds):
        for way in ways:
            way.measure(options.seconds)
    return [*_figures(ours, neither), *_figures(ours, trusted)]


def _way(name: str, rig: Rig, database: str, folder: str, key: str | None = None) -> Way:
    return Way(name, Server(rig, rig.make_folder(folder), database, folder), rig.postgres_pid, key)


def _figures(ours: Way, theirs: Way) -> list[Figure]:
    problems = [f"{way.name}: {run.problem}" for way in (ours, theirs) for run in way.runs if run.problem]
    name, invalid = f"GET /state/mapping with {ours.name}, {CONNECTIONS} connections", "; ".join(problems[:2])
    return [
        Figure(
            topic="access",
            name=name,
            unit="req/s",
            ours=tuple(run.per_second for run in ours.runs),
            theirs=tuple(run.per_second for run in theirs.runs),
            other=theirs.name,
            target=GOAL,
            invalid=invalid,
        ),
        Figure(
            topic="access",
            name=f"{name}: processor time, PostgreSQL's included",
            unit="µs",
            ours=tuple(ours.spent),
            theirs=tuple(theirs.spent),
            other=theirs.name,
            target=MOST,
            invalid=invalid,
        ),
    ]


async def _statements(url: str, options: Options) -> list[Figure]:
    """A pool for each side: a prepared statement is planned anew when the role changes."""
    ours, theirs = [await Database.open(url, pool_size=1) for _ in range(2)]
    try:
        return [await _statement(lambda: ours.tenant(BENCH), theirs.login, size, options) for size in (1, CONNECTIONS)]
    finally:
        await ours.close()
        await theirs.close()


async def _statement(ours: Transaction, theirs: Transaction, size: int, options: Options) -> Figure:
    """The statement behind a look-up that the process does not remember, in a transaction of its own."""
    everyone = [WantedConversation(Identity(IdentityKind.WA_ID, wa_id(n))) for n in range(CUSTOMERS)]
    batches = cycle([everyone[start : start + size] for start in range(0, CUSTOMERS - size, size)])
    rates: dict[Transaction, list[float]] = {ours: [], theirs: []}
    for round_ in range(-1, options.rounds):
        seconds = options.seconds if round_ >= 0 else options.warm_up
        found = await _in_turn(tuple(rates), batches.__next__, seconds)
        if round_ >= 0:
            for side, rate in found.items():
                rates[side].append(rate)
    return Figure(
        topic="access",
        name=f"reading {size} customers as the tenant's role, under row-level security",
        unit="reads/s",
        ours=tuple(rates[ours]),
        theirs=tuple(rates[theirs]),
        other="as the superuser",
        target=GOAL,
    )


async def _in_turn(
    sides: Sequence[Transaction], next_batch: Callable[[], Sequence[WantedConversation]], seconds: float
) -> dict[Transaction, float]:
    """Transactions a second of each side."""
    done, spent = dict.fromkeys(sides, 0), dict.fromkeys(sides, 0.0)
    while sum(spent.values()) < seconds * len(sides):
        for side in sides:
            started = time.perf_counter()
            while time.perf_counter() - started < SLICE:
                async with side() as conn:
                    found = await conversation_store.find_open_many(conn, BENCH, next_batch(), utc_now())
                assert None not in found
                done[side] += 1
            spent[side] += time.perf_counter() - started
            await asyncio.sleep(0)
    return {side: done[side] / spent[side] for side in sides}


async def _prepare(url: str) -> str:
    """An API key."""
    db = await Database.open(url, pool_size=2)
    await make_ready(db)
    await make_tenant(db)
    await make_customers(db, CUSTOMERS)
    async with db.tenant(BENCH) as conn:
        _, key = await key_store.create_key(conn, BENCH, "bench", utc_now())
    await db.close()
    return key


def _analyse(url: str) -> None:
    """A running server does it within seconds; before, the two sides would be planned by guesses that differ."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def _take_security_off(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("SELECT oid::regclass::text FROM pg_class WHERE relrowsecurity").fetchall()
        for (table,) in rows:
            connection.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY".encode())
