"""R1 and R2: processes killed with SIGKILL in the middle of working, again and again."""

import asyncio

import pytest

from tests.faults.harness import Harness, harness
from tests.faults.harness_findings import Findings
from tests.faults.harness_kills import carry_out, end_for_good, schedule
from tests.faults.harness_record import Record

REPLIES = 0.2
STEPS_OF_A_REPLY = 6
"""Its webhook, its send, three statuses and a receipt: what an agent's answer adds to the progress."""


async def test_nothing_is_lost_doubled_or_out_of_order_when_processes_are_killed(records: list[Record]) -> None:
    async with harness("kills", 1, records) as run:
        await killed(run, kills=3, messages=1800, lines=12, each=6)


@pytest.mark.faults
async def test_nothing_is_lost_doubled_or_out_of_order_through_twenty_kills(records: list[Record]) -> None:
    async with harness("twenty-kills", 20, records) as run:
        findings = await killed(run, kills=20, messages=9000, lines=40, each=25)
    assert findings.counts["sends under way when killed"] > 0, "without one, the run proves nothing about them"


@pytest.mark.faults
async def test_a_worker_that_dies_twice_at_once_is_replaced_twice_and_costs_no_message(records: list[Record]) -> None:
    async with harness("crash-loop", 7, records) as run:
        await run.fill(run.authors(count=50).bodies(1000))
        await run.serve.run()
        first = await run.kill("worker", 0)
        second = await run.kill("worker", 0)
        assert first.before.parent == first.after.parent == second.after.parent
        assert run.serve.exits == [], run.evidence()
        await run.drained(60)
        assert (await run.find()).problems == [], run.evidence()


async def killed(run: Harness, *, kills: int, messages: int, lines: int, each: int) -> Findings:
    """A backlog, signed webhooks beside it, agents who answer, and the kills."""
    backlog = run.authors(count=220).bodies(messages)
    signed = list(run.authors(count=lines, first=1000).of_each(each))
    await run.fill(backlog)
    run.bodies += [body for line in signed for body in line]
    posted = sum(len(line) for line in signed)
    expected = round(len(backlog) + posted + (messages + posted) * (1 + REPLIES * STEPS_OF_A_REPLY))

    await run.serve.run()
    door = run.door()
    posting = asyncio.create_task(door.post_all(signed, pause=0.5))
    await carry_out(run, schedule(run.random, kills), expected)
    await end_for_good(run, run.random.choice(("parent", "both")))
    await asyncio.wait_for(posting, 60)
    await run.drained(60 + messages / 50)

    findings = await run.find()
    run.record.figures |= {
        "signed webhooks acknowledged": len(door.acknowledged),
        "answers other than 200": door.refused,
        "parents that gave up a worker": sum(code > 0 for code in run.serve.exits),
    }
    assert len(door.acknowledged) == posted
    assert findings.problems == [], run.evidence()
    await told(run, findings.unknown)
    return findings


async def told(run: Harness, unknown: list[str]) -> None:
    """A send nobody can tell of says so, where an operator looks."""
    for message_id in unknown[:5]:
        trace = await run.trace(message_id)
        (delivery,) = [each for each in trace["deliveries"] if each["target"] == "whatsapp"]
        assert delivery["state"] == "unknown", trace
        assert delivery["attempts"][-1]["outcome"] == "unknown", trace
