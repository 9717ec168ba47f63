"""How fast a webhook is durable, and how fast a customer's message is an event that subscribers can see."""

import asyncio
import time
from collections.abc import Iterator
from itertools import count
from typing import Any, TypeAlias

import asyncpg
import uvloop

from benchmarks import pace
from benchmarks.figures import Figure, Findings, Target, percentile
from benchmarks.options import Options
from benchmarks.pace import Pace
from benchmarks.rig import Rig
from benchmarks.server import Server
from benchmarks.tenants import APP, make_customers, make_ready, make_tenant, track
from benchmarks.traffic import MIXED, Webhook, message_webhook, status_webhook, wamid_of
from waystate.db.pool import Database
from waystate.messages.model import Status

RATE = 500
"""Webhooks a second: a customer's message of any type but a file's and the three statuses of one of ours, in turn."""
MESSAGES = 200
"""Customer messages a second, for the way to the event."""
CUSTOMERS = 10_000
POLL = 0.002
"""Seconds between two looks for new events: what the measured way to the event may be too long by."""
EVENT_TIMEOUT = 30.0
PATH = f"/webhooks/whatsapp/{APP.id}"

Raw: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    if not (options.wants("webhooks") or options.wants("latency")):
        return
    url = rig.make_waystate_database("webhooks")
    conversations = uvloop.run(_prepare(url))
    server = Server(rig, rig.make_folder("webhooks"), url, name="webhooks")
    if options.wants("webhooks"):
        findings.add(uvloop.run(_durable(server, url, conversations, options)))
    if options.wants("latency"):
        findings.add(uvloop.run(_enriched(server, url, options)))


async def _prepare(url: str) -> list[str]:
    db = await Database.open(url, pool_size=2)
    try:
        await make_ready(db)
        await make_tenant(db)
        return [str(each) for each in await make_customers(db, CUSTOMERS)]
    finally:
        await db.close()


async def _durable(server: Server, url: str, conversations: list[str], options: Options) -> Figure:
    db = await Database.open(url, pool_size=1)
    numbers = count(1)
    try:
        runs: list[Pace] = []
        for round_ in range(-1, options.rounds):
            seconds = options.warm_up if round_ < 0 else options.seconds
            wamids = [wamid_of("out", n) for n in (next(numbers) for _ in range(max(1, round(RATE * seconds / 4))))]
            await track(db, conversations, wamids, Status.SENT)
            run = await pace.run(server.port, PATH, list(_mixture(wamids, round_)), RATE)
            if round_ >= 0:
                runs.append(run)
            await asyncio.sleep(1)
    finally:
        await db.close()
    return _figure(
        "webhooks",
        f"webhook to durable 200 at {RATE} webhooks/s, mixed types, 3 statuses a message: p99",
        [percentile(run.latencies, 0.99) for run in runs],
        50,
        runs,
        f"p50 {percentile(runs[-1].latencies, 0.5) * 1000:.1f} ms",
    )


def _mixture(wamids: list[str], round_: int) -> Iterator[Webhook]:
    for n, wamid in enumerate(wamids):
        yield message_webhook(n, kind=f"w{round_}x", said=MIXED[n % len(MIXED)])
        for status in ("sent", "delivered", "read"):
            yield status_webhook(wamid, status)


async def _enriched(server: Server, url: str, options: Options) -> Figure:
    raw = await asyncpg.connect(url)
    try:
        runs: list[Pace] = []
        latencies: list[list[float]] = []
        for round_ in range(-1, options.rounds):
            seconds = options.warm_up if round_ < 0 else options.seconds
            bodies = [message_webhook(n, kind=f"l{round_}x") for n in range(max(1, round(MESSAGES * seconds)))]
            watch = asyncio.create_task(_watch(raw, {each.wamid for each in bodies}))
            await asyncio.sleep(0.1)
            run = await pace.run(server.port, PATH, bodies, MESSAGES)
            seen = await watch
            if round_ >= 0:
                runs.append(run)
                latencies.append([seen.get(wamid, due + EVENT_TIMEOUT) - due for wamid, due in run.due_at.items()])
    finally:
        await raw.close()
    return _figure(
        "latency",
        f"inbound webhook to enriched event at {MESSAGES} msg/s: p95",
        [percentile(each, 0.95) for each in latencies],
        100,
        runs,
        f"p50 {percentile(latencies[-1], 0.5) * 1000:.1f} ms, p99 {percentile(latencies[-1], 0.99) * 1000:.1f} ms; "
        f"seen by asking for new events every {POLL * 1000:.0f} ms",
    )


async def _watch(raw: Raw, wanted: set[str]) -> dict[str, float]:
    """wamid → when its event was first seen."""
    position = await raw.fetchval("SELECT coalesce(max(position), 0) FROM events WHERE tenant_id = 'bench'")
    seen: dict[str, float] = {}
    deadline = time.perf_counter() + 60 + EVENT_TIMEOUT
    query = (
        "SELECT position, data->>'wamid' AS wamid FROM events "
        "WHERE tenant_id = 'bench' AND position > $1 ORDER BY position LIMIT 500"
    )
    while wanted - seen.keys() and time.perf_counter() < deadline:
        rows: list[Any] = await raw.fetch(query, position)
        now = time.perf_counter()
        for row in rows:
            position = row["position"]
            if row["wamid"] in wanted:
                seen[row["wamid"]] = now
        await asyncio.sleep(POLL)
    return seen


def _figure(topic: str, name: str, seconds: list[float], goal: float, runs: list[Pace], note: str) -> Figure:
    refused = sum(run.refused for run in runs)
    lagging = next((run for run in runs if not run.kept_up), None)
    problems = [f"{refused} answers not 200"] if refused else []
    problems += [lagging.note] if lagging is not None else []
    return Figure(
        topic=topic,
        name=name,
        unit="ms",
        ours=tuple(each * 1000 for each in seconds),
        target=Target(goal, of="value", less_is_better=True),
        invalid="; ".join(problems),
        notes=(note, runs[-1].note),
    )
