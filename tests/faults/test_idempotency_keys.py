"""R11 in full: 1,000 keys, 20 times each at once, against two processes."""

from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.idempotent import check, hammer, message
from tests.acceptance.installation import TENANT, installed, observe
from tests.acceptance.served import free_port, served
from tests.acceptance.test_idempotency_keys import EFFECTS, KNOWN
from tests.databases import Databases
from tests.faults.harness_record import Record

KEYS, TIMES, PROCESSES = 1000, 20, 2


@pytest.mark.faults
async def test_r11_a_thousand_keys(records: list[Record], databases: Databases, tmp_path: Path) -> None:
    record = Record(name="R11-idempotency", seed=0)
    records.append(record)
    with databases.fresh() as url, ExitStack() as stack:
        async with installed(url, tmp_path / "setup") as place:
            await place.add_tenant(TENANT)
            mapping = await place.state("GET", "/state/mapping/491700000001")
            conversation = str(mapping.json()["internalId"])
        homes = [tmp_path / f"process-{number}" for number in range(PROCESSES)]
        for home in homes:
            home.mkdir()
        addresses = [stack.enter_context(served(url, home, free_port(), TRUSTED_MODE="loopback")) for home in homes]
        async with AsyncExitStack() as clients:
            limits = httpx2.Limits(max_connections=100)
            doors = [
                await clients.enter_async_context(
                    httpx2.AsyncClient(base_url=address, trust_env=False, timeout=60, limits=limits)
                )
                for address in addresses
            ]
            came = await hammer(doors, KNOWN, conversation, keys=KEYS, times=TIMES)
            other = await doors[0].post(
                "/state/message", json=message(conversation, "another"), headers={**KNOWN, "idempotency-key": "key-0"}
            )
        connection = await observe(url)
        effects = [row["effects"] for row in await connection.fetch(EFFECTS)]
        await connection.close()
    problems = check(came, effects, keys=KEYS, times=TIMES)
    record.problems, record.is_complete = problems, True
    record.figures |= {
        "seconds": record.seconds(),
        "keys": KEYS,
        "requests answered": came.statuses.total(),
        "effects": sum(effects),
        "told to wait": came.waited,
        "replayed": came.replayed,
    }
    assert problems == [], record.figures
    assert came.waited > 0
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
