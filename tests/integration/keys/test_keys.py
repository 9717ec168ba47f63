"""Acts on keys: each with its entry, none without, and every process knows of them within a second."""

import asyncio
import time
from datetime import timedelta

import asyncpg
import pytest

from tests.world import Business, World
from waystate.audit.verification import verify
from waystate.door.auth import Authenticator
from waystate.errors import Conflict, Forbidden, NotFound, Refused, Unauthorized
from waystate.ids import new_id
from waystate.keys import issue, store
from waystate.keys.issue import Giver
from waystate.keys.model import DATA_PLANE
from waystate.principal import Actor, Scope
from waystate.web.facts import Facts

DAY = timedelta(days=1)
SOMEBODY = Giver(Actor("user", new_id()), DATA_PLANE)


async def acts(world: World, tenant: Business) -> list[str]:
    return [row["action"] for row in await world.rows(tenant, "SELECT action FROM audit_log ORDER BY position")]


async def make(world: World, tenant: Business, **said: object) -> tuple[store.ApiKey, str]:
    given = {"scopes": DATA_PLANE, "by": SOMEBODY} | said
    return await issue.create_key(world.db, tenant.tenant, "bridge", world.clock.now, **given)  # type: ignore[arg-type]


async def test_each_act_is_one_entry_that_names_the_key_and_never_holds_it(world: World, tenant: Business) -> None:
    key, plaintext = await make(world, tenant, expires_at=world.clock.now + 90 * DAY)
    successor, second = await issue.rotate_key(world.db, tenant.tenant, key.id, DAY, world.clock.now, SOMEBODY)
    await issue.revoke_key(world.db, tenant.tenant, successor.id, world.clock.now, SOMEBODY)
    again = await issue.revoke_key(world.db, tenant.tenant, successor.id, world.clock.forward(hours=1), SOMEBODY)
    assert again.revoked_at == world.clock.now - timedelta(hours=1)
    rows = await world.rows(
        tenant, "SELECT action, subject, actor, details, t::text AS whole FROM audit_log t ORDER BY position"
    )
    assert [(row["action"], row["subject"]) for row in rows] == [
        ("key.created", f"key:{key.id}"),
        ("key.rotated", f"key:{key.id}"),
        ("key.revoked", f"key:{successor.id}"),
    ]
    assert {row["actor"]["id"] for row in rows} == {str(SOMEBODY.actor.id)}
    assert (rows[0]["details"]["scopes"], rows[1]["details"]["successor"]) == (sorted(DATA_PLANE), str(successor.id))
    for secret in (plaintext, second):
        assert not [row for row in rows if secret.rpartition(".")[2] in row["whole"]]
    assert (await verify(world.db, tenant.tenant)).fault is None


async def test_an_act_that_fails_leaves_neither_key_nor_entry(world: World, tenant: Business) -> None:
    with pytest.raises(Forbidden):
        await make(world, tenant, scopes={Scope.KEYS_WRITE})
    mighty, _ = await make(world, tenant, scopes={Scope.KEYS_WRITE}, by=issue.THE_OPERATOR)
    with pytest.raises(Forbidden, match="keys:write"):
        await issue.rotate_key(world.db, tenant.tenant, mighty.id, DAY, world.clock.now, SOMEBODY)
    with pytest.raises(NotFound):
        await issue.revoke_key(world.db, tenant.tenant, new_id(), world.clock.now)
    # The entry cannot be written, so the act is not done.
    async with world.db.owner() as conn:
        await conn.execute("ALTER TABLE audit_log ADD CHECK (action <> 'key.revoked')")
    with pytest.raises(asyncpg.CheckViolationError):
        await issue.revoke_key(world.db, tenant.tenant, mighty.id, world.clock.now)
    assert await world.value(tenant, "SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL") == 0
    assert await acts(world, tenant) == ["key.created"]


async def test_old_and_new_key_both_work_during_the_overlap_and_the_old_one_not_after_it(
    world: World, tenant: Business
) -> None:
    key, old = await make(world, tenant)
    _, new = await issue.rotate_key(world.db, tenant.tenant, key.id, DAY, world.clock.now)
    for hours, usable in ((0, {old, new}), (23, {old, new}), (1, {new})):
        world.clock.forward(hours=hours)
        door = Authenticator(world.db, world.directory, clock=world.clock)
        assert {each for each in (old, new) if await is_let_in(door, each)} == usable


