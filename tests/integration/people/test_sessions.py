"""A session ends: by its time, by nobody at the screen, by a revocation, by what its person is today."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.world import START, Business, World
from waystate.door.auth import Authenticator
from waystate.errors import Refused, Unauthorized
from waystate.ids import new_id
from waystate.people import store
from waystate.people.sessions import IDLE, TTL, Session, check_usable
from waystate.principal import NEVER_BY_SIGN_ON, ROLE_SCOPES, Role
from waystate.tokens import parse_token
from waystate.web.facts import Facts

MOMENT = timedelta(microseconds=1)
FRESH = Session(
    id=new_id(),
    tenant_id="acme",  # type: ignore[arg-type]
    user_id=new_id(),
    hash=b"",
    role=Role.AGENT,
    user_status="active",
    created_at=START,
    expires_at=START + TTL,
    last_seen_at=START,
)


@pytest.mark.parametrize(
    ("changes", "after", "code"),
    [
        ({}, timedelta(0), None),
        ({}, IDLE - MOMENT, None),
        ({}, IDLE, "session_expired"),
        ({"last_seen_at": START + TTL - MOMENT}, TTL - MOMENT, None),
        ({"last_seen_at": START + TTL - MOMENT}, TTL, "session_expired"),
        ({"last_seen_at": START + TTL}, TTL + IDLE, "session_expired"),
        ({"revoked_at": START}, timedelta(0), "session_revoked"),
        ({"user_status": "disabled"}, timedelta(0), "session_revoked"),
        ({"user_status": "invited"}, timedelta(0), "session_revoked"),
    ],
)
def test_a_session_is_usable_until_the_moment_it_is_over(changes: dict[str, Any], after: timedelta, code: str | None) -> None:
    session = replace(FRESH, **changes)
    if code is None:
        check_usable(session, START + after)
        return
    with pytest.raises(Unauthorized) as caught:
        check_usable(session, START + after)
    assert caught.value.code == code


def test_what_a_sign_on_did_not_prove_is_not_in_its_session() -> None:
    assert FRESH.principal.scopes == ROLE_SCOPES[Role.AGENT]
    owner = replace(FRESH, role=Role.OWNER, method="sign_on")
    assert owner.principal.scopes == ROLE_SCOPES[Role.OWNER] - NEVER_BY_SIGN_ON


class Desk:
    """A person of the tenant with a session, and the door before which it is shown."""

    def __init__(self, world: World, tenant: Business) -> None:
        self.world, self.tenant, self.user_id = world, tenant, new_id()
        self.door = Authenticator(world.db, world.directory, clock=world.clock, monotonic=lambda: world.clock.now.timestamp())
        self.facts = Facts("/v1/me")

    async def log_in(self) -> None:
        async with self.world.db.login() as conn:
            await conn.execute(
                "INSERT INTO users (id, email, name, status, created_at) VALUES ($1, 'ada@example.com', 'Ada', 'active', $2)",
                self.user_id,
                START,
            )
            await conn.execute(
                "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES ($1, $2, 'agent', $3)",
                self.tenant.tenant,
                self.user_id,
                START,
            )
        async with self.world.db.work(tenant_id=self.tenant.tenant) as conn:
            self.session_id, self.token = await store.create_session(conn, self.tenant.tenant, self.user_id, START)
        self.facts = Facts("/v1/me", authorization=b"Bearer " + self.token.encode())

    async def call(self) -> str:
        """`in`, or the code of the refusal."""
        try:
            principal = await self.door.authenticate(self.facts)
        except Refused as error:
            return error.code
        assert (principal.tenant_id, principal.user_id) == (self.tenant.tenant, self.user_id)
        return "in"

    async def execute(self, sql: str) -> None:
        async with self.world.db.login() as conn:
            await conn.execute(sql)


@pytest.fixture
async def desk(world: World, tenant: Business) -> Desk:
    desk = Desk(world, tenant)
    await desk.log_in()
    return desk


async def test_a_session_that_is_used_lasts_a_working_day_and_not_a_moment_longer(world: World, desk: Desk) -> None:
    for _ in range(11):
        assert await desk.call() == "in"
        world.clock.now += TTL / 12
    world.clock.now = START + TTL - timedelta(milliseconds=100)
    assert await desk.call() == "in"
    world.clock.now = START + TTL
    assert await desk.call() == "session_expired", "from memory too"
    world.clock.forward(seconds=5)
    assert await desk.call() == "session_expired"


async def test_a_session_that_nobody_uses_is_over_after_two_hours(world: World, desk: Desk) -> None:
    assert await desk.call() == "in"
    world.clock.now = START + IDLE
    assert await desk.call() == "session_expired"
    assert await world.value(desk.tenant, "SELECT last_seen_at FROM sessions") == START, "and a late call does not wake it"


ENDS: dict[str, str] = {
    "it is revoked": "UPDATE sessions SET revoked_at = now()",
    "its person is disabled": "UPDATE users SET status = 'disabled'",
}


@pytest.mark.parametrize("why", ENDS)
async def test_a_session_is_refused_within_a_second_after(world: World, desk: Desk, why: str) -> None:
    assert await desk.call() == "in"
    await desk.execute(ENDS[why])
    world.clock.forward(seconds=1)
    assert await desk.call() == "session_revoked"


async def test_a_session_of_who_is_no_member_any_more_is_unknown(world: World, desk: Desk) -> None:
    assert await desk.call() == "in"
    await desk.execute("DELETE FROM memberships")
    world.clock.forward(seconds=1)
    assert await desk.call() == "session_unknown"


async def test_a_token_with_another_secret_is_no_session(world: World, desk: Desk) -> None:
    """Right in form, and with the id of one that is there."""
    presented = parse_token(desk.token)
    async with world.db.work(tenant_id=desk.tenant.tenant) as conn:
        assert await store.find_session(conn, presented._replace(hash=bytes(32)), START) is None
        assert await store.find_session(conn, presented, START) is not None


async def test_what_a_person_may_is_what_their_role_is_now(world: World, desk: Desk) -> None:
    await desk.call()
    await desk.execute("UPDATE memberships SET role = 'admin'")
    world.clock.forward(seconds=1)
    assert (await desk.door.authenticate(desk.facts)).role is Role.ADMIN


async def test_the_list_of_sessions_leaves_out_what_is_over(world: World, desk: Desk) -> None:
    async def listed(at: Callable[[], Any]) -> int:
        async with world.db.work(tenant_id=desk.tenant.tenant) as conn:
            return len(await store.list_sessions(conn, desk.tenant.tenant, desk.user_id, at()))

    assert await listed(lambda: START + IDLE - MOMENT) == 1
    assert await listed(lambda: START + IDLE) == 0, "nobody was there"
    await desk.execute("UPDATE sessions SET last_seen_at = expires_at")
    assert await listed(lambda: START + TTL - MOMENT) == 1
    assert await listed(lambda: START + TTL) == 0
