"""Behind a reverse proxy: who calls is what a trusted one says, and nobody else's word counts."""

from pathlib import Path

import httpx2
import pytest

from tests.acceptance.installation import TENANT, installed
from tests.acceptance.outsiders import OF_A_KEY, key_caller
from tests.acceptance.served import free_port, served
from tests.databases import Databases

A, B = "203.0.113.7", "203.0.113.8"


async def statuses(url: str, headers: dict[str, str], *forwarded: str) -> list[int]:
    """Of one call each, in turn; a caller may name others before the one that its proxy adds."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False, headers=headers) as http:
        answers = [await http.get("/v1/tenant", headers={"x-forwarded-for": each}) for each in forwarded]
    return [each.status_code for each in answers]


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [
        ("127.0.0.1", {"two callers": [200, 200], "one caller": [200, 429], "who lies": [200, 429]}),
        ("10.0.0.0/8", {"two callers": [200, 429], "one caller": [200, 429], "who lies": [200, 429]}),
    ],
    ids=["a trusted proxy", "somebody else"],
)
async def test_an_address_is_the_one_that_a_trusted_proxy_saw(
    databases: Databases, tmp_path: Path, proxies: str, expected: dict[str, list[int]]
) -> None:
    with databases.fresh() as url:
        async with installed(url, tmp_path, TRUSTED_MODE="off") as place:
            await place.add_tenant()
            key = (await key_caller(place, TENANT, "a key", OF_A_KEY)).headers
        seen = {}
        for name, calls in {
            "two callers": (A, B),
            "one caller": (A, A),
            "who lies": (f"{B}, {A}", f"198.51.100.1, {A}"),
        }.items():
            settings = {"TRUSTED_PROXIES": proxies, "ADDRESS_RATE_LIMIT": "0.01"}
            with served(url, tmp_path, free_port(), **settings) as address:
                seen[name] = await statuses(address, dict(key), *calls)
    assert seen == expected


async def test_the_docs_show_the_address_that_a_trusted_proxy_was_called_by(databases: Databases, tmp_path: Path) -> None:
    said = {
        "x-forwarded-for": A,
        "x-forwarded-proto": "https",
        "x-forwarded-host": "state.example.com",
        "x-forwarded-port": "8443",
    }
    with databases.fresh() as url:
        for proxies, expected in (("127.0.0.1", "https://state.example.com:8443"), ("10.0.0.0/8", None)):
            with served(url, tmp_path, free_port(), TRUSTED_PROXIES=proxies) as address:
                async with httpx2.AsyncClient(base_url=address, trust_env=False) as http:
                    told, plain = [(await http.get("/docs", headers=headers)).text for headers in (said, {})]
            assert f"curl -X GET &#x27;{expected or address}/state/" in told
            assert f"curl -X GET &#x27;{address}/state/" in plain
