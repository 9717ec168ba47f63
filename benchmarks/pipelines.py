"""Each kind of item, 500 a batch on one connection, against COPY of the very rows it wrote, in turn."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import asyncpg
import uvloop

from benchmarks import crowd
from benchmarks.copying import Copier, take_rows
from benchmarks.figures import Figure, Findings, Target
from benchmarks.options import Options
from benchmarks.rig import Rig
from benchmarks.tenants import BENCH, bench_vault, make_customers, make_ready, make_tenant, track
from benchmarks.traffic import Inbound, outbound, reports, wamid_of
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.ids import id_floor
from waystate.messages.model import Status
from waystate.pipeline.batch import Taken
from waystate.pipeline.run import Runner
from waystate.tenants.routing import Directory
from waystate.web.metrics import Metrics

BATCH = 500
LANES = 64
CUSTOMERS = 1_000
AGAINST_COPY = Target(0.5, 0.25)

_NEW = {
    "contacts": "id",
    "contact_identities": "contact_id",
    "conversations": "id",
    "message_keys": "message_id",
    "messages": "id",
    "message_events": "id",
    "events": "id",
}
"""Table → the column that tells when a row was made."""

Work = Callable[[], Awaitable[Callable[[], Awaitable[Any]]]]
"""Makes the next batch, untimed, and gives what is timed."""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    work: Work
    tables: tuple[str, ...]
    """What the pipeline inserts into: the rows that are copied."""


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    if options.wants("pipelines"):
        findings.add(*uvloop.run(_pipelines(rig, options)))
    if options.wants("tenants"):
        findings.add(*uvloop.run(crowd.measure(rig, options)))


async def _pipelines(rig: Rig, options: Options) -> list[Figure]:
    url = rig.make_waystate_database("pipelines")
    db = await Database.open(url, pool_size=1)
    raw = await asyncpg.connect(url)
    try:
        await make_ready(db)
        await make_tenant(db)
        conversations = [str(each) for each in await make_customers(db, CUSTOMERS)]
        figures = [await _figure(case, db, raw, options) for case in _cases(db, conversations)]
    finally:
        await raw.close()
        await db.close()
    return figures


def _cases(db: Database, conversations: list[str]) -> list[Case]:
    written = ("message_keys", "messages", "events")
    return [
        Case("inbound, 1,000 known customers", _inbound(db, CUSTOMERS), written),
        Case("inbound, every customer new", _inbound(db, None), ("contacts", "contact_identities", "conversations", *written)),
        Case("outbound", _outbound(db, conversations), written),
        Case("status", _status(db, conversations), ("message_events", "events")),
    ]


async def _figure(case: Case, db: Database, raw: "asyncpg.Connection[asyncpg.Record]", options: Options) -> Figure:
    seconds = options.seconds / 2
    await _rate(case.work, options.warm_up)
    await raw.execute("ANALYZE")
    copier = await _copier(case, raw)
    ours: list[float] = []
    theirs: list[float] = []
    for round_ in range(-1, options.rounds):
        rates = await _rate(case.work, seconds), await copier.run(BATCH, seconds)
        if round_ >= 0:
            ours.append(rates[0])
            theirs.append(rates[1])
    return Figure(
        topic="pipelines",
        name=f"pipeline {case.name}",
        unit="msg/s",
        ours=tuple(ours),
        theirs=tuple(theirs),
        other="COPY",
        target=AGAINST_COPY,
        notes=(f"COPY of {', '.join(case.tables)}",),
    )


async def _rate(work: Work, seconds: float) -> float:
    done, elapsed = 0, 0.0
    while elapsed < seconds:
        batch = await work()
        started = time.perf_counter()
        await batch()
        elapsed += time.perf_counter() - started
        done += BATCH
    return done / elapsed


async def _copier(case: Case, raw: "asyncpg.Connection[asyncpg.Record]") -> Copier:
    """The rows that one more batch writes: they are newer than everything before it, and their ids say so."""
    batch = await case.work()
    await asyncio.sleep(0.005)
    floor = id_floor(utc_now())
    await batch()
    return Copier(raw, [await take_rows(raw, table, f"{_NEW[table]} >= '{floor}'") for table in case.tables])


async def _run(db: Database, items: Sequence[Any]) -> Callable[[], Awaitable[Any]]:
    """As every door runs them."""
    runner = Runner(db, Metrics(), lambda *_: None, utc_now, lanes=LANES)
    view = await Directory(db, bench_vault()).get_tenant(BENCH)
    taken = [Taken(each, utc_now(), each.origin) for each in items]
    return lambda: runner.run(BENCH, view, taken)


def _inbound(db: Database, customers: int | None) -> Work:
    source = Inbound(customers)

    async def work() -> Callable[[], Awaitable[Any]]:
        messages = source.batch(BATCH)
        return await _run(db, messages)

    return work


def _outbound(db: Database, conversations: list[str]) -> Work:
    numbers = count()

    async def work() -> Callable[[], Awaitable[Any]]:
        messages = outbound(conversations, numbers, BATCH)
        return await _run(db, messages)

    return work


def _status(db: Database, conversations: list[str]) -> Work:
    """Messages are tracked first, untimed; each becomes delivered, then read."""
    numbers = count()
    waiting: list[tuple[list[str], str]] = []

    async def work() -> Callable[[], Awaitable[Any]]:
        if not waiting:
            wamids = [wamid_of("st", next(numbers)) for _ in range(BATCH)]
            await track(db, conversations, wamids, Status.SENT)
            waiting.extend([(wamids, "delivered"), (wamids, "read")])
        wamids, status = waiting.pop(0)
        batch = reports(wamids, status)
        return await _run(db, batch)

    return work
