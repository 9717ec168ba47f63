"""A file of customers is never held whole, neither on its way in nor on its way out."""

import json
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from tests.world import Business, World, commits_of
from waystate.customers.files.export import CustomerExports
from waystate.customers.files.intake import CustomerImports, ImportWish
from waystate.customers.files.rows import FileFormat
from waystate.errors import BadRequest
from waystate.principal import OPERATOR

PADDING = "x" * 15_000


async def test_memory_does_not_grow_with_the_file(world: World, tenant: Business) -> None:
    imports = CustomerImports(commits_of(world), world.clock)
    exports = CustomerExports(world.db, world.clock)

    async def file(begin: int, count: int) -> AsyncIterator[bytes]:
        for number in range(begin, begin + count):
            row = {"waIds": [f"55219{number:08}"], "metadata": {"padding": PADDING}}
            yield json.dumps(row).encode() + b"\n"

    async def peak_of(begin: int, count: int) -> int:
        tracemalloc.start()
        try:
            outcome = await imports.take(tenant.tenant, file(begin, count), ImportWish(), OPERATOR)
            assert (outcome.rows, outcome.added) == (count, count)
            size = 0
            async for text in exports.write(tenant.tenant, FileFormat.NDJSON):
                size += len(text)
            assert size > (begin + count) * len(PADDING)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small = await peak_of(0, 450)
    large = await peak_of(450, 900)
    assert large < 1.3 * small, f"{small} bytes of 7 MB, {large} of 20 MB"


async def test_what_came_before_a_file_broke_off_stands_in_the_audit_log(world: World, tenant: Business) -> None:
    async def file() -> AsyncIterator[bytes]:
        yield b"".join(b'{"waIds": ["55219%08d"]}\n' % number for number in range(1001))
        raise BadRequest("body_unreadable", "It broke off.")

    imports = CustomerImports(commits_of(world), world.clock)
    with pytest.raises(BadRequest) as broken:
        await imports.take(tenant.tenant, file(), ImportWish(), OPERATOR)
    assert broken.value.extra["rowsDone"] == await world.value(tenant, "SELECT count(*) FROM contacts") == 1000
    (told,) = await world.rows(tenant, "SELECT details FROM audit_log WHERE action = 'customers.imported'")
    assert told["details"] == {"rows": 1000, "added": 1000, "changed": 0, "refused": 0, "broken_off": True}


async def test_nobody_has_more_ids_than_a_person_has(world: World, tenant: Business) -> None:
    async def file() -> AsyncIterator[bytes]:
        yield json.dumps({"waIds": [f"55219{number:08}" for number in range(101)]}).encode()

    imports = CustomerImports(commits_of(world), world.clock)
    outcome = await imports.take(tenant.tenant, file(), ImportWish(), OPERATOR)
    assert [each.code for each in outcome.errors] == ["too_many_ids"]
