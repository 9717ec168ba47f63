"""The data plane against the seeds' State Manager: the same loads, in turn, on the same PostgreSQL."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psycopg
import uvloop

from benchmarks import wrk
from benchmarks.figures import Figure, Findings, Target
from benchmarks.footprint import measure_processor
from benchmarks.machine import missing_programs
from benchmarks.options import Options
from benchmarks.peer import Peer, Unavailable
from benchmarks.rig import Rig
from benchmarks.server import Server
from benchmarks.tenants import make_customers, make_ready, make_tenant, track
from waystate.db.pool import Database
from waystate.messages.model import Status

CUSTOMERS = 10_000
OTHER = "seeds' State Manager"
QUIET_TIMEOUT = 20.0
"""Seconds until what a run left behind in the background is worked off."""
CHANGES_PER_SECOND = 16_000
"""Room for status changes in one run; each message takes two."""


@dataclass(frozen=True, slots=True)
class Row:
    topic: str
    name: str
    load: str
    connections: int
    target: Target | None = None
    spread: bool = True
    """Over all conversations, or all in one."""


ROWS = (
    Row("lookups", "GET /state/mapping", "mapping", 32, Target(8, 5)),
    Row("lookups", "GET /state/conversation", "conversation", 32, Target(8, 5)),
    Row("track", "POST /state/message, 10,000 conversations", "message", 32),
    Row("track", "POST /state/message, one conversation", "message", 32, spread=False),
    Row("track", "POST /state/message, 10,000 conversations", "message", 128, Target(5, 2.5)),
    Row("track", "POST /state/message, one conversation", "message", 128, Target(5, 2.5), spread=False),
    Row("status", "PATCH /state/message/{id}", "status", 128, Target(5, 2.5)),
)
TOPICS = tuple(dict.fromkeys(row.topic for row in ROWS))


@dataclass(slots=True)
class Side:
    name: str
    url: str
    database_url: str
    folder: Path
    conversations: list[str]
    track: Callable[[list[str], list[str]], None]
    """(conversations, wamids): messages to be changed later."""
    processes: tuple[int, ...]
    """All that answer a request, PostgreSQL's included."""
    runs: list[wrk.Run] = field(default_factory=list)
    spent: list[float] = field(default_factory=list)
    """Microseconds of processor a request."""
    _count: int = 0

    def measure(self, row: Row, seconds: float) -> None:
        run, spent = self.run(row, seconds)
        self.runs.append(run)
        self.spent.append(spent)

    def run(self, row: Row, seconds: float) -> tuple[wrk.Run, float]:
        """And the microseconds of processor a request."""
        self._count += 1
        name = f"{row.load}{self._count}"
        if row.load == "status":
            ids = [f"wamid.{name}.{n}" for n in range(round(CHANGES_PER_SECOND / 2 * max(1, seconds)))]
            self.track(self.conversations, ids)
            self.settle()
        else:
            ids = self.conversations if row.spread else self.conversations[:1]
        file = self.folder / f"{self.name}-{name}.ids"
        file.write_text("\n".join(ids) + "\n")
        environment = {"IDS": str(file), "RUN": name}
        result = measure_processor(
            self.processes,
            lambda: wrk.run(row.load, self.url, connections=row.connections, seconds=seconds, environment=environment),
        )
        file.unlink()
        return result

    def settle(self) -> None:
        """Until the background of this side (write-behind, relay) has nothing to do, so that it does not burden the other."""
        deadline = time.monotonic() + QUIET_TIMEOUT
        quiet = 0
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            while quiet < 3 and time.monotonic() < deadline:
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()"
                ).fetchone()
                quiet = quiet + 1 if row == (0,) else 0
                time.sleep(0.1)


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    rows = [row for row in ROWS if options.wants(row.topic)]
    missing = missing_programs()
    if not rows:
        return
    if "wrk" in missing:
        findings.skipped.append("data plane: wrk is not installed")
        return
    sides = [_waystate(rig), *_peer(rig, missing, findings)]
    for row in rows:
        for side in sides:
            # The first look-ups also fill the peer's cache, which takes it all customers once.
            side.run(row, max(options.warm_up, 5.0 if row.load == "mapping" else 0.0))
            side.settle()
            side.runs, side.spent = [], []
        for _ in range(options.rounds):
            for side in sides:
                if row.topic == "lookups":
                    # While the other side had its turn, what was remembered for seconds was forgotten.
                    side.run(row, options.warm_up)
                    side.settle()
                side.measure(row, options.seconds)
                side.settle()
        findings.add(*_figures(row, *sides))


