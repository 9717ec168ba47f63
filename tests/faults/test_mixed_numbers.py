"""R8: bodies with items of several numbers, at several processes that are killed: the order of no number is inverted."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random

import pytest

from tests.faults.harness import ROOT
from tests.faults.harness_backlog import Door
from tests.faults.harness_findings import Findings
from tests.faults.harness_fleet import FleetRun, fleet_run
from tests.faults.harness_mixed import GROUP, Doors, MixedAuthors
from tests.faults.harness_mutants import SPLIT_LATE
from tests.faults.harness_record import Record
from tests.faults.harness_tenant import APP
from tests.faults.test_fleet_kills import strike

_LOOK = 0.02
HOPS = ("ledger", "messages", "events")


async def test_no_number_is_overtaken_in_bodies_of_several(records: list[Record]) -> None:
    async with run_of("mixed-numbers", 8, records, api=2, work=2, lines=6) as run:
        findings = await posted(run, lines=6, bodies=60, victims=("work", "api"), kills=3)
        assert findings.problems == [], run.evidence()


@pytest.mark.faults
async def test_r8_no_number_is_overtaken_in_ten_thousand_bodies_of_several(records: list[Record]) -> None:
    async with run_of("R8-mixed-numbers", 88, records, api=3, work=4, lines=16) as run:
        findings = await posted(run, lines=16, bodies=625, victims=("work", "api"), kills=40)
        assert findings.problems == [], run.evidence()


@pytest.mark.mutants
async def test_harness_sees_that_a_second_number_is_overtaken(records: list[Record], tmp_path: Path) -> None:
    package = SPLIT_LATE.plant(tmp_path)
    async with run_of("split-late", 8, records, api=1, work=2, lines=6, package=package) as run:
        findings = await posted(run, lines=6, bodies=60)
    assert all(findings.counts[f"order inverted: {hop}"] > 0 for hop in HOPS)
    assert findings.counts["inbound lost: no message row"] == 0


def run_of(
    name: str, seed: int, records: list[Record], *, api: int, work: int, lines: int, package: Path = ROOT
) -> AbstractAsyncContextManager[FleetRun]:
    """Others deliver: what is measured is the way of a body into the events."""
    roles, numbers = {"api": api, "work": work}, lines * GROUP
    return fleet_run(name, seed, records, roles=roles, servers=(), who_sends="external", numbers=numbers, package=package)


async def posted(run: FleetRun, *, lines: int, bodies: int, victims: tuple[str, ...] = (), kills: int = 0) -> Findings:
    """All bodies, while processes are killed at shares of them; then what everything came to."""
    written = MixedAuthors(run.random).lines(lines, bodies=bodies)
    run.bodies += [body for line in written for body in line]
    await run.fleet.run()
    urls = [f"{each.address}/webhooks/whatsapp/{APP.id}" for each in run.fleet.of("api")]
    doors = Doors([Door(url) for url in urls], Random(run.record.seed))
    posting = asyncio.create_task(doors.post_all(written))
    members = [member for role in victims for member in run.fleet.of(role)]
    for turn in range(kills):
        due = len(run.bodies) * (turn + 0.5) / kills
        while doors.acknowledged < due and not posting.done():  # noqa: ASYNC110 - nobody signals it
            await asyncio.sleep(_LOOK)
        await strike(run, members[turn % len(members)])
    await asyncio.wait_for(posting, 120 + len(run.bodies) / 10)
    await run.drained(120 + len(run.bodies) / 10)
    findings = await run.find()
    run.record.figures |= {
        "bodies": len(run.bodies),
        "messages": len(run.written),
        "processes that take in, that work": [len(run.fleet.of(role)) for role in ("api", "work")],
        "kills": len(run.record.strikes),
        "inversions": sum(findings.counts[f"order inverted: {hop}"] for hop in HOPS),
    }
    assert doors.acknowledged == len(run.bodies)
    return findings
