"""R0 over RabbitMQ: planted bugs that the harness must see, and the same deaths without a bug, where it must see nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import ROOT
from tests.faults.harness_findings import Findings
from tests.faults.harness_fleet import FleetRun, Server, fleet_run
from tests.faults.harness_load import lay_up, make_load
from tests.faults.harness_mutants import ACKNOWLEDGED_FIRST, NO_DEDUPE, NOT_MANDATORY, REDIS_FIRST, Mutant
from tests.faults.harness_queue import bind_tap, lines_of, unbind_all
from tests.faults.harness_record import Record
from tests.servers.rabbitmq import RabbitMQ

pytestmark = pytest.mark.mutants

LOST, DOUBLED, UNPUBLISHED = "inbound lost: no message row", "inbound doubled: several message rows", "events never published"

_WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation IN ('message_keys'::regclass, 'messages'::regclass)"


async def test_harness_sees_all_four_bugs_of_queues(records: list[Record], shared_broker: RabbitMQ, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as runs:
        acknowledged = runs.create_task(killed_in_mid_batch(records, shared_broker, ACKNOWLEDGED_FIRST, tmp_path / "1"))
        redis_first = runs.create_task(killed_in_mid_batch(records, shared_broker, REDIS_FIRST, tmp_path / "2"))
        doubled = runs.create_task(sent_twice(records, shared_broker, NO_DEDUPE, tmp_path / "3"))
        unroutable = runs.create_task(taken_by_nobody(records, shared_broker, NOT_MANDATORY, tmp_path / "4"))
    assert acknowledged.result().counts[LOST] > 0
    assert redis_first.result().counts[LOST] > 0
    assert (doubled.result().counts[DOUBLED] > 0, doubled.result().counts[LOST]) == (True, 0)
    assert unroutable.result().counts[UNPUBLISHED] > 0


@pytest.mark.faults
async def test_harness_sees_nothing_where_there_is_no_bug(records: list[Record], shared_broker: RabbitMQ) -> None:
    async with asyncio.TaskGroup() as runs:
        found = [runs.create_task(each(records, shared_broker)) for each in (killed_in_mid_batch, sent_twice, taken_by_nobody)]
    assert [each.result().problems for each in found] == [[], [], []]


async def killed_in_mid_batch(
    records: list[Record], broker: RabbitMQ, mutant: Mutant | None = None, folder: Path | None = None
) -> Findings:
    """A worker dies while its batch waits for a lock: whatever it told others before the commit was a lie."""
    async with bugged("killed-in-mid-batch", records, broker, mutant, folder, roles={"work": 1}) as run:
        await run.fleet.run()
        sender = run.sender
        assert sender is not None
        lines = lines_of(run.simulated, run.random, messages=60, count=20, first=0)
        async with run.database() as connection, connection.transaction():
            await connection.execute("LOCK TABLE message_keys, messages IN SHARE MODE")
            await sender.send_all(lines)
            async with asyncio.timeout(30):
                while not await connection.fetchval(_WAITS):  # noqa: ASYNC110 - a lock signals nobody
                    await asyncio.sleep(0.05)
            (worker,) = run.fleet.of("work")
            before, status, _ = await worker.kill()
            run.record.figures["killed"] = f"{worker.name}, pid {before}, status {status}"
        run.bodies += sender.confirmed
        await worker.ready()
        await run.drained(60)
        return await run.find()


async def sent_twice(
    records: list[Record], broker: RabbitMQ, mutant: Mutant | None = None, folder: Path | None = None
) -> Findings:
    """Copies come in other batches than their originals."""
    async with bugged("sent-twice", records, broker, mutant, folder, roles={"work": 1}, WORKER_BATCH="3") as run:
        await lay_up(run, make_load(run, webhooks=0, queued=200, customers=20))
        await run.fleet.run()
        await run.drained(60)
        return await run.find()


async def taken_by_nobody(
    records: list[Record], broker: RabbitMQ, mutant: Mutant | None = None, folder: Path | None = None
) -> Findings:
    """For a while no queue at all is bound to the exchange; what is published meanwhile may not be gone."""
    async with bugged("taken-by-nobody", records, broker, mutant, folder, roles={"work": 1, "relay": 1}) as run:
        await run.fleet.run()
        load = make_load(run, webhooks=0, queued=60, customers=20)
        await lay_up(run, load)
        await run.drained(60)  # everything is declared by now, and nothing declares it again
        await unbind_all(broker.url, run.names)
        await lay_up(run, make_load(run, webhooks=0, queued=60, customers=20))
        with suppress(TimeoutError):
            async with asyncio.timeout(5), run.database() as connection:
                while not await run.is_published(connection):  # noqa: ASYNC110 - a cursor signals nobody
                    await asyncio.sleep(0.1)
        await bind_tap(broker.url, run.names)
        await run.drained(60)
        return await run.find()


@asynccontextmanager
async def bugged(
    name: str,
    records: list[Record],
    broker: RabbitMQ,
    mutant: Mutant | None,
    folder: Path | None,
    *,
    roles: dict[str, int],
    **settings: str,
) -> AsyncIterator[FleetRun]:
    """Others deliver: the bug is in the pipelines or behind them."""
    package = ROOT if mutant is None or folder is None else mutant.plant(folder)
    servers: tuple[Server, ...] = ("rabbitmq", "redis") if mutant is REDIS_FIRST else ("rabbitmq",)
    wired: dict[str, Any] = {"servers": servers, "package": package, "shared": broker, "who_sends": "external"}
    async with fleet_run(name, 12, records, roles=roles, **wired, **settings) as run:
        run.record.name = f"R0 {name}, {mutant.name if mutant else 'no bug'}"
        run.patience = 8
        yield run