def _waystate(rig: Rig) -> Side:
    url = rig.make_waystate_database("dataplane")

    async def prepare() -> list[str]:
        db = await Database.open(url, pool_size=2)
        await make_ready(db)
        await make_tenant(db)
        ids = await make_customers(db, CUSTOMERS)
        await db.close()
        return [str(each) for each in ids]

    async def track_sent(conversations: list[str], wamids: list[str]) -> None:
        db = await Database.open(url, pool_size=1)
        await track(db, conversations, wamids, Status.SENT)
        await db.close()

    ids = uvloop.run(prepare())
    server = Server(rig, rig.make_folder("dataplane"), url)
    pids = (server.process.pid, rig.postgres_pid)
    return Side("waystate", server.url, url, rig.folder, ids, lambda c, w: uvloop.run(track_sent(c, w)), pids)


def _peer(rig: Rig, missing: list[str], findings: Findings) -> list[Side]:
    needed = [name for name in ("node", "npm", "redis-server") if name in missing]
    if needed:
        findings.skipped.append(f"{OTHER}: {', '.join(needed)} not installed")
        return []
    try:
        peer = Peer(rig, CUSTOMERS)
    except Unavailable as error:
        findings.skipped.append(f"{OTHER}: {error}")
        return []
    pids = (*peer.pids, rig.postgres_pid)
    return [Side("peer", peer.url, peer.database_url, rig.folder, peer.conversation_ids(), peer.track, pids)]


def _figures(row: Row, us: Side, peer: Side | None = None) -> list[Figure]:
    ours, theirs = us.runs, [] if peer is None else peer.runs
    problems = [f"Waystate: {run.problem}" for run in ours if run.problem]
    problems += [f"peer: {run.problem}" for run in theirs if run.problem]
    name, invalid = f"{row.name}, {row.connections} connections", "; ".join(problems[:2])
    rate = Figure(
        topic=row.topic,
        name=name,
        unit="req/s",
        ours=tuple(run.per_second for run in ours),
        theirs=tuple(run.per_second for run in theirs),
        other=OTHER,
        target=row.target,
        invalid=invalid,
        notes=(_latency("Waystate", ours), *([_latency("peer", theirs)] if theirs else []), *_refusals(ours, theirs)),
    )
    p99 = Figure(
        topic=row.topic,
        name=f"{name}: p99",
        unit="ms",
        ours=tuple(run.p99 for run in ours),
        theirs=tuple(run.p99 for run in theirs),
        other=OTHER,
        target=Target(0.1, less_is_better=True) if row.topic == "lookups" else None,
        invalid=invalid,
    )
    processor = Figure(
        topic=row.topic,
        name=f"{name}: processor time a request, PostgreSQL's included",
        unit="µs",
        ours=tuple(us.spent),
        theirs=() if peer is None else tuple(peer.spent),
        other=OTHER,
        invalid=invalid,
    )
    return [rate, p99, processor]


def _latency(side: str, runs: list[wrk.Run]) -> str:
    return f"{side} p50 {median(run.p50 for run in runs):.1f} ms, p99 {median(run.p99 for run in runs):.1f} ms"


def _refusals(ours: list[wrk.Run], theirs: list[wrk.Run]) -> list[str]:
    refused = sum(run.refused for run in ours), sum(run.refused for run in theirs)
    return [f"non-2xx {refused[0]} / {refused[1]}"]
