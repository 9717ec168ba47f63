"""T9 in short: a tenant at ten times its quota is told to wait, and nobody else is. How fast is measured by `make faults`."""

from pathlib import Path

from tests.acceptance.fairness import GREEDY, QUIET, measure
from tests.acceptance.installation import installed
from tests.acceptance.served import free_port, served
from tests.databases import Databases

QUOTA = 40


async def test_a_tenant_at_ten_times_its_quota_takes_nothing_from_another(databases: Databases, tmp_path: Path) -> None:
    with databases.fresh() as url:
        async with installed(url, tmp_path) as place:
            for number, tenant in enumerate((GREEDY, QUIET)):
                await place.add_tenant(tenant, number=f"{number}1", integration=None)
        with served(url, tmp_path, free_port(), TRUSTED_MODE="loopback", TENANT_RATE_LIMIT=str(QUOTA)) as address:
            measured = await measure(address, quota=QUOTA, rounds=1, seconds=2)
    assert set(measured.quiet) == {200}
    assert measured.greedy["429"] > measured.greedy["200"] > 0
