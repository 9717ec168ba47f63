"""From the headers of a request to a tenant, through the database and from memory."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from waystate.db.pool import Database
from waystate.door.auth import Authenticator
from waystate.errors import Refused
from waystate.ids import TenantId
from waystate.keys import store
from waystate.keys.model import make_key
from waystate.principal import Principal
from waystate.tenants import store as tenant_store
from waystate.tenants.model import Tenant
from waystate.tenants.routing import Directory
from waystate.tokens import parse_token
from waystate.vault.sealing import Vault, vault_of
from waystate.web.facts import Facts

A, B = TenantId("tenant-a"), TenantId("tenant-b")
LOCAL = Facts(path="/state/mapping/919876543210", client_host="127.0.0.1", host=b"127.0.0.1:3005")


class Time:
    """The wall clock and the monotonic one, which move together."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 21, 12, 0, tzinfo=UTC) + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def vault() -> Vault:
    return vault_of(bytes(range(32)))


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def directory(db: Database, vault: Vault, time: Time) -> Directory:
    return Directory(db, vault, monotonic=time.monotonic)


@pytest.fixture
def by_key(db: Database, directory: Directory, time: Time) -> Authenticator:
    return Authenticator(db, directory, clock=time.now, monotonic=time.monotonic)


@pytest.fixture
def trusting(db: Database, directory: Directory, time: Time) -> Authenticator:
    return Authenticator(db, directory, trusted=True, clock=time.now, monotonic=time.monotonic)


async def create(db: Database, *tenants: TenantId) -> None:
    async with db.work() as conn:
        await tenant_store.upsert_many(conn, [Tenant(id=each, name=each) for each in tenants])


async def key_of(db: Database, tenant: TenantId, time: Time, expires_in: float | None = None) -> tuple[Principal, bytes]:
    await create(db, tenant)
    async with db.tenant(tenant) as conn:
        expires_at = None if expires_in is None else time.now() + timedelta(seconds=expires_in)
        key, plaintext = await store.create_key(conn, tenant, "bridge", time.now(), expires_at)
    return Principal(tenant, "key", key.id, key.scopes), plaintext.encode()


async def refused(authenticator: Authenticator, facts: Facts) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        await authenticator.authenticate(facts)
    return caught.value.status, caught.value.code


async def test_a_key_opens_its_tenant_in_either_header(db: Database, by_key: Authenticator, time: Time) -> None:
    principal, key = await key_of(db, A, time)
    assert await by_key.authenticate(Facts("/tenants", authorization=b"Bearer " + key)) == principal
    assert await by_key.authenticate(Facts("/tenants", api_key=key)) == principal


async def test_a_checked_key_is_known_without_waiting_for_less_than_a_second(
    db: Database, by_key: Authenticator, time: Time
) -> None:
    principal, key = await key_of(db, A, time)
    facts = Facts("/state/message", api_key=key)
    assert by_key.find_cached(facts) is None
    await by_key.authenticate(facts)
    assert by_key.find_cached(facts) == principal
    time.passed = 0.95
    assert by_key.find_cached(facts) is None


async def test_a_revoked_key_is_refused_within_a_second(db: Database, by_key: Authenticator, time: Time) -> None:
    principal, key = await key_of(db, A, time)
    facts = Facts("/state/message", api_key=key)
    await by_key.authenticate(facts)
    assert principal.id is not None
    async with db.tenant(A) as conn:
        await store.revoke_key(conn, A, principal.id, time.now())
    time.passed = 1.0
    assert await refused(by_key, facts) == (401, "api_key_revoked")
    with pytest.raises(Refused, match="revoked"):
        by_key.find_cached(facts)


async def test_a_revocation_in_this_process_counts_at_once(db: Database, by_key: Authenticator, time: Time) -> None:
    principal, key = await key_of(db, A, time)
    facts = Facts("/state/message", api_key=key)
    await by_key.authenticate(facts)
    assert principal.id is not None
    async with db.tenant(A) as conn:
        await store.revoke_key(conn, A, principal.id, time.now())
    by_key.forget()
    assert await refused(by_key, facts) == (401, "api_key_revoked")


async def test_a_key_expires_to_the_moment_even_from_memory(db: Database, by_key: Authenticator, time: Time) -> None:
    _, key = await key_of(db, A, time, expires_in=0.5)
    facts = Facts("/state/message", api_key=key)
    await by_key.authenticate(facts)
    time.passed = 0.5
    with pytest.raises(Refused) as caught:
        by_key.find_cached(facts)
    assert caught.value.code == "api_key_expired"


async def test_a_key_that_never_was_is_unknown_whether_its_tenant_exists_or_not(
    db: Database, by_key: Authenticator, time: Time
) -> None:
    await create(db, A)
    for tenant in (A, B):
        _, invented = make_key(tenant, "invented", time.now())
        assert await refused(by_key, Facts("/state/message", api_key=invented.encode())) == (401, "api_key_unknown")


