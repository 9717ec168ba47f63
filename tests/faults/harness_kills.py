"""Kills in the middle of working: whom, and at which share of the work, is drawn from the seed, so a run can be replayed."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.faults.harness import Harness, until
from tests.faults.harness_processes import Kill, What, processes_of, session_of

FIRST, LAST = 0.03, 0.96
"""Shares of the work between which the kills fall."""
RESUMED = 20
"""Steps of progress after a restart that prove that work goes on."""
_LOOK = 0.02
_LONGEST_WAIT = 120.0
_KINDS: tuple[What, ...] = ("worker", "parent", "both")


@dataclass(frozen=True, slots=True)
class Step:
    """Due when `share` of the expected work is done."""

    share: float
    what: What


def schedule(random: Random, kills: int) -> list[Step]:
    """Spread over the work; every three in turn are a worker, a parent and both, in any order."""
    kinds: list[What] = []
    while len(kinds) < kills:
        kinds += random.sample(_KINDS, len(_KINDS))
    room = (LAST - FIRST) / kills
    return [Step(round(FIRST + room * (place + random.random()), 4), kind) for place, kind in enumerate(kinds[:kills])]


async def carry_out(run: Harness, steps: Sequence[Step], expected: int) -> None:
    """`expected`: the progress at which everything would be done."""
    run.record.schedule = [(step.share, step.what) for step in steps]
    before = 0
    for step in steps:
        progress = await _reached(run, max(round(step.share * expected), before + RESUMED))
        kill = await run.kill(step.what, progress)
        before = progress
        if step.what != "worker" and run.postgres is not None:
            assert kill.postmaster[0] == kill.postmaster[1], f"PostgreSQL was not adopted: {kill.postmaster}; {run.evidence()}"


async def end_for_good(run: Harness, what: What) -> None:
    """Kill and let nobody restart: nothing of ours may be left but PostgreSQL, which the next start adopts."""
    async with run.database() as connection:
        progress = await run.progress(connection)
    await run.serve.leave()
    postmaster = run.find_postmaster()
    at, started = run.record.seconds(), time.monotonic()
    before, died_in = await run.serve.kill(what)
    gone = await until(lambda: not [*session_of(before.parent), *processes_of(run.home)], 5.0)
    assert gone, f"left behind: {[*session_of(before.parent), *processes_of(run.home)]}; {run.evidence()}"
    assert run.find_postmaster() == postmaster, "PostgreSQL went with its owner"
    after = await run.serve.run()
    assert (after.parent, after.worker) != (before.parent, before.worker)
    assert run.find_postmaster() == postmaster, f"PostgreSQL was not adopted; {run.evidence()}"
    ready_in = time.monotonic() - started - died_in
    last = Kill(what=what, at=at, progress=progress, before=before, after=after, died_in=died_in, ready_in=ready_in)
    run.record.kills.append(replace(last, postmaster=(postmaster, run.find_postmaster())))
    run.record.figures["left after the last kill"] = "nothing but PostgreSQL, adopted by the next start"


async def _reached(run: Harness, wanted: int) -> int:
    deadline = time.monotonic() + _LONGEST_WAIT
    progress = 0
    async with run.database() as connection:
        while progress < wanted:
            assert time.monotonic() < deadline, f"stuck at {progress} on the way to {wanted}; {run.evidence()}"
            await asyncio.sleep(_LOOK)
            progress = await run.progress(connection)
        left = await run.unfinished(connection)
    assert any(left.values()), f"everything was done before a kill at {wanted}"
    return progress
