"""R11 in full: 1,000 keys, 20 times each at once, against two processes; what is recorded, and what a business sends."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.idempotent import Came, check, hammer, hammer_with, message, text
from tests.acceptance.installation import TENANT, installed, observe
from tests.acceptance.served import free_port, served
from tests.acceptance.test_idempotency_keys import EFFECTS, KNOWN
from tests.acceptance.test_idempotent_sends import EFFECTS as SENT
from tests.acceptance.test_idempotent_sends import SEND, bodies, open_windows, phone, sending_key
from tests.databases import Databases
from tests.faults.harness_record import Record

KEYS, TIMES, PROCESSES, CUSTOMERS = 1000, 20, 2, 50


@pytest.mark.faults
async def test_r11_a_thousand_keys(records: list[Record], databases: Databases, tmp_path: Path) -> None:
    with databases.fresh() as url:
        async with installed(url, tmp_path / "setup") as place:
            await place.add_tenant(TENANT)
            mapping = await place.state("GET", "/state/mapping/491700000001")
            conversation = str(mapping.json()["internalId"])
        with processes(url, tmp_path) as addresses:
            record = begun("R11-idempotency", records)
            async with doors_of(addresses) as doors:
                came = await hammer(doors, KNOWN, conversation, keys=KEYS, times=TIMES)
                other = await doors[0].post(
                    "/state/message", json=message(conversation, "another"), headers={**KNOWN, "idempotency-key": "key-0"}
                )
        await judge(record, came, url, EFFECTS, status=201)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.faults
async def test_r11_a_thousand_keys_of_sends(records: list[Record], databases: Databases, tmp_path: Path) -> None:
    with databases.fresh() as url:
        async with installed(url, tmp_path / "setup") as place:
            await place.add_tenant(TENANT, integration=None)
            await open_windows(place, CUSTOMERS)
            known = await sending_key(place)
        with processes(url, tmp_path) as addresses:
            record = begun("R11-sends", records)
            async with doors_of(addresses) as doors:
                came = await hammer_with(doors, SEND, known, bodies(KEYS, CUSTOMERS), times=TIMES)
                other = await doors[0].post(SEND, json=text(phone(0), "another"), headers={**known, "idempotency-key": "key-0"})
        await judge(record, came, url, SENT, status=202)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def begun(name: str, records: list[Record]) -> Record:
    record = Record(name=name, seed=0)
    records.append(record)
    return record


@contextmanager
def processes(url: str, folder: Path) -> Iterator[list[str]]:
    """The addresses of so many Waystates on one database."""
    homes = [folder / f"process-{number}" for number in range(PROCESSES)]
    for home in homes:
        home.mkdir()
    with ExitStack() as stack:
        yield [stack.enter_context(served(url, home, free_port(), TRUSTED_MODE="loopback")) for home in homes]


@asynccontextmanager
async def doors_of(addresses: Sequence[str]) -> AsyncIterator[list[httpx2.AsyncClient]]:
    limits = httpx2.Limits(max_connections=100)
    async with AsyncExitStack() as clients:
        yield [
            await clients.enter_async_context(httpx2.AsyncClient(base_url=address, trust_env=False, timeout=60, limits=limits))
            for address in addresses
        ]


async def judge(record: Record, came: Came, url: str, query: str, *, status: int) -> None:
    """`query` tells how many rows each message made."""
    connection = await observe(url)
    effects = [row["effects"] for row in await connection.fetch(query)]
    await connection.close()
    problems = check(came, effects, keys=KEYS, times=TIMES, status=status)
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
