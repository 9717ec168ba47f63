"""A chain that was broken is verified: the fault, and the last entry before it that is as it was written."""

from collections.abc import Sequence

import pytest

from tests.integration.audit.test_audit_tampering import entry
from tests.world import Business, World
from waystate.audit import store
from waystate.audit.model import START, Head, chain
from waystate.audit.verification import verify

ENTRIES = 12
MOVED = 1000
BREAKS: dict[str, tuple[Sequence[str], str, int]] = {
    "a column of the first": (["UPDATE audit_log SET subject = 'x' WHERE position = 1"], "changed", 1),
    "a column of one in a later batch": (["UPDATE audit_log SET subject = 'x' WHERE position = 8"], "changed", 8),
    "a column of the last": (["UPDATE audit_log SET details = '{}' WHERE position = 12"], "changed", 12),
    "one taken out at the start of a batch": (["DELETE FROM audit_log WHERE position = 6"], "missing", 6),
    "many taken out": (["DELETE FROM audit_log WHERE position BETWEEN 3 AND 9"], "missing", 3),
    "the first taken out": (["DELETE FROM audit_log WHERE position = 1"], "missing", 1),
    "the later ones moved up": (
        [
            "DELETE FROM audit_log WHERE position = 7",
            f"UPDATE audit_log SET position = position + {MOVED} WHERE position > 7",
            f"UPDATE audit_log SET position = position - {MOVED + 1} WHERE position > {MOVED}",
        ],
        "missing",
        7,
    ),
    "the later ones moved down": (
        [
            f"UPDATE audit_log SET position = position + {MOVED} WHERE position >= 6",
            f"UPDATE audit_log SET position = position - {MOVED - 3} WHERE position > {MOVED}",
        ],
        "missing",
        6,
    ),
}


@pytest.fixture
async def heads(world: World, tenant: Business) -> list[Head]:
    """Of a chain of twelve; the one at `position` is at that place, START at 0."""
    async with world.db.tenant(tenant.tenant) as conn:
        await store.append_many(conn, tenant.tenant, [entry(number) for number in range(ENTRIES)])
        rows = await store.list_written(conn, tenant.tenant, after=0, batch=100)
    return [START, *(Head(row.position, row.hash) for row in rows)]


async def break_it(world: World, *statements: str) -> None:
    async with world.db.login() as conn:
        for statement in statements:
            await conn.execute(statement)


@pytest.mark.parametrize("batch", [1, 5, 100])
@pytest.mark.parametrize("name", BREAKS)
async def test_a_broken_chain_names_its_last_good_entry(
    world: World, tenant: Business, heads: list[Head], name: str, batch: int
) -> None:
    statements, kind, position = BREAKS[name]
    await break_it(world, *statements)
    found = await verify(world.db, tenant.tenant, batch=batch)
    assert found.fault is not None
    assert (found.fault.kind, found.fault.position) == (kind, position)
    assert found.head == heads[position - 1]


@pytest.mark.parametrize("batch", [1, 3, 100])
async def test_one_that_was_changed_with_its_hash_is_not_the_last_good_one(
    world: World, tenant: Business, heads: list[Head], batch: int
) -> None:
    """Its hash fits it; only the next one tells, which may be in another batch."""
    (forged,) = chain(tenant.tenant, [entry(3)], position=2, previous=heads[2].hash)
    async with world.db.login() as conn:
        await conn.execute(
            "UPDATE audit_log SET id = $1, at = $2, subject = $3, details = $4, actor = $5, hash = $6 WHERE position = 3",
            *(forged.entry.id, forged.entry.at, forged.entry.subject, forged.entry.details),
            {"kind": "user", "id": str(forged.entry.actor.id)},
            forged.hash,
        )
    found = await verify(world.db, tenant.tenant, batch=batch)
    assert found.fault is not None
    assert (found.fault.kind, found.fault.position) == ("changed", 3)
    assert found.head == heads[2]


@pytest.mark.parametrize("batch", [1, 5, 100])
async def test_of_a_cut_off_end_all_that_is_left_is_good_and_of_a_new_chain_nothing(
    world: World, tenant: Business, heads: list[Head], batch: int
) -> None:
    await break_it(world, "DELETE FROM audit_log WHERE position > 9")
    cut = await verify(world.db, tenant.tenant, expected=heads[12], batch=batch)
    assert (cut.fault and cut.fault.kind, cut.head) == ("truncated", heads[9])
    anew = await verify(world.db, tenant.tenant, expected=Head(4, bytes(32)), batch=batch)
    assert (anew.fault and anew.fault.kind, anew.head) == ("rewritten", START)


async def test_a_whole_chain_is_good_up_to_its_head(world: World, tenant: Business, heads: list[Head]) -> None:
    assert await verify(world.db, tenant.tenant, batch=5) == (heads[12], None)
