"""500 messages of 500 tenants at once: the worst mixture for batches that are one tenant's each."""

import time

from benchmarks.figures import Figure, Target, percentile
from benchmarks.options import Options
from benchmarks.rig import Rig
from benchmarks.tenants import APP, bench_vault, make_ready, make_tenant
from benchmarks.traffic import message_webhook
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.ids import TenantId, new_id
from waystate.ledger import store as ledger_store
from waystate.ledger.model import Received
from waystate.pipeline.run import Runner
from waystate.tenants.routing import Directory
from waystate.web.metrics import Metrics
from waystate.webhooks.work import WebhookPipeline
from waystate.work.lanes import lane_of

TENANTS = 500
LANES = 64
POOL = 10
"""The default of DB_POOL_SIZE."""


async def measure(rig: Rig, options: Options) -> list[Figure]:
    db = await Database.open(rig.make_waystate_database("crowd"), pool_size=POOL)
    try:
        await make_ready(db)
        for n in range(TENANTS):
            await make_tenant(db, TenantId(f"tenant-{n}"), number_of(n))
        metrics = Metrics()
        directory = Directory(db, bench_vault())
        runner = Runner(db, metrics, lambda *_: None, utc_now, lanes=LANES)
        pipeline = WebhookPipeline(db, directory, runner, metrics, lanes=LANES)
        rates: list[float] = []
        slowest: list[float] = []
        for round_ in range(-1, options.rounds):
            elapsed = await _round(db, pipeline, options.seconds / 2, round_)
            if round_ >= 0:
                rates.append(TENANTS * len(elapsed) / sum(elapsed))
                slowest.append(percentile(elapsed, 0.95) * 1000)
    finally:
        await db.close()
    name = f"{TENANTS} messages of {TENANTS} tenants at once"
    return [
        Figure(topic="tenants", name=name, unit="msg/s", ours=tuple(rates), target=Target(1_000, of="value")),
        Figure(
            topic="tenants",
            name=f"{name}: p95 of a batch",
            unit="ms",
            ours=tuple(slowest),
            target=Target(500, of="value", less_is_better=True),
            notes=("from taking the ledger rows to their being settled",),
        ),
    ]


def number_of(n: int) -> str:
    return f"2000000000{n:05d}"


async def _round(db: Database, pipeline: WebhookPipeline, seconds: float, round_: int) -> list[float]:
    """How long each batch took, in seconds."""
    elapsed: list[float] = []
    while sum(elapsed) < seconds:
        await _receive(db, f"crowd{round_}x{len(elapsed)}")
        started = time.perf_counter()
        async with db.work() as conn:
            rows = await ledger_store.take_many(conn, list(range(LANES)), utc_now(), TENANTS)
        await pipeline.work(rows)
        elapsed.append(time.perf_counter() - started)
    return elapsed


async def _receive(db: Database, kind: str) -> None:
    now = utc_now()
    bodies = [(message_webhook(n, kind=kind, number=number_of(n)), number_of(n)) for n in range(TENANTS)]
    received = [
        Received(id=new_id(), source="whatsapp", origin=APP.id, lane=lane_of(number, LANES), received_at=now, body=each.body)
        for each, number in bodies
    ]
    async with db.ingest() as conn:
        await ledger_store.append_many(conn, received)
