"""Several processes on one database, with Redis and without: what one changes, the others see at once."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers.redis import RedisServer, redis_server
from tests.world import CUSTOMER, Business, World
from waystate import documents
from waystate.cache.process import ProcessCache
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.door.auth import Authenticator
from waystate.door.guard import Guard
from waystate.door.limits import Rates
from waystate.errors import TooMany
from waystate.events.model import ConversationCorrelated
from waystate.messages.model import Correlation
from waystate.operations import find_operation
from waystate.pipeline.run import Runner
from waystate.sharing import Sharing
from waystate.state.missed_invalidations import InvalidationSink, InvalidationWorker
from waystate.state.routes import StateRoutes
from waystate.state.warm_up import WarmUp
from waystate.web.asgi import Request
from waystate.web.metrics import Metrics, parse_metrics
from waystate.work.leases import RELAY, LeaseKeeper


@pytest.fixture
def world(db: Database) -> World:
    world = World(db)
    world.clock.now = utc_now()
    return world


@pytest.fixture(scope="module")
def module_redis(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(module_redis: RedisServer) -> RedisServer:
    module_redis.flush()
    return module_redis


@pytest.fixture(params=["postgresql", "redis"])
def redis_url(request: pytest.FixtureRequest) -> str | None:
    return request.getfixturevalue("redis").url if request.param == "redis" else None


class Process:
    """One process that answers look-ups."""

    def __init__(self, world: World, redis_url: str | None, *, limit: float = 0, cache_ttl: float = 5.0) -> None:
        self.db = world.db
        self.clock = world.clock
        self.metrics = Metrics()
        self.sharing = Sharing(world.db, self.metrics, world.clock, redis_url=redis_url, installation="tests")
        metrics = self.metrics
        self.hint = self.sharing.hint("relay")
        cache: ProcessCache[bytes] = ProcessCache(size=1000, ttl=cache_ttl, monotonic=time.monotonic)
        self.invalidations = self.sharing.invalidations(cache)
        self.state = StateRoutes(
            world.db,
            world.directory,
            Guard(
                Authenticator(world.db, world.directory, trusted=True, clock=world.clock),
                limit=self.sharing.request_limits(Rates(tenant=limit)),
            ),
            self.metrics,
            Runner(world.db, metrics, self.invalidations.changed, world.clock, lanes=8),
            self.hint,
            world.clock,
            cache=cache,
            forget=self.invalidations.forget,
            max_body=10_000,
            shared=self.sharing.mappings,
        )

    async def get(self, path: str, tenant: str = "acme") -> dict[str, Any]:
        headers = [(b"host", b"localhost"), (b"x-tenant-id", tenant.encode())]
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        handler = self.state.get_mapping if path.startswith("/state/mapping/") else self.state.get_conversation
        response = await handler(Request(scope, receive, path.rpartition("/")[2], operation=find_operation(handler)))
        answer: dict[str, Any] = documents.parse(response.body)
        return answer

    def sample(self, name: str) -> float:
        return parse_metrics(self.metrics.render().decode())[(name, ())]


@asynccontextmanager
async def process(world: World, redis_url: str | None, **said: Any) -> AsyncIterator[Process]:
    each = Process(world, redis_url, **said)
    each.sharing.start()
    second = each.sharing.second
    await until(lambda: each.sharing.feed.wire is not None and (second is None or second.breaker.is_closed))
    try:
        yield each
    finally:
        await each.sharing.close()


async def until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.005)


async def know(one: Process, other: Process) -> None:
    await until(lambda: bool(one.sharing.feed.peers and other.sharing.feed.peers))


async def test_what_one_process_changes_the_others_answer_at_once(
    world: World, tenant: Business, redis_url: str | None
) -> None:
    async with process(world, redis_url) as one, process(world, redis_url) as other:
        await know(one, other)
        took = []
        for number in range(20):
            world.clock.forward(seconds=1)
            await other.get(f"/state/mapping/{CUSTOMER}")
            events = await world.receive(tenant, tenant.message(contact_name=f"Name {number}"))
            one.invalidations.changed(tenant.tenant, events)
            expected = await one.get(f"/state/mapping/{CUSTOMER}")
            started = time.monotonic()
            while await other.get(f"/state/mapping/{CUSTOMER}") != expected:
                assert time.monotonic() - started < 1.0
                await asyncio.sleep(0.001)
            took.append(time.monotonic() - started)
        assert sorted(took)[10] < 0.1


async def test_a_change_is_seen_by_its_own_process_in_the_next_look_up(
    world: World, tenant: Business, redis: RedisServer
) -> None:
    """Before the invalidation has reached Redis, and after."""
    async with process(world, redis.url) as one:
        mapping = await one.get(f"/state/mapping/{CUSTOMER}")
        for number in range(50):
            genesys = f"genesys-{number}"
            (event,) = await correlated(world, tenant, mapping["internalId"], genesys)
            one.invalidations.changed(tenant.tenant, [event])
            for _ in range(3):
                assert (await one.get(f"/state/conversation/{mapping['internalId']}"))["conversationId"] == genesys
                await asyncio.sleep(random.choice([0, 0.001]))


async def test_whom_a_phone_leads_to_is_forgotten_when_it_goes_to_another(
    world: World, tenant: Business, redis_url: str | None
) -> None:
    """The message is Bob's, but what was remembered is Ann's."""
    async with process(world, redis_url) as one, process(world, redis_url) as other:
        await know(one, other)
        await world.receive(tenant, tenant.message(user_id="DE.1", contact_name="Ann"))
        by_phone = f"/state/mapping/{CUSTOMER}"
        ann = await other.get(by_phone)
        reverse = f"/state/conversation/{ann['internalId']}"
        await other.get(reverse)
        assert (await one.get(by_phone))["contactName"] == "Ann"
        world.clock.forward(seconds=1)
        events = await world.receive(tenant, tenant.message(user_id="DE.9", contact_name="Bob"))
        one.invalidations.changed(tenant.tenant, events)
        assert (await one.get(by_phone))["contactName"] == "Bob"
        started = time.monotonic()
        while (await other.get(by_phone))["contactName"] == "Ann" or (await other.get(reverse))["waId"] is not None:
            assert time.monotonic() - started < 1.0
            await asyncio.sleep(0.001)


async def test_what_one_process_has_read_another_finds_in_redis(world: World, tenant: Business, redis: RedisServer) -> None:
    async with process(world, redis.url) as one, process(world, redis.url) as other:
        opened = await one.get(f"/state/mapping/{CUSTOMER}")
        assert opened["isNew"] is True
        await until(lambda: bool(keys(redis)))
        again = await one.get(f"/state/mapping/{CUSTOMER}")
        by_id = await one.get(f"/state/conversation/{opened['internalId']}")
        await until(lambda: len([key for key in keys(redis) if ":map:" in key]) == 2)
        assert await other.get(f"/state/mapping/{CUSTOMER}") == again
        assert await other.get(f"/state/mapping/+{CUSTOMER}") == again | {"waId": f"+{CUSTOMER}"}
        assert await other.get(f"/state/conversation/{opened['internalId']}") == by_id
        assert (other.sample("waystate_redis_hits_total"), other.sample("waystate_redis_misses_total")) == (3, 0)
        assert other.sample("waystate_redis_up") == 1


async def test_an_overdue_conversation_is_no_answer_of_redis(world: World, tenant: Business, redis: RedisServer) -> None:
    async with process(world, redis.url) as one, process(world, redis.url) as other:
        await one.get(f"/state/mapping/{CUSTOMER}")
        before = await one.get(f"/state/mapping/{CUSTOMER}")
        await until(lambda: any(":map:" in key for key in keys(redis)))
        world.clock.forward(hours=80)
        after = await other.get(f"/state/mapping/{CUSTOMER}")
        assert after["isNew"] is True
        assert after["internalId"] != before["internalId"]


async def test_the_same_customer_of_two_tenants_is_never_mixed_up(world: World, tenant: Business, redis: RedisServer) -> None:
    other_tenant = await world.add("globex", number="2002")
    async with process(world, redis.url, cache_ttl=0) as one, process(world, redis.url, cache_ttl=0) as other:
        for each in (one, other, one, other):
            for business in (tenant, other_tenant):
                answer = await each.get(f"/state/mapping/{CUSTOMER}", business.tenant)
                assert (answer["tenantId"], answer["phoneNumberId"]) == (business.tenant, business.number)
            await asyncio.sleep(0.02)
        assert other.sample("waystate_redis_hits_total") > 0


async def test_redis_killed_and_flushed_under_load_is_no_error_and_no_wrong_answer(
    world: World, tenant: Business, tmp_path: Path
) -> None:
    """A writer in one process; every reader, once the writer has been answered, reads that or later in its own process."""
    other_tenant = await world.add("globex", number="2002")
    customers = [f"4917000000{number:02}" for number in range(20)]
    with redis_server(tmp_path, keeps=True) as server:
        async with process(world, server.url) as one, process(world, server.url, cache_ttl=0.2) as other:
            ids = {each: (await one.get(f"/state/mapping/{each}"))["internalId"] for each in customers}
            for each in customers:
                await one.get(f"/state/mapping/{each}", other_tenant.tenant)
            written: dict[str, int] = dict.fromkeys(customers, 0)
            stale: list[tuple[float, str]] = []
            reads = 0
            ends = time.monotonic() + 6.0

            async def write() -> None:
                number = 0
                while time.monotonic() < ends:
                    number += 1
                    customer = random.choice(customers)
                    events = await correlated(world, tenant, ids[customer], f"g-{number}")
                    one.invalidations.changed(tenant.tenant, events)
                    written[customer] = number
                    await asyncio.sleep(0.002)

            async def read(each: Process) -> None:
                nonlocal reads
                while time.monotonic() < ends:
                    customer = random.choice(customers)
                    known = written[customer]
                    answer = await each.get(f"/state/conversation/{ids[customer]}")
                    assert answer["tenantId"] == "acme"
                    assert answer["internalId"] == ids[customer]
                    foreign = await each.get(f"/state/mapping/{customer}", other_tenant.tenant)
                    assert foreign["tenantId"] == "globex"
                    reads += 1
                    seen = int((answer["conversationId"] or "g-0").removeprefix("g-"))
                    if seen < known:
                        assert each is other, "a process must see its own writes"
                        stale.append((time.monotonic(), customer))

            async def harm() -> None:
                for turn in range(4):
                    await asyncio.sleep(0.7)
                    if turn % 2:
                        server.flush()
                        continue
                    pid = server.pid
                    server.kill()
                    await asyncio.sleep(0.3)
                    server.start()
                    assert server.pid != pid

            await asyncio.gather(write(), *(read(each) for each in (one, other) for _ in range(4)), harm())
            assert reads > 500
            # Everybody agrees with the database in the end, and so does Redis.
            await asyncio.sleep(3.5)
            for each in (one, other):
                for customer in customers:
                    truth = await world.value(
                        tenant, "SELECT genesys_conversation_id FROM conversations WHERE id = $1", ids[customer]
                    )
                    assert (await each.get(f"/state/conversation/{ids[customer]}"))["conversationId"] == truth
            print(f"{reads} reads, {len(stale)} of them behind in the other process")


async def test_the_relays_net_drops_what_a_dead_process_left_behind(world: World, tenant: Business, redis: RedisServer) -> None:
    async with process(world, redis.url) as one, process(world, redis.url, cache_ttl=0) as reader:
        mapping = await one.get(f"/state/mapping/{CUSTOMER}")
        second = reader.sharing.second
        assert second is not None
        sink = InvalidationSink(world.db, second)
        await gone_through(sink, tenant)
        await reader.get(f"/state/conversation/{mapping['internalId']}")
        await until(lambda: any(":map:conv:" in key for key in keys(redis)))
        await correlated(world, tenant, mapping["internalId"], "genesys-1")  # and nobody is told
        assert (await reader.get(f"/state/conversation/{mapping['internalId']}"))["conversationId"] is None
        await gone_through(sink, tenant)
        assert (await reader.get(f"/state/conversation/{mapping['internalId']}"))["conversationId"] == "genesys-1"
        assert await sink.relay(tenant.tenant, epoch=1, batch=100) is False
        assert await sink.relay(tenant.tenant, epoch=0, batch=100) is False


async def test_the_net_waits_for_redis_and_then_clears_the_tenant(world: World, tenant: Business, tmp_path: Path) -> None:
    with redis_server(tmp_path, keeps=True) as server:
        async with process(world, server.url) as one, process(world, server.url, cache_ttl=0) as reader:
            second = reader.sharing.second
            assert second is not None
            mapping = await one.get(f"/state/mapping/{CUSTOMER}")
            sink = InvalidationSink(world.db, second)
            await gone_through(sink, tenant)
            await reader.get(f"/state/conversation/{mapping['internalId']}")
            await reader.get("/state/mapping/49171")
            await reader.get("/state/mapping/49171")
            await until(lambda: any(":map:wa_id::49171" in key for key in keys(server)))
            await gone_through(sink, tenant)
            await reader.get("/state/mapping/49171")
            await reader.get(f"/state/conversation/{mapping['internalId']}")
            await until(lambda: len([key for key in keys(server) if ":map:" in key]) == 2)
            server.kill()
            await correlated(world, tenant, mapping["internalId"], "genesys-1")
            for _ in range(2):
                with pytest.raises(Exception, match="redis"):
                    await sink.relay(tenant.tenant, epoch=1, batch=100)
            server.start()
            await until(lambda: second.breaker.is_closed)
            assert (await reader.get(f"/state/conversation/{mapping['internalId']}"))["conversationId"] is None
            hits = reader.sample("waystate_redis_hits_total")
            await gone_through(sink, tenant)
            assert (await reader.get(f"/state/conversation/{mapping['internalId']}"))["conversationId"] == "genesys-1"
            await reader.get("/state/mapping/49171")
            assert reader.sample("waystate_redis_hits_total") == hits


async def test_the_net_is_the_relays_and_wakes_by_its_hint(world: World, tenant: Business, redis: RedisServer) -> None:
    leases = LeaseKeeper(world.db, utc_now, lanes=8, ttl=timedelta(seconds=5), kinds=(RELAY,))
    async with process(world, redis.url) as one:
        second = one.sharing.second
        assert second is not None
        worker = InvalidationWorker(world.db, InvalidationSink(world.db, second), leases, utc_now, lanes=8, batch=100)
        await one.get(f"/state/mapping/{CUSTOMER}")
        assert await worker.step({tenant.tenant}, sweep=False) is False
        assert await cursor(world, tenant) == 0
        await leases.renew()
        await worker.step({tenant.tenant}, sweep=False)
        assert await cursor(world, tenant) == 1


async def test_a_warm_up_reads_the_latest_customers_into_redis(world: World, tenant: Business, redis: RedisServer) -> None:
    customers = [f"4917000000{number:02}" for number in range(20)]
    for customer in customers:
        await world.receive(tenant, tenant.message(wa_id=customer))
        world.clock.forward(hours=1)
    async with process(world, redis.url) as one, process(world, redis.url) as other:
        assert one.sharing.mappings is not None
        warm_up = WarmUp(world.db, one.sharing.mappings, world.clock, each=5)
        await warm_up.run()
        await until(lambda: len([key for key in keys(redis) if ":map:wa_id::" in key]) == 5)
        for customer in customers[-5:]:
            await other.get(f"/state/mapping/{customer}")
        assert other.sample("waystate_redis_hits_total") == 5
        await other.get(f"/state/mapping/{customers[0]}")
        assert other.sample("waystate_redis_misses_total") == 1


async def test_health_says_when_redis_is_away(world: World, tenant: Business, tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        async with process(world, server.url) as one:
            check = one.sharing.checks()["redis"]
            assert await check() == {}
            server.kill()
            with pytest.raises(Exception, match=r"."):
                await check()
            await one.get(f"/state/mapping/{CUSTOMER}")
            assert one.sample("waystate_redis_up") == 0


async def test_a_process_starts_while_redis_is_away(world: World, tenant: Business, tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        server.kill()
        each = Process(world, server.url)
        each.sharing.start()
        await until(lambda: each.sharing.feed.wire == "postgresql")
        assert (await each.get(f"/state/mapping/{CUSTOMER}"))["isNew"] is True
        assert (await each.get(f"/state/mapping/{CUSTOMER}"))["isNew"] is False
        await each.sharing.close()


async def test_a_tenant_over_its_limit_is_told_when_to_come_again(
    world: World, tenant: Business, redis_url: str | None
) -> None:
    await world.add("globex", number="2002")
    async with process(world, redis_url, limit=0.1) as one:
        await one.get(f"/state/mapping/{CUSTOMER}")
        with pytest.raises(TooMany) as refused:
            await one.get(f"/state/mapping/{CUSTOMER}")
        assert refused.value.code == "tenant_rate_limit"
        assert 0 < (refused.value.retry_after or 0) <= 10
        await one.get(f"/state/mapping/{CUSTOMER}", "globex")


async def test_with_redis_a_limit_holds_for_all_processes_together(world: World, tenant: Business, redis: RedisServer) -> None:
    async with process(world, redis.url, limit=0.1) as one, process(world, redis.url, limit=0.1) as other:
        await one.get(f"/state/mapping/{CUSTOMER}")
        with pytest.raises(TooMany):
            await other.get(f"/state/mapping/{CUSTOMER}")


async def correlated(world: World, tenant: Business, conversation: str, genesys: str) -> list[Any]:
    """The conversation's Genesys id changes, in a committed transaction, and nobody is told yet."""
    wamid = f"wamid.{conversation}"
    if not await world.rows(tenant, "SELECT 1 FROM message_keys WHERE external_id = $1", wamid):
        wa_id = await world.value(tenant, "SELECT wa_id FROM conversations WHERE id = $1", conversation)
        await world.receive(tenant, tenant.message(wamid, wa_id=wa_id))
    wanted = Correlation(conversation_id=genesys, communication_id="communication", whatsapp_message_id=wamid, origin="test")
    (events,) = await world.correlate(tenant, wanted)
    assert isinstance(events, list)
    assert [type(event) for event in events] == [ConversationCorrelated]
    return events


async def gone_through(sink: InvalidationSink, tenant: Business) -> None:
    while await sink.relay(tenant.tenant, epoch=1, batch=100):
        pass


async def cursor(world: World, tenant: Business) -> int:
    rows = await world.rows(tenant, "SELECT position FROM sink_cursors WHERE sink = 'redis'")
    return rows[0]["position"] if rows else 0


def keys(server: RedisServer) -> list[str]:
    with server.client() as client:
        return [key.decode() for key in client.scan_iter(count=1000)]
