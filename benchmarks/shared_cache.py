"""What a Redis with invalidation costs look-ups: the same server with and without REDIS_URL, in turn, on the same database."""

from pathlib import Path

import uvloop

from benchmarks import wrk
from benchmarks.dataplane import CUSTOMERS
from benchmarks.figures import Figure, Findings, Target
from benchmarks.machine import missing_programs
from benchmarks.options import Options
from benchmarks.rig import Rig, free_port
from benchmarks.server import Server
from benchmarks.tenants import make_customers, make_ready, make_tenant
from waystate.db.pool import Database

CONNECTIONS = 32


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    if not options.wants("cache"):
        return
    missing = [name for name in ("wrk", "redis-server") if name in missing_programs()]
    if missing:
        findings.skipped.append(f"cache: {', '.join(missing)} not installed (`make deps`)")
        return
    url = rig.make_waystate_database("cache")
    file = rig.folder / "cache.ids"
    file.write_text("\n".join(uvloop.run(_prepare(url))) + "\n")
    port = free_port()
    redis = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    rig.start("cache-redis", redis, environment={})
    plain = Server(rig, rig.make_folder("cache-plain"), url, "cache-plain")
    shared = Server(
        rig, rig.make_folder("cache-shared"), url, "cache-shared", environment={"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    )
    findings.add(*(_figure(load, plain, shared, file, options) for load in ("mapping", "conversation")))


def _figure(load: str, plain: Server, shared: Server, file: Path, options: Options) -> Figure:
    runs: dict[str, list[wrk.Run]] = {plain.url: [], shared.url: []}
    for round_ in range(-1, options.rounds):
        for url, done in runs.items():
            environment = {"IDS": str(file), "RUN": f"{load}{round_}"}
            seconds = options.seconds if round_ >= 0 else options.warm_up
            run = wrk.run(load, url, connections=CONNECTIONS, seconds=seconds, environment=environment)
            if round_ >= 0:
                done.append(run)
    problems = [run.problem for done in runs.values() for run in done if run.problem]
    return Figure(
        topic="cache",
        name=f"GET /state/{load} with Redis and its invalidations, {CONNECTIONS} connections",
        unit="req/s",
        ours=tuple(run.per_second for run in runs[shared.url]),
        theirs=tuple(run.per_second for run in runs[plain.url]),
        other="without REDIS_URL",
        target=Target(0.9),
        invalid="; ".join(problems[:2]),
    )


async def _prepare(url: str) -> list[str]:
    db = await Database.open(url, pool_size=2)
    await make_ready(db)
    await make_tenant(db)
    ids = await make_customers(db, CUSTOMERS)
    await db.close()
    return [str(each) for each in ids]