async def test_without_an_overlap_the_old_key_is_revoked_at_once(world: World, tenant: Business) -> None:
    key, old = await make(world, tenant)
    _, new = await issue.rotate_key(world.db, tenant.tenant, key.id, timedelta(0), world.clock.now)
    door = Authenticator(world.db, world.directory, clock=world.clock)
    with pytest.raises(Unauthorized, match="revoked"):
        await door.authenticate(Facts("/x", api_key=old.encode()))
    assert await is_let_in(door, new)


async def test_twenty_rotations_at_once_make_one_successor(world: World, tenant: Business) -> None:
    key, _ = await make(world, tenant)
    rotations = (issue.rotate_key(world.db, tenant.tenant, key.id, DAY, world.clock.now) for _ in range(20))
    outcomes = await asyncio.gather(*rotations, return_exceptions=True)
    made = [each for each in outcomes if not isinstance(each, BaseException)]
    assert len(made) == 1
    assert {type(each) for each in outcomes if isinstance(each, BaseException)} == {Conflict}
    assert await world.value(tenant, "SELECT count(*) FROM api_keys") == 2


async def test_a_key_whose_successor_was_lost_is_rotated_again_after_that_was_revoked(world: World, tenant: Business) -> None:
    key, _ = await make(world, tenant)
    lost, _ = await issue.rotate_key(world.db, tenant.tenant, key.id, DAY, world.clock.now)
    with pytest.raises(Conflict, match=str(lost.id)):
        await issue.rotate_key(world.db, tenant.tenant, key.id, DAY, world.clock.now)
    await issue.revoke_key(world.db, tenant.tenant, lost.id, world.clock.now)
    again, _ = await issue.rotate_key(world.db, tenant.tenant, key.id, 30 * DAY, world.clock.now)
    async with world.db.tenant(tenant.tenant) as conn:
        old = await store.find_key(conn, tenant.tenant, key.id)
    assert old is not None
    assert (again.replaces, old.expires_at) == (key.id, world.clock.now + DAY), "the first rotation's end stays"


async def is_let_in(door: Authenticator, key: str) -> bool:
    try:
        await door.authenticate(Facts("/state/message", api_key=key.encode()))
    except Refused:
        return False
    return True


async def test_a_revocation_counts_within_a_second_in_a_process_that_knew_the_key(world: World, tenant: Business) -> None:
    key, plaintext = await make(world, tenant)
    here, there = (Authenticator(world.db, world.directory, clock=world.clock) for _ in range(2))
    assert await is_let_in(here, plaintext)
    assert await is_let_in(there, plaintext)
    await issue.revoke_key(world.db, tenant.tenant, key.id, world.clock.now)
    here.forget()
    revoked_at = time.monotonic()
    assert not await is_let_in(here, plaintext), "in the process that revoked it at once"
    assert await is_let_in(there, plaintext), "the other one remembers for a moment, or this test shows nothing"
    while await is_let_in(there, plaintext):
        assert time.monotonic() - revoked_at < 1.0
        await asyncio.sleep(0.01)


async def test_a_list_names_who_made_a_key(world: World, tenant: Business) -> None:
    user = new_id()
    async with world.db.work() as conn:
        await conn.execute(
            "INSERT INTO users (id, email, name, created_at) VALUES ($1, 'ada@example.org', 'Ada', $2)", user, world.clock.now
        )
    by_operator, _ = await make(world, tenant, by=issue.THE_OPERATOR)
    by_user, _ = await make(world, tenant, by=Giver(Actor("user", user)))
    by_key, _ = await make(world, tenant, by=Giver(Actor("key", by_user.id)))
    by_somebody_gone, _ = await make(world, tenant, by=Giver(Actor("user", new_id())))
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        listed = await store.list_key_page(conn, tenant.tenant)
        assert [(each.key, each.maker_kind, each.maker_name) for each in listed] == [
            (by_somebody_gone, "user", None),
            (by_key, "key", "bridge"),
            (by_user, "user", "Ada"),
            (by_operator, "operator", None),
        ]
        page = await store.list_key_page(conn, tenant.tenant, before=by_key.id, batch=1)
        assert [each.key for each in page] == [by_user]
        other = await world.add("globex", number="2001")
        with pytest.raises(NotFound):
            await store.get_listed(conn, other.tenant, by_key.id)
