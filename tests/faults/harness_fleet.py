"""One run of Waystate as several processes, on a PostgreSQL, a RabbitMQ and a Redis that the run starts, breaks and ends."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Literal

from tests.faults.harness import ROOT, Run, chosen_seed, far_sides, make_home, prepare
from tests.faults.harness_findings import Findings
from tests.faults.harness_processes import free_port
from tests.faults.harness_queue import Sender, compare, declare, depth_of, names_of, read_tap, settings_of
from tests.faults.harness_record import Record
from tests.faults.harness_roles import Fleet
from tests.faults.harness_tenant import SETTINGS, TENANT, simulator_config
from tests.servers.programs import get_program
from tests.servers.proxy import Proxy, proxy
from tests.servers.rabbitmq import RabbitMQ, rabbitmq
from tests.servers.redis import RedisServer, redis_server
from waystate.broker.topology import QueueNames
from waystate.db import migrate
from waystate.db.embedded import EmbeddedPostgres
from waystate.tenants.model import Sender as Who

Server = Literal["postgres", "rabbitmq", "redis"]

SERVER_SETTINGS = "max_connections = 150\n"
_QUIET = 3
"""The same when none is missing."""

_PROGRESS = """
SELECT coalesce(sum(position), 0)::bigint + (SELECT count(*) FROM deliveries WHERE state = 'sent')
    + (SELECT count(*) FROM webhook_ledger WHERE state <> 'pending') FROM sink_cursors
"""
_BEHIND = """
SELECT coalesce(sum(h.position - coalesce(c.position, 0)), 0)::bigint FROM sink_cursors h
    LEFT JOIN sink_cursors c ON c.tenant_id = h.tenant_id AND c.sink = 'rabbitmq' WHERE h.sink = 'head'