async def test_the_id_of_a_key_with_another_secret_is_unknown(db: Database, by_key: Authenticator, time: Time) -> None:
    principal, key = await key_of(db, A, time)
    _, invented = make_key(A, "invented", time.now())
    async with db.tenant(A) as conn:
        # The row of the real key, found under the id of the invented one.
        await conn.execute("UPDATE api_keys SET id = $1", parse_token(invented).id)
    assert await refused(by_key, Facts("/state/message", api_key=invented.encode())) == (401, "api_key_unknown")
    assert await refused(by_key, Facts("/state/message", api_key=key)) == (401, "api_key_unknown")
    assert principal.id is not None


async def test_a_typo_is_called_a_typo(db: Database, by_key: Authenticator, time: Time) -> None:
    _, key = await key_of(db, A, time)
    assert await refused(by_key, Facts("/state/message", api_key=key[:-1])) == (401, "api_key_malformed")
    assert await refused(by_key, Facts("/state/message", api_key=b"")) == (401, "api_key_malformed")
    assert await refused(by_key, Facts("/state/message", api_key=b"\xff" * 5000)) == (401, "api_key_malformed")


async def test_a_tenant_header_beside_a_key_must_agree(db: Database, by_key: Authenticator, time: Time) -> None:
    principal, key = await key_of(db, A, time)
    await create(db, B)
    assert await by_key.authenticate(Facts("/x", api_key=key, tenant=b"tenant-a")) == principal
    for other in (b"tenant-b", b"nobody", b"", b"\xff"):
        assert await refused(by_key, Facts("/x", api_key=key, tenant=other)) == (403, "tenant_mismatch")


async def test_a_key_works_in_trusted_mode_from_anywhere(db: Database, trusting: Authenticator, time: Time) -> None:
    principal, key = await key_of(db, A, time)
    assert await trusting.authenticate(Facts("/tenants", client_host="10.0.0.7", host=b"example.com", api_key=key)) == principal


async def test_a_bad_key_is_not_replaced_by_trust(db: Database, trusting: Authenticator) -> None:
    await create(db, A)
    assert await refused(trusting, LOCAL._replace(api_key=b"wsk.typo", tenant=b"tenant-a")) == (401, "api_key_malformed")


async def test_use_of_a_key_is_noted_once_a_minute(db: Database, by_key: Authenticator, time: Time) -> None:
    principal, key = await key_of(db, A, time)
    assert principal.id is not None
    noted = []
    for seconds in (0.0, 30.0, 60.0):
        time.passed = seconds
        await by_key.authenticate(Facts("/x", api_key=key))
        async with db.tenant(A) as conn:
            found = await store.find_key(conn, A, principal.id)
        assert found is not None
        assert found.last_used_at is not None
        noted.append((found.last_used_at - datetime(2026, 11, 21, 12, 0, tzinfo=UTC)).total_seconds())
    assert noted == [0.0, 0.0, 60.0]


async def test_many_calls_with_one_new_key_are_checked_together(db: Database, by_key: Authenticator, time: Time) -> None:
    principal, key = await key_of(db, A, time)
    facts = Facts("/state/message", api_key=key)
    assert set(await asyncio.gather(*(by_key.authenticate(facts) for _ in range(200)))) == {principal}


async def test_without_a_key_nobody_comes_in_when_trusted_mode_is_off(db: Database, by_key: Authenticator) -> None:
    await create(db, A)
    assert await refused(by_key, LOCAL._replace(tenant=b"tenant-a")) == (401, "credentials_required")


async def test_a_local_call_names_its_tenant_in_trusted_mode(db: Database, trusting: Authenticator) -> None:
    await create(db, A, B)
    facts = LOCAL._replace(tenant=b"tenant-b")
    assert trusting.find_cached(facts) is None
    assert await trusting.authenticate(facts) == Principal(B, "trusted")
    assert trusting.find_cached(facts) == Principal(B, "trusted")


async def test_a_call_without_tenant_means_the_only_one(db: Database, trusting: Authenticator, time: Time) -> None:
    await create(db, A)
    assert await trusting.authenticate(LOCAL) == Principal(A, "trusted")
    assert trusting.find_cached(LOCAL) == Principal(A, "trusted")
    await create(db, B)
    time.passed = 1.0
    assert await refused(trusting, LOCAL) == (400, "tenant_required")


async def test_a_call_without_tenant_to_an_empty_installation_is_told_to_create_one(trusting: Authenticator) -> None:
    assert await refused(trusting, LOCAL) == (400, "no_tenant")


async def test_a_tenant_that_is_not_there_is_said_to_be_missing(db: Database, trusting: Authenticator) -> None:
    await create(db, A)
    assert await refused(trusting, LOCAL._replace(tenant=b"nobody")) == (404, "unknown_tenant")
    for bad in (b"", b"Tenant A", b"a'; DROP TABLE tenants; --", b"\xff"):
        assert await refused(trusting, LOCAL._replace(tenant=bad)) == (400, "invalid_tenant_id")


async def test_trust_is_looked_at_on_every_call_and_not_remembered(db: Database, trusting: Authenticator) -> None:
    await create(db, A)
    facts = LOCAL._replace(tenant=b"tenant-a")
    await trusting.authenticate(facts)
    assert await refused(trusting, facts._replace(client_host="10.0.0.7")) == (401, "trusted_mode_refused")
    with pytest.raises(Refused):
        trusting.find_cached(facts._replace(betraying=b"origin"))
