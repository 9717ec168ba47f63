"""One run: a real `waystate serve`, the simulated far sides as a process of their own, and everything that tells what happened.

The first of it is started before the last of it fails: on leaving, every process is ended, and the folder with logs, database
and record stays only when the run did not come to its end.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx2

from tests.databases import find_memory
from tests.faults.harness_backlog import Authors, Body, Door, fill
from tests.faults.harness_findings import Findings, look
from tests.faults.harness_processes import Kill, Pids, Serve, Side, What, clean_environment, free_port, until
from tests.faults.harness_record import Record
from tests.faults.harness_tenant import APP, NUMBER, SETTINGS, set_up, simulator_config
from waystate.clock import utc_now
from waystate.db import migrate, partitions
from waystate.db.embedded import EmbeddedPostgres
from waystate.db.pool import Database
from waystate.simulator.config import SimulatorConfig
from waystate.tenants.model import Sender

ROOT = Path(__file__).parents[2]

_PROGRESS = """
SELECT (SELECT count(*) FROM webhook_ledger WHERE state <> 'pending') + (SELECT count(*) FROM deliveries WHERE state = 'sent')
"""
_UNFINISHED = """
SELECT (SELECT count(*) FROM webhook_ledger WHERE state = 'pending') AS ledger,
    (SELECT coalesce(sum(h.position - coalesce(c.position, 0)), 0)::bigint FROM sink_cursors h
        LEFT JOIN sink_cursors c ON c.tenant_id = h.tenant_id AND c.sink = 'deliveries' WHERE h.sink = 'head') AS events,
    (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')) AS deliveries,
    (SELECT count(*) FROM planned_messages WHERE state = 'waiting') AS planned,
    (SELECT count(*) FROM deliveries WHERE target = 'whatsapp' AND state = 'sent') AS sends,
    (SELECT count(*) FROM messages m WHERE m.direction = 'outbound' AND m.status IN ('queued', 'sent', 'delivered')
        AND NOT EXISTS (SELECT FROM deliveries d WHERE d.tenant_id = m.tenant_id AND d.message_id = m.id
            AND d.target = 'whatsapp' AND d.state = 'unknown')) AS underway
"""


@dataclass(kw_only=True)
class Run:
    """What every run has, whatever processes it consists of."""

    home: Path
    url: str
    postgres: EmbeddedPostgres | None
    address: str
    far: httpx2.AsyncClient
    simulated: SimulatorConfig
    record: Record
    random: Random
    bodies: list[Body] = field(default_factory=list)
    """Everything that customers wrote outside the simulator."""
    asked: dict[str, list[str]] = field(default_factory=dict)
    """By customer: what a business was told is taken, in the order of its asking."""
    delivers: bool = True
    """Whether Waystate calls the platforms, or others do (`sender: external`)."""
    relays: bool = True

    def authors(self, *, count: int, first: int = 0) -> Authors:
        return Authors(self.simulated, self.random, count=count, first=first)

    def door(self) -> Door:
        return Door(f"{self.address}/webhooks/whatsapp/{APP.id}")

    async def fill(self, bodies: Sequence[Body]) -> None:
        """Into the ledger, before anybody works it."""
        db = await Database.open(self.url, pool_size=1)
        await fill(db, bodies, NUMBER)
        await db.close()
        self.bodies += bodies

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.far.request(method, f"/simulator{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection]:
        """As the superuser, who sees every tenant's rows."""
        connection = await asyncpg.connect(self.url, timeout=10)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    def find_postmaster(self) -> int | None:
        return None if self.postgres is None else self.postgres.find_pid()

    async def progress(self, connection: asyncpg.Connection) -> int:
        """Ledger rows worked and deliveries made: it grows until everything is done."""
        return int(await connection.fetchval(_PROGRESS))

    async def unfinished(self, connection: asyncpg.Connection) -> dict[str, int]:
        """What is still on its way, by where it is; all zeros when everything has come to its end."""
        state = await self.control("GET", "/state")
        left = dict(await connection.fetchrow(_UNFINISHED) or {})
        sends, waiting = left.pop("sends"), state["waiting"]
        # A send whose answer was lost is finished when a status has told that it arrived.
        return left | {"unproven": state["whatsapp"]["sends"] - sends, **waiting}

    async def drained(self, limit: float) -> dict[str, Any]:
        """Wait until nothing is on its way any more."""
        deadline, quiet = time.monotonic() + limit, 0
        left: dict[str, int] = {}
        async with self.database() as connection:
            while quiet < 3:
                assert time.monotonic() < deadline, f"not drained within {limit} s: {left}; {self.evidence()}"
                left = await self.unfinished(connection)
                quiet = 0 if any(left.values()) else quiet + 1
                await asyncio.sleep(0.2)
        return dict(await self.control("GET", "/state"))

    async def find(self) -> Findings:
        """What the database and the far sides' journals say together."""
        journal = await self.control("GET", "/messages")
        async with self.database() as connection:
            state = await self.control("GET", "/state")
            findings = await look(
                connection, journal, state, self.bodies, self.asked, delivers=self.delivers, relays=self.relays
            )
        self.record.note(findings)
        return findings

    async def trace(self, message_id: str) -> Any:
        async with httpx2.AsyncClient(base_url=self.address, trust_env=False) as client:
            answer = await client.get(f"/v1/messages/{message_id}/trace")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def evidence(self) -> str:
        return f"seed {self.record.seed}; logs, record and database are in {self.home}"


@dataclass(kw_only=True)
class Harness(Run):
    serve: Serve

    async def kill(self, what: What, progress: int) -> Kill:
        """Kill, prove it, and wait until other processes are ready."""
        at, postmaster = self.record.seconds(), self.find_postmaster()
        before, died_in = await self.serve.kill(what)
        died_at = time.monotonic()
        after = await self._others(before, what)
        kill = Kill(
            what=what,
            at=at,
            progress=progress,
            before=before,
            after=after,
            died_in=died_in,
            ready_in=time.monotonic() - died_at,
            postmaster=(postmaster, self.find_postmaster()),
        )
        self.record.kills.append(kill)
        return kill

    async def _others(self, before: Pids, what: What) -> Pids:
        after = await self.serve.ready()
        assert after.worker != before.worker, f"worker {before.worker} answers after its kill"
        assert what == "worker" or after.parent != before.parent, f"parent {before.parent} answers after its kill"
        return after


@asynccontextmanager
async def harness(
    name: str,
    planned_seed: int,
    records: list[Record],
    *,
    url: str | None = None,
    package: Path = ROOT,
    pace: dict[str, Any] | None = None,
    **settings: str,
) -> AsyncIterator[Harness]:
    """Far sides that run, a tenant that is set up, and a `serve` that is not started yet.

    `url`: a migrated database; without it, Waystate has its embedded one. `package`: the folder whose `waystate` is run.
    """
    seed, home = chosen_seed(planned_seed), make_home(name)
    async with AsyncExitStack() as stack:
        postgres = None if url else EmbeddedPostgres(home)
        if postgres is not None:
            stack.callback(postgres.stop, "immediate")
            url = postgres.start()
            migrate.upgrade(url)
        assert url is not None
        serve = _serve(home, url if postgres is None else None, package, settings)
        simulated = simulator_config(serve.address, seed, **pace or {})
        far = await stack.enter_async_context(far_sides(home, simulated))
        await prepare(url, str(far.base_url).rstrip("/"))
        stack.push_async_callback(serve.stop)
        record = Record(name, seed)
        records.append(record)
        try:
            yield Harness(
                home=home,
                url=url,
                postgres=postgres,
                address=serve.address,
                far=far,
                simulated=simulated,
                record=record,
                random=Random(f"{seed}/{name}"),
                serve=serve,
            )
        finally:
            record.figures["seconds"] = record.seconds()
            record.write(home)
    shutil.rmtree(home, ignore_errors=True)


def chosen_seed(planned: int) -> int:
    """WAYSTATE_SEED replays a run, or makes it another one."""
    seed = int(os.environ.get("WAYSTATE_SEED") or planned)
    print(f"WAYSTATE_SEED={seed} runs this again")
    return seed


def make_home(name: str) -> Path:
    home = Path(tempfile.mkdtemp(prefix=f"waystate-{name}-", dir=find_memory()))
    home.chmod(0o711)
    return home


def _serve(home: Path, url: str | None, package: Path, settings: dict[str, str]) -> Serve:
    given = SETTINGS | settings | {"WAYSTATE_HOME": str(home), "PORT": str(free_port()), "PYTHONPATH": str(package)}
    if url is not None:
        given["DATABASE_URL"] = url
    return Serve(clean_environment(given.items()), home / "serve.log", package)


@asynccontextmanager
async def far_sides(home: Path, config: SimulatorConfig) -> AsyncIterator[httpx2.AsyncClient]:
    port = free_port()
    environment = clean_environment([("WAYSTATE_SIMULATOR", config.model_dump_json()), ("WAYSTATE_CHILD", "1")])
    program = Side(["simulate", "--port", str(port)], environment, home / "simulator.log", ROOT)
    program.start()
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            await _listens(client)
            yield client
    finally:
        await program.stop()


async def _listens(client: httpx2.AsyncClient) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            await client.get("/simulator/state")
            return
        except httpx2.TransportError:
            assert time.monotonic() < deadline, "the simulator did not start"
            await asyncio.sleep(0.05)


async def prepare(url: str, far: str, sender: Sender = "waystate", *, numbers: int = 1) -> None:
    db = await Database.open(url, pool_size=1)
    async with db.owner() as conn:
        await partitions.make_ahead(conn, utc_now())
    await set_up(db, far, sender, numbers=numbers)
    await db.close()


__all__ = ["Harness", "Run", "harness", "until"]