"""
_WRITTEN = "SELECT count(*) FROM messages WHERE direction = 'inbound'"


@dataclass(kw_only=True)
class FleetRun(Run):
    """`between`: the proxies that Waystate reaches its servers by, where a run asked for them."""

    postgres: EmbeddedPostgres
    fleet: Fleet
    broker: RabbitMQ | None
    names: QueueNames
    redis: RedisServer | None
    between: dict[Server, Proxy]
    tapped: bool
    sender: Sender | None
    journal: list[tuple[float, int]] = field(default_factory=list)
    """Progress by time, as far as `watched`."""
    met: int = 0
    """Customers so far: the next ones are others."""
    patience: int = 25
    """Looks, 0.2 s apart, without anything on its way, until a run counts as ended though messages are missing."""

    async def progress(self, connection: Any) -> int:
        """Ledger rows worked, events made, relayed and published, deliveries sent: it grows until everything is done."""
        return int(await connection.fetchval(_PROGRESS))

    async def unfinished(self, connection: Any) -> dict[str, int]:
        left = await super().unfinished(connection)
        if not self.delivers:
            left.pop("events")  # the relay has nothing to make of them, and passes over them when it looks
        if self.tapped:
            left["unpublished"] = int(await connection.fetchval(_BEHIND))
        if self.broker is not None:
            left["queued"] = await depth_of(self.broker.url, self.names.inbound)
        return left

    async def is_published(self, connection: Any) -> bool:
        """Whether every message that was written is an event that the broker has confirmed, as the cursor says."""
        here = int(await connection.fetchval(_WRITTEN)) >= len(self.written)
        return here and int(await connection.fetchval(_BEHIND)) == 0

    @property
    def written(self) -> set[str]:
        return {message.wamid for body in self.bodies for message in body.messages}

    async def drained(self, limit: float) -> dict[str, Any]:
        """Wait until nothing is on its way any more; a little longer when something is missing that nobody knows of."""
        deadline, quiet, enough = time.monotonic() + limit, 0, self.patience
        left: dict[str, int] = {}
        async with self.database() as connection:
            while quiet < enough:
                assert time.monotonic() < deadline, f"not drained within {limit} s: {left}; {self.evidence()}"
                left = await self.unfinished(connection)
                quiet = 0 if any(left.values()) else quiet + 1
                here = int(await connection.fetchval(_WRITTEN)) >= len(self.written)
                enough = _QUIET if here else self.patience
                await asyncio.sleep(0.2)
        return dict(await self.control("GET", "/state"))

    async def find(self) -> Findings:
        findings = await super().find()
        if self.tapped and self.broker is not None:
            heard = await read_tap(self.broker.url, self.names)
            async with self.database() as connection:
                rows = await connection.fetch("SELECT id, position FROM events WHERE tenant_id = $1", TENANT)
            compare(findings, [dict(row) for row in rows], [each for each in heard if each.tenant == TENANT])
            self.record.note(findings)
        return findings

    async def watch(self, every: float = 0.1) -> None:
        """Until cancelled: how far everything is, time and again. A database that is away is waited for."""
        while True:
            try:
                async with self.database() as connection:
                    while True:
                        self.journal.append((time.monotonic(), await self.progress(connection)))
                        await asyncio.sleep(every)
            except Exception:
                await asyncio.sleep(every)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        watching = asyncio.create_task(self.watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def standstill(self) -> float:
        """The longest time in which nothing at all went on, while something was still to do."""
        steps = [at for (_, before), (at, now) in pairwise(self.journal) if now > before]
        return round(max((later - earlier for earlier, later in pairwise(steps)), default=0.0), 2)

    async def moves_on(self, since: float, limit: float) -> float:
        """Seconds from `since` until progress was seen again."""
        deadline = since + limit
        while True:
            seen = [(at, progress) for at, progress in self.journal if at >= since]
            grown = [at for at, progress in seen if progress > seen[0][1]]
            if grown:
                return grown[0] - since
            assert time.monotonic() < deadline, f"nothing went on within {limit} s; {self.evidence()}"
            await asyncio.sleep(0.05)


@asynccontextmanager
async def fleet_run(
    name: str,
    planned_seed: int,
    records: list[Record],
    *,
    roles: Mapping[str, int],
    servers: Sequence[Server] = ("rabbitmq",),
    through: Sequence[Server] = (),
    package: Path = ROOT,
    who_sends: Who = "waystate",
    numbers: int = 1,
    shared: RabbitMQ | None = None,
    pace: dict[str, Any] | None = None,
    **settings: str,
) -> AsyncIterator[FleetRun]:
    """Servers and far sides that run, a tenant that is set up, and processes that are not started yet.

    `through`: servers that Waystate reaches by a proxy. `who_sends`: `external` means that Waystate calls no platform.
    `shared`: a broker that is others' too, for runs that do it no harm.
    """
    seed, home = chosen_seed(planned_seed), make_home(name)
    if "rabbitmq" in servers and shared is None:
        get_program("rabbitmq-server")
    if "redis" in servers:
        get_program("redis-server")
    async with AsyncExitStack() as stack:
        postgres = EmbeddedPostgres(home)
        stack.callback(postgres.stop, "immediate")
        url = _start(postgres)
        migrate.upgrade(url)
        broker, names = shared, names_of(home.name)
        if broker is None and "rabbitmq" in servers:
            broker = stack.enter_context(rabbitmq(_folder(home, "rabbitmq")))
        redis = stack.enter_context(redis_server(home)) if "redis" in servers else None
        if broker is not None:
            await declare(broker.url, names)
        between = {server: await stack.enter_async_context(_way(server, postgres, broker, redis)) for server in through}
        environment = SETTINGS | {"DB_POOL_SIZE": "5"} | settings | {"WAYSTATE_HOME": str(home), "PYTHONPATH": str(package)}
        environment |= _addresses(url, broker, redis, between) | settings_of(names)
        fleet = Fleet(roles, environment, home, package)
        api = fleet.of("api")
        address = api[0].address if api else f"http://127.0.0.1:{free_port()}"
        simulated = simulator_config(address, seed, **pace or {})
        far = await stack.enter_async_context(far_sides(home, simulated))
        await prepare(url, str(far.base_url).rstrip("/"), who_sends, numbers=numbers)
        sender = None if broker is None else Sender(broker.url, names.inbound)
        if sender is not None:
            stack.push_async_callback(sender.close)
        stack.push_async_callback(fleet.stop)
        record = Record(name, seed)
        records.append(record)
        try:
            yield FleetRun(
                home=home,
                url=url,
                postgres=postgres,
                address=address,
                far=far,
                simulated=simulated,
                record=record,
                random=Random(f"{seed}/{name}"),
                delivers=who_sends == "waystate",
                relays="relay" in roles,
                fleet=fleet,
                broker=broker,
                names=names,
                redis=redis,
                between=between,
                tapped=broker is not None and "relay" in roles,
                sender=sender,
            )
        finally:
            record.figures["seconds"] = record.seconds()
            record.write(home)
    shutil.rmtree(home, ignore_errors=True)


def _start(postgres: EmbeddedPostgres) -> str:
    postgres.root.mkdir(parents=True, exist_ok=True)
    (postgres.root / "settings.conf").write_text(SERVER_SETTINGS)
    (postgres.root / "settings.conf").chmod(0o644)
    return postgres.start()


def _folder(home: Path, name: str) -> Path:
    folder = home / name
    folder.mkdir()
    return folder


def _way(server: Server, postgres: EmbeddedPostgres, broker: RabbitMQ | None, redis: RedisServer | None) -> Any:
    if server == "postgres":
        return proxy(str(postgres.socket_directory / ".s.PGSQL.5432"), 0)
    target = broker if server == "rabbitmq" else redis
    assert target is not None, f"{server} is not among the servers of this run"
    return proxy("127.0.0.1", target.port)


def _addresses(url: str, broker: RabbitMQ | None, redis: RedisServer | None, between: Mapping[Server, Proxy]) -> dict[str, str]:
    found = {"DATABASE_URL": url}
    if "postgres" in between:
        found["DATABASE_URL"] = f"postgresql://postgres@127.0.0.1:{between['postgres'].port}/waystate?sslmode=disable"
    if broker is not None:
        found["AMQP_URL"] = between["rabbitmq"].url(broker.url) if "rabbitmq" in between else broker.url
    if redis is not None:
        found["REDIS_URL"] = between["redis"].url(redis.url) if "redis" in between else redis.url
    return found
