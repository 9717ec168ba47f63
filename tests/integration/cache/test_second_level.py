"""Redis as the memory of all processes: versions, invalidations that overtake fills, and what happens when it is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.redis import RedisServer, redis_server, sentinel_of
from tests.world import SetClock
from waystate.cache.breaker import TIMEOUT, Away, Breaker
from waystate.cache.connection import open_redis
from waystate.cache.second_level import CONTACT_TTL, CacheEntry, Recalled, SecondLevel
from waystate.ids import TenantId

ACME, OTHER = TenantId("acme"), TenantId("other")
NOW = datetime.now(UTC)


def entry(key: str = "wa_id::49170", *, version: int = 1, **said: Any) -> CacheEntry:
    given = {"subject": "contact-1", "item": "item-1", "expires_at": NOW + timedelta(hours=72), "value": b"v%d" % version}
    return CacheEntry(key=key, version=version, **(given | said))


@asynccontextmanager
async def second_level(
    url: str, installation: str = "ours", patience: float = TIMEOUT, **said: Any
) -> AsyncIterator[SecondLevel]:
    client = open_redis(url, timeout=2.0)
    breaker = Breaker("redis", client.ping, timeout=patience, rest=0.1)
    await breaker.probe()
    yield SecondLevel(client, breaker, installation=installation, **said)
    await client.aclose()


@pytest.fixture
async def second(server: RedisServer) -> AsyncIterator[SecondLevel]:
    async with second_level(server.url) as second:
        yield second


async def fill(second: SecondLevel, *entries: CacheEntry, tenant: TenantId = ACME) -> None:
    await second.fill_many(tenant, entries, await second.find_many(tenant, [each.key for each in entries]))


async def find(second: SecondLevel, *keys: str, tenant: TenantId = ACME) -> list[bytes | None]:
    return (await second.find_many(tenant, keys or ["wa_id::49170"])).values


async def test_what_one_fills_another_finds_in_the_order_asked(second: SecondLevel, server: RedisServer) -> None:
    await fill(second, entry("a", value=b"A"), entry("b", value=b"B", subject="contact-2"))
    counted: list[tuple[int, int]] = []
    async with second_level(server.url, counted=lambda hits, misses: counted.append((hits, misses))) as other:
        assert await find(other, "b", "missing", "a") == [b"B", None, b"A"]
    assert counted == [(2, 1)]


async def test_every_key_begins_with_its_tenant_and_ends_by_itself(second: SecondLevel, server: RedisServer) -> None:
    await fill(second, entry())
    await second.forget_many(OTHER, ["contact-9"])
    with server.client() as client:
        keys = [key.decode() for key in client.scan_iter()]
        assert len(keys) == 5
        assert all(key.startswith(("t:{acme}:", "t:{other}:")) for key in keys)
        assert all(0 < client.ttl(key) <= 24 * 3600 for key in keys)


async def test_a_lower_version_of_a_row_does_not_replace_a_higher_one(second: SecondLevel) -> None:
    await fill(second, entry(version=5))
    await fill(second, entry(version=4))
    assert await find(second) == [b"v5"]
    await fill(second, entry(version=6))
    assert await find(second) == [b"v6"]
    await fill(second, entry(version=1, item="item-2", value=b"another row"))
    assert await find(second) == [b"another row"]


async def test_a_fill_that_was_read_before_an_invalidation_is_dropped(second: SecondLevel) -> None:
    recalled = await second.find_many(ACME, ["wa_id::49170", "of another"])
    await second.forget_many(ACME, ["contact-1"])
    await second.fill_many(ACME, [entry(version=7), entry("of another", subject="contact-2")], recalled)
    assert await find(second, "wa_id::49170", "of another") == [None, b"v1"]
    await fill(second, entry(version=8))
    assert await find(second) == [b"v8"]


async def test_an_invalidation_drops_every_entry_of_the_contact_and_no_other(second: SecondLevel, server: RedisServer) -> None:
    await fill(second, entry("a"), entry("b"), entry("c", subject="contact-2"))
    await fill(second, entry("a"), tenant=OTHER)
    await second.forget_many(ACME, ["contact-1"])
    assert await find(second, "a", "b", "c") == [None, None, b"v1"]
    assert await find(second, "a", tenant=OTHER) == [b"v1"]
    with server.client() as client:
        assert client.hkeys("t:{acme}:contact:contact-1") == [b"gone"]


async def test_a_tenant_can_be_cleared_whole(second: SecondLevel) -> None:
    await fill(second, entry("a"), entry("b", subject="contact-2"))
    await fill(second, entry("a"), tenant=OTHER)
    recalled = await second.find_many(ACME, ["c"])
    await second.clear(ACME)
    await second.fill_many(ACME, [entry("c")], recalled)
    assert await find(second, "a", "b", "c") == [None, None, None]
    assert await find(second, "a", tenant=OTHER) == [b"v1"]
    await fill(second, entry("a"))
    assert await find(second, "a") == [b"v1"]


async def test_an_entry_ends_with_its_row_or_after_an_hour(server: RedisServer) -> None:
    clock = SetClock(datetime.now(UTC))
    async with second_level(server.url, clock=clock) as second:
        await fill(second, entry("short", expires_at=clock.now + timedelta(minutes=5)), entry("long", subject="contact-2"))
        clock.forward(minutes=5)
        assert await find(second, "short", "long") == [None, b"v1"]
        clock.forward(seconds=CONTACT_TTL - 300)
        assert await find(second, "long") == [None]


async def test_a_fill_that_comes_too_late_is_not_made(second: SecondLevel) -> None:
    recalled = await second.find_many(ACME, ["wa_id::49170"])
    late = Recalled(recalled.values, recalled.stamp, recalled.at - 6)
    await second.fill_many(ACME, [entry()], late)
    assert await find(second) == [None]


async def test_after_a_flush_nothing_that_was_read_before_it_comes_back(second: SecondLevel, server: RedisServer) -> None:
    recalled = await second.find_many(ACME, ["wa_id::49170"])
    server.flush()
    await second.forget_many(ACME, ["contact-1"])
    await second.fill_many(ACME, [entry()], recalled)
    assert await find(second) == [None]
    await fill(second, entry(version=2))
    assert await find(second) == [b"v2"]


async def test_a_count_that_fell_behind_its_readers_takes_no_fill_of_theirs(second: SecondLevel, server: RedisServer) -> None:
    """As after a flush on a server whose clock was set back."""
    recalled = await second.find_many(ACME, ["wa_id::49170"])
    with server.client() as client:
        client.set("t:{acme}:stamp", "5:5")
    await second.fill_many(ACME, [entry()], recalled)
    assert await find(second) == [None]


async def test_an_evicted_stamp_makes_all_of_the_tenant_void(second: SecondLevel, server: RedisServer) -> None:
    await fill(second, entry())
    with server.client() as client:
        client.delete("t:{acme}:stamp")
    assert await find(second) == [None]
    await fill(second, entry("another", subject="contact-2"))
    assert await find(second, "another", "wa_id::49170") == [b"v1", None]


async def test_another_tenants_entry_under_the_same_id_is_never_found(second: SecondLevel) -> None:
    await fill(second, entry(value=b"acme's"))
    await fill(second, entry(value=b"other's"), tenant=OTHER)
    assert (await find(second), await find(second, tenant=OTHER)) == ([b"acme's"], [b"other's"])
    assert await find(second, tenant=TenantId("acme-2")) == [None]


async def test_what_another_installation_wrote_is_not_there(second: SecondLevel, server: RedisServer) -> None:
    async with second_level(server.url, "theirs") as theirs:
        await fill(theirs, entry(value=b"theirs", subject="contact-of-theirs"))
        assert await find(second) == [None]
        await fill(second, entry(value=b"ours"))
        assert (await find(second), await find(theirs)) == ([b"ours"], [None])


async def test_until_an_invalidation_has_arrived_its_own_process_does_not_believe_redis(second: SecondLevel) -> None:
    told: list[tuple[TenantId, list[str], list[bytes | None]]] = []
    await fill(second, entry("a"), entry("b", subject="contact-2"))
    second.on_forgotten(lambda tenant, subjects: told.append((tenant, list(subjects), [])))
    second.forget(ACME, ["contact-1"])
    assert await find(second, "a", "b") == [None, b"v1"]
    assert told == []
    await second.flush()
    assert [(tenant, subjects) for tenant, subjects, _ in told] == [(ACME, ["contact-1"])]
    assert await find(second, "a", "b") == [None, b"v1"]


async def test_without_redis_everything_is_a_miss_and_nothing_an_error(own_server: RedisServer) -> None:
    async with second_level(own_server.url) as second:
        await fill(second, entry())
        pid = own_server.pid
        own_server.kill()
        assert await find(second) == [None]
        assert not second.breaker.is_closed
        started = time.monotonic()
        for _ in range(1000):
            assert await find(second) == [None]
        assert time.monotonic() - started < 0.5
        await fill(second, entry(version=2))
        with pytest.raises(Away):
            await second.forget_many(ACME, ["contact-1"])
        own_server.start()
        assert own_server.pid != pid
        assert await second.breaker.probe()
        assert await find(second) == [b"v1"]


async def test_an_invalidation_that_redis_did_not_take_clears_the_tenant_when_it_is_back(own_server: RedisServer) -> None:
    async with second_level(own_server.url) as second:
        await fill(second, entry())
        running = asyncio.create_task(second.run())
        own_server.kill()
        told: list[list[str]] = []
        second.on_forgotten(lambda _, subjects: told.append(list(subjects)))
        second.forget(ACME, ["contact-1"])
        await asyncio.sleep(0.05)
        assert told == [["contact-1"]]
        own_server.start()
        deadline = time.monotonic() + 8
        while len(told) < 2:
            assert await find(second) == [None]
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert told == [["contact-1"], []]
        assert await find(second) == [None]
        await fill(second, entry(version=2))
        assert await find(second) == [b"v2"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_redis_that_hangs_costs_a_look_up_its_time_out_a_few_times_and_then_nothing(own_server: RedisServer) -> None:
    async with second_level(own_server.url) as second:
        own_server.pause()
        try:
            took = []
            for _ in range(40):
                started = time.monotonic()
                assert await find(second) == [None]
                took.append(time.monotonic() - started)
        finally:
            own_server.resume()
        assert max(took) < 0.5
        assert took[-1] < 0.02
        assert sum(each > 0.04 for each in took) <= 6


async def test_one_time_out_alone_opens_nothing(second: SecondLevel, server: RedisServer) -> None:
    async def pause() -> None:
        await asyncio.sleep(0.06)

    with pytest.raises(Away):
        await second.breaker.call(pause)
    assert second.breaker.is_closed
    await fill(second, entry())
    assert await find(second) == [b"v1"]


async def test_many_tenants_at_once_wait_their_turn_and_none_is_refused(server: RedisServer) -> None:
    tenants = [TenantId(f"tenant-{number}") for number in range(300)]
    async with second_level(server.url, patience=2.0) as second:
        await asyncio.gather(*(fill(second, entry(value=tenant.encode()), tenant=tenant) for tenant in tenants))
        found = await asyncio.gather(*(find(second, tenant=tenant) for tenant in tenants))
        assert [value for (value,) in found] == [tenant.encode() for tenant in tenants]
        assert second.breaker.is_closed


async def test_a_cluster_works_as_a_single_server_does(tmp_path: Path) -> None:
    with redis_server(tmp_path, cluster=True) as server:
        async with second_level(server.url) as second:
            assert second.breaker.is_closed
            await fill(second, entry("a"), entry("b", subject="contact-2"))
            await fill(second, entry("a", value=b"other's"), tenant=OTHER)
            assert await find(second, "a", "b") == [b"v1", b"v1"]
            await second.forget_many(ACME, ["contact-1"])
            assert await find(second, "a", "b") == [None, b"v1"]
            assert await find(second, "a", tenant=OTHER) == [b"other's"]


async def test_a_sentinel_leads_to_the_master(server: RedisServer, tmp_path: Path) -> None:
    with sentinel_of(server, tmp_path) as url:
        async with second_level(url) as second:
            assert second.breaker.is_closed
            await fill(second, entry())
            assert await find(second) == [b"v1"]


steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "lost write", "begin", "end", "flush", "evict"]), st.sampled_from("ab"), st.integers(0, 2)
    ),
    max_size=40,
)


@given(steps)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_the_order_nobody_finds_what_was(
    second: SecondLevel, server: RedisServer, steps: list[tuple[str, str, int]]
) -> None:
    """Readers between their read and their fill, against writers whose invalidation arrives or is made good by a clear."""
    server.flush()
    truth = dict.fromkeys("ab", 1)
    readers: dict[int, tuple[str, int, Recalled]] = {}
    with server.client() as client:
        for step, subject, reader in steps:
            match step:
                case "write":
                    truth[subject] += 1
                    await second.forget_many(ACME, [subject])
                case "lost write":
                    truth[subject] += 1
                    await second.clear(ACME)
                case "begin":
                    readers[reader] = (subject, truth[subject], await second.find_many(ACME, [subject]))
                case "end" if reader in readers:
                    read, version, recalled = readers.pop(reader)
                    await second.fill_many(ACME, [entry(read, subject=read, item=read, version=version)], recalled)
                case "flush":
                    server.flush()
                case "evict":
                    client.delete("t:{acme}:stamp")
            for known in "ab":
                assert await find(second, known) in ([None], [b"v%d" % truth[known]])
