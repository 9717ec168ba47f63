"""R0: the harness is shown bugs that it must see, before anybody believes what it does not see."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.harness import Harness, harness
from tests.faults.harness_findings import Findings
from tests.faults.harness_fleet import fleet_run
from tests.faults.harness_mutants import ANSWERED_FIRST, NO_DEDUPE, OVERTAKING, SENT_AGAIN, SETTLED_FIRST
from tests.faults.harness_record import Record
from tests.faults.harness_sends import business_of
from tests.faults.test_held_number import TEMPLATE
from tests.faults.test_sends_unanswered import NO_BRAKE, ROLES, arrivals, prepare, send_all, until_nothing_is_open, write_all
from tests.faults.test_sends_unanswered import PACE as UNANSWERED

pytestmark = pytest.mark.mutants

STRUCK = 15
"""Sends that the platform puts off, of a hundred: with fewer none may have been overtaken."""
TRIES = 5
"""Kills at the most until a bug shows that only shows when a kill falls into it."""
QUIET = {"agent_reply_share": 0.0, "answer_delay": 0.0}


async def test_harness_sees_that_nothing_is_deduplicated(database_url: str, records: list[Record], tmp_path: Path) -> None:
    package = NO_DEDUPE.plant(tmp_path)
    async with harness("no-dedupe", 2, records, url=database_url, package=package, pace=QUIET, WORKER_BATCH="50") as run:
        await run.fill(run.authors(count=50).bodies(400))
        await run.serve.run()
        await run.drained(60)
        findings = await run.find()
    assert findings.counts["inbound doubled: several message rows"] > 0
    assert findings.counts["inbound event doubled"] > 0
    assert findings.counts["inbound lost: no message row"] == 0


async def test_harness_sees_that_ledger_rows_are_done_too_early(
    database_url: str, records: list[Record], tmp_path: Path
) -> None:
    package = SETTLED_FIRST.plant(tmp_path)
    async with harness("settled-first", 3, records, url=database_url, package=package, pace=QUIET) as run:
        findings = await killed_at_the_first_step(run, tries=TRIES)
    assert findings.counts["inbound lost: no message row"] > 0


async def test_harness_sees_that_a_send_is_repeated(database_url: str, records: list[Record], tmp_path: Path) -> None:
    # A status that comes before the repeat would keep it from being made.
    late = {"sent_delay": 5.0, "delivered_delay": 5.0, "read_delay": 5.0}
    package, pace = SENT_AGAIN.plant(tmp_path), {"agent_reply_share": 1.0, "agent_reply_delay": 0.0} | late
    # Nor may a pause of the account after three lost answers.
    no_brake = {"OUTAGE_AFTER": "1000000"}
    async with harness("sent-again", 8, records, url=database_url, package=package, pace=pace, **no_brake) as run:
        await run.serve.run()
        await run.control("PUT", "/faults", {"lost_answers": 0.3})
        await run.control("POST", "/load", {"customers": 50, "rate": 50, "total": 100})
        async with asyncio.timeout(30):
            while not (await run.control("GET", "/state"))["whatsapp"]["doubled"]:  # noqa: ASYNC110 - it signals nobody
                await asyncio.sleep(0.1)
        findings = await run.find()
    assert findings.counts["silently doubled at WhatsApp"] > 0


async def test_harness_sees_that_messages_overtake_each_other(database_url: str, records: list[Record], tmp_path: Path) -> None:
    package = OVERTAKING.plant(tmp_path)
    async with harness("overtaking", 9, records, url=database_url, package=package, pace=QUIET) as run:
        await run.fill(run.authors(count=10).bodies(200))
        await run.control("PUT", "/faults", {"server_errors": 0.2})
        await run.serve.run()
        await run.drained(60)
        findings = await run.find()
    assert findings.counts["order inverted: Genesys"] > 0
    assert findings.counts["order inverted: deliveries"] == 0


@pytest.mark.faults
async def test_the_same_kills_find_nothing_without_a_bug(database_url: str, records: list[Record]) -> None:
    async with harness("no-mutant", 3, records, url=database_url, pace=QUIET) as run:
        findings = await killed_at_the_first_step(run, tries=TRIES)
        assert findings.problems == [], run.evidence()


async def test_harness_sees_that_webhooks_are_answered_too_early(
    database_url: str, records: list[Record], tmp_path: Path
) -> None:
    package = ANSWERED_FIRST.plant(tmp_path)
    async with harness("answered-first", 4, records, url=database_url, package=package, pace=QUIET) as run:
        findings = await killed_at_the_door(run)
    assert findings.counts["inbound lost: no message row"] > 0


async def test_what_was_acknowledged_at_the_door_is_there_whatever_was_killed(database_url: str, records: list[Record]) -> None:
    async with harness("door", 4, records, url=database_url, pace=QUIET) as run:
        findings = await killed_at_the_door(run)
        assert findings.problems == [], run.evidence()


async def test_harness_sees_that_a_send_of_a_business_is_repeated(records: list[Record], tmp_path: Path) -> None:
    late = {"sent_delay": 3.0, "delivered_delay": 3.0, "read_delay": 3.0}
    package, pace = SENT_AGAIN.plant(tmp_path), UNANSWERED | late
    phones = [f"1555{number:07}" for number in range(20)]
    async with fleet_run(
        "business-sent-again", 9, records, roles=ROLES, servers=(), package=package, pace=pace, **NO_BRAKE
    ) as run:
        await prepare(run)
        await run.fleet.run()
        await write_all(run, phones)
        async with business_of(run) as business:
            await run.control("PUT", "/faults", {"cut_off_after": 0.4})
            await send_all(business, phones, "Your order left today.")
            await until_nothing_is_open(run)
        got = await arrivals(run)
        await run.find()
    assert max(got.values()) > 1


async def test_harness_sees_that_sends_of_a_business_overtake_each_other(
    database_url: str, records: list[Record], tmp_path: Path
) -> None:
    package = OVERTAKING.plant(tmp_path)
    async with harness("business-overtaking", 14, records, url=database_url, package=package, pace=QUIET) as run:
        await run.serve.run()
        async with business_of(run) as business:
            await run.control("PUT", "/faults", {"throttle": 0.2})
            messages = [{"to": f"1555{number % 10:07}", **TEMPLATE} for number in range(100)]
            answered = await business.post("/v1/messages/bulk", {"messages": messages})
            assert answered.status == 202, answered
            # Until enough were refused for a moment, each with others of its customer behind it, however busy the machine is.
            async with asyncio.timeout(30):
                while (await run.control("GET", "/state"))["struck"].get("throttle", 0) < STRUCK:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            await asyncio.sleep(1)
            await run.control("PUT", "/faults", {})
            await run.drained(60)
        findings = await run.find()
    assert findings.counts["order inverted: WhatsApp, by our events"] > 0
    assert findings.counts["silently doubled at WhatsApp"] == 0


async def killed_at_the_first_step(run: Harness, *, tries: int) -> Findings:
    """The worker is killed as soon as the ledger says that something is done; again until that shows something."""
    findings = Findings()
    await run.serve.run()
    for _ in range(tries):
        async with run.database() as connection:
            before = await run.progress(connection)
            await run.fill(run.authors(count=50, first=len(run.bodies)).bodies(600))
            while await run.progress(connection) == before:  # noqa: ASYNC110 - the database signals nobody
                await asyncio.sleep(0.001)
            progress = await run.progress(connection)
        await run.kill("worker", progress)
        await run.drained(60)
        findings = await run.find()
        if findings.problems:
            break
    return findings


async def killed_at_the_door(run: Harness) -> Findings:
    """The worker is killed while webhooks come and none can be made durable."""
    lines = list(run.authors(count=24).of_each(25))
    run.bodies += [body for line in lines for body in line]
    await run.serve.run()
    door = run.door()
    posting = asyncio.create_task(door.post_all(lines))
    while len(door.acknowledged) < 200:  # noqa: ASYNC110 - a plain list signals nobody
        await asyncio.sleep(0.001)
    async with run.database() as connection, connection.transaction():
        await connection.execute("LOCK TABLE webhook_ledger IN SHARE MODE")
        await asyncio.sleep(0.3)
        await run.serve.kill("worker")
    await asyncio.wait_for(posting, 60)
    await run.drained(60)
    return await run.find()
