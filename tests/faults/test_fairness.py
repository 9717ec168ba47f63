"""T9: beside a tenant at ten times its quota another's p95 stays what it is, by the half at the most, and it hears no 429."""

from pathlib import Path

import pytest

from tests.acceptance.fairness import ALLOWED_RATIO, GREEDY, QUIET, measure
from tests.acceptance.installation import installed
from tests.acceptance.served import free_port, served
from tests.databases import Databases
from tests.faults.harness_record import Record

QUOTA, ROUNDS, SECONDS = 100, 6, 10


@pytest.mark.faults
async def test_t9_ten_times_its_quota(records: list[Record], databases: Databases, tmp_path: Path) -> None:
    record = Record(name="T9-fairness", seed=0)
    records.append(record)
    with databases.fresh() as url:
        async with installed(url, tmp_path) as place:
            for number, tenant in enumerate((GREEDY, QUIET)):
                await place.add_tenant(tenant, number=f"{number}1", integration=None)
        with served(url, tmp_path, free_port(), TRUSTED_MODE="loopback", TENANT_RATE_LIMIT=str(QUOTA)) as address:
            measured = await measure(address, quota=QUOTA, rounds=ROUNDS, seconds=SECONDS)
    alone, beside = measured.p95
    record.figures |= {
        "seconds": record.seconds(),
        "p95 alone in ms": round(1000 * alone, 2),
        "p95 beside in ms": round(1000 * beside, 2),
        "ratio": round(measured.ratio, 2),
        "greedy answers": dict(measured.greedy),
        "quiet answers": dict(measured.quiet),
    }
    record.is_complete = True
    assert set(measured.quiet) == {200}
    assert measured.greedy["429"] > 5 * measured.greedy["200"]
    assert measured.ratio <= ALLOWED_RATIO, record.figures
