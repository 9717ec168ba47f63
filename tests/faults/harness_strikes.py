"""What is done to a fleet and its servers while it works; whom, how and when comes from the seed, so a run can be replayed."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tests.faults.harness_fleet import FleetRun
from tests.faults.harness_record import Strike
from tests.servers.proxy import Proxy

RECOVERY = {"rabbitmq": 30.0, "postgres": 15.0, "redis": 15.0}
"""Seconds in which things must go on once the server is back (R3, R4)."""


@dataclass(frozen=True, slots=True)
class Blow:
    """After `pause` seconds, `how` is done to `whom`, for `away` seconds if it is of that kind."""

    pause: float
    whom: str
    how: str
    away: float = 0.0


def schedule(random: Random, kinds: Mapping[tuple[str, str], float], count: int, *, pause: tuple[float, float]) -> list[Blow]:
    """Every kind in turn, in any order; `kinds` says how long each may last at the most."""
    order: list[tuple[str, str]] = []
    while len(order) < count:
        order += random.sample(list(kinds), len(kinds))
    return [
        Blow(round(random.uniform(*pause), 2), whom, how, round(random.uniform(0.1, kinds[whom, how] or 0.1), 2))
        for whom, how in order[:count]
    ]


async def carry_out(run: FleetRun, blows: Sequence[Blow], *, seconds: float = math.inf) -> list[float]:
    """While the run is watched, and for so many seconds. Seconds until things went on after each of them."""
    recoveries: list[float] = []
    began = run.record.seconds()
    for blow in blows:
        if run.record.seconds() - began > seconds:
            break
        run.record.schedule.append((blow.pause, blow.whom, blow.how, blow.away))
        await asyncio.sleep(blow.pause)
        strike = await land(run, blow)
        run.record.strikes.append(strike)
        recoveries.append(strike.back_in)
    return recoveries


async def land(run: FleetRun, blow: Blow) -> Strike:
    if blow.whom in run.fleet.roles:
        return await _process(run, blow)
    if blow.how in _LINES:
        return await _line(run, blow)
    return await _SERVERS[blow.whom](run, blow)


async def _process(run: FleetRun, blow: Blow) -> Strike:
    members = run.fleet.of(blow.whom)
    member = members[len(run.record.strikes) % len(members)]
    if blow.how == "SIGKILL":
        return await run.fleet.kill(member, run.record.seconds())
    if blow.how == "SIGTERM":
        return (await run.fleet.terminate(member, run.record.seconds()))[0]
    at, pid = run.record.seconds(), await member.pause()
    await asyncio.sleep(blow.away)
    member.resume(pid)
    return Strike(what=member.name, how=f"SIGSTOP for {blow.away:.1f} s", at=at, before=pid, after=pid)


async def _rabbitmq(run: FleetRun, blow: Blow) -> Strike:
    broker = run.broker
    assert broker is not None
    at, before = run.record.seconds(), broker.pid
    await asyncio.to_thread(broker.kill)
    return await _server(run, blow, "RabbitMQ: SIGKILL", at, before, lambda: _started(broker.start, lambda: broker.pid))


async def _postgres(run: FleetRun, blow: Blow) -> Strike:
    postgres, at, before = run.postgres, run.record.seconds(), run.postgres.find_pid()
    assert before is not None
    await asyncio.to_thread(postgres.stop, "immediate")
    assert postgres.find_pid() is None
    return await _server(
        run, blow, "PostgreSQL: stop immediate", at, before, lambda: _started(postgres.start, lambda: postgres.find_pid() or 0)
    )


async def _redis(run: FleetRun, blow: Blow) -> Strike:
    redis = run.redis
    assert redis is not None
    at, before = run.record.seconds(), redis.pid
    if blow.how == "flush":
        await asyncio.to_thread(redis.flush)
        return Strike(what="Redis", how="FLUSHALL", at=at, before=before, after=before)
    await asyncio.to_thread(redis.kill)
    return await _server(run, blow, "Redis: SIGKILL", at, before, lambda: _started(redis.start, lambda: redis.pid))


async def _server(run: FleetRun, blow: Blow, what: str, at: float, before: int, start: Callable[[], Awaitable[int]]) -> Strike:
    gone = time.monotonic()
    await asyncio.sleep(blow.away)
    after = await start()
    assert after != before, f"{what}: {before} is there again"
    here = time.monotonic()
    back_in = await run.moves_on(here, RECOVERY[blow.whom])
    name, _, how = what.partition(": ")
    return Strike(what=name, how=how, at=at, before=before, after=after, away=here - gone, back_in=back_in)


async def _started(start: Callable[[], object], pid: Callable[[], int]) -> int:
    await asyncio.to_thread(start)
    return pid()


async def _line(run: FleetRun, blow: Blow) -> Strike:
    """Waystate's connections to that server, not the server."""
    between = next(each for server, each in run.between.items() if server == blow.whom)
    at = run.record.seconds()
    await _LINES[blow.how](between, blow.away)
    back_in = await run.moves_on(time.monotonic(), RECOVERY[blow.whom])
    how = blow.how if blow.how == "cut" else f"{blow.how} for {blow.away:.1f} s"
    return Strike(what=f"line to {blow.whom}", how=how, at=at, before=0, after=0, back_in=back_in)


async def _cut(between: Proxy, _: float) -> None:
    between.cut()


async def _black_hole(between: Proxy, seconds: float) -> None:
    between.swallows = True
    await asyncio.sleep(seconds)
    between.swallows = False
    # What was swallowed is missing from the streams: no connection that saw it can be used any more.
    between.cut()


async def _lost_answers(between: Proxy, seconds: float) -> None:
    between.loses_answers = True
    await asyncio.sleep(seconds)
    between.cut()
    between.loses_answers = False


async def _latency(between: Proxy, seconds: float) -> None:
    between.latency = 0.05
    await asyncio.sleep(seconds)
    between.latency = 0.0


_LINES: dict[str, Callable[[Proxy, float], Awaitable[None]]] = {
    "cut": _cut,
    "black hole": _black_hole,
    "lost answers": _lost_answers,
    "latency": _latency,
}
_SERVERS: dict[str, Callable[[FleetRun, Blow], Awaitable[Strike]]] = {
    "rabbitmq": _rabbitmq,
    "postgres": _postgres,
    "redis": _redis,
}
