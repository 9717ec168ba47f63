"""One number at the rate that WhatsApp allows it, with the three statuses of each message and as many customers who write."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import uvloop

from benchmarks import pace
from benchmarks.figures import Figure, Findings, Target, percentile
from benchmarks.footprint import processor_seconds
from benchmarks.options import Options
from benchmarks.pace import Pace
from benchmarks.rig import Rig, free_port
from benchmarks.server import Server
from benchmarks.tenants import APP, BENCH, make_customers, make_ready, make_tenant, wa_id
from benchmarks.traffic import message_webhook, status_webhook, text_of, wamid_of
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.keys import store as key_store
from waystate.principal import Scope

RATE = 80
"""Messages a second out of the number, and as many in: what WhatsApp lets a number send that nobody has upgraded."""
CUSTOMERS = 10_000
"""Each is sent a message in 125 seconds: a pair of numbers is allowed one in 6."""
STATUSES = (("sent", 0.1), ("delivered", 0.3), ("read", 1.0))
"""With the seconds after the send at which WhatsApp tells of it."""
REST = 3.0
"""Seconds for what is on its way at the end."""
PATH = f"/webhooks/whatsapp/{APP.id}"
_AGES = """
SELECT extract(epoch FROM a.started_at - d.created_at)::float8 AS age FROM deliveries d
JOIN delivery_attempts a ON a.tenant_id = d.tenant_id AND a.event_id = d.event_id AND a.target = d.target AND a.attempt = 1
WHERE d.target = 'whatsapp' AND d.created_at >= $1
"""
_SENT = "SELECT count(*) FROM deliveries WHERE target = 'whatsapp' AND state = 'sent' AND created_at >= $1"


@dataclass
class Graph(asyncio.Protocol):
    """WhatsApp's side of a connection: takes every message at once, and `told` hears of each."""

    told: "asyncio.Queue[str]"
    numbers: Iterator[int]
    _received: bytes = b""
    _transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (size := _size_of(self._received)) and len(self._received) >= size:
            self._received = self._received[size:]
            wamid = wamid_of("out", next(self.numbers))
            body = json.dumps({"messaging_product": "whatsapp", "messages": [{"id": wamid}]}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self._transport.write(head.encode() + body)
            self.told.put_nowait(wamid)


def _size_of(received: bytes) -> int:
    """Of the request at the start, once its head is there; else 0."""
    head, found, _ = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(head) + 4 + int(lengths[0].partition(b":")[2]) if found and lengths else 0


@dataclass
class Round:
    """`webhooks`: statuses and customers' messages; `asked`: sends over HTTP. `ages`: seconds from queued to claimed."""

    webhooks: Pace = field(default_factory=Pace)
    asked: Pace = field(default_factory=Pace)
    ages: list[float] = field(default_factory=list)
    sent: int = 0
    took: float = 0.0
    spent: dict[str, float] = field(default_factory=dict)
    """Seconds of processor."""

    @property
    def used(self) -> str:
        """By time, and by message out (with its statuses and one message in), which a busy machine changes less."""
        shares = ", ".join(f"{name} {spent / self.took:.2f}" for name, spent in self.spent.items())
        each = ", ".join(f"{name} {1000 * spent / max(1, self.sent):.1f}" for name, spent in self.spent.items())
        return f"cores: {shares}; ms of processor a send: {each}"


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    if not options.wants("sends"):
        return
    url, graph = rig.make_waystate_database("sends"), free_port()
    key = uvloop.run(prepare(url, f"http://127.0.0.1:{graph}/graph/v23.0", CUSTOMERS))
    server = Server(rig, rig.make_folder("sends"), url, name="sends")
    findings.add(*uvloop.run(_measure(rig, server, url, graph, key, options)))


async def prepare(url: str, graph: str, customers: int) -> str:
    """Customers who may be written to; the key that writes."""
    db = await Database.open(url, pool_size=2)
    try:
        await make_ready(db)
        await make_tenant(db, sends_to=graph)
        await make_customers(db, customers)
        async with db.tenant(BENCH) as conn:
            _, key = await key_store.create_key(conn, BENCH, "bench", utc_now(), scopes=[Scope.MESSAGES_SEND])
    finally:
        await db.close()
    raw = await asyncpg.connect(url)
    await raw.execute("UPDATE conversations SET window_from = now()")
    await raw.execute("ANALYZE")
    await raw.close()
    return key


async def _measure(rig: Rig, server: Server, url: str, graph: int, key: str, options: Options) -> list[Figure]:
    told: asyncio.Queue[str] = asyncio.Queue()
    numbers = iter(range(1, 10**9))
    listening = await asyncio.get_running_loop().create_server(lambda: Graph(told, numbers), "127.0.0.1", graph)
    raw = await asyncpg.connect(url)
    rounds: list[Round] = []
    try:
        for number in range(-1, options.rounds):
            seconds = options.warm_up if number < 0 else options.seconds
            done = await _round(rig, server, raw, told, key, seconds, number)
            if number >= 0:
                rounds.append(done)
    finally:
        await raw.close()
        listening.close()
    return _figures(rounds, options.seconds)


async def _round(
    rig: Rig, server: Server, raw: Any, told: "asyncio.Queue[str]", key: str, seconds: float, number: int
) -> Round:
    done, count = Round(), round(RATE * seconds)
    free = await pace.connect(server.port)
    since, before = await raw.fetchval("SELECT now()"), _spent(rig, server)
    started = time.perf_counter() + 0.1
    reporting = asyncio.create_task(_report(done.webhooks, free, server.port, told))
    bodies = (message_webhook(n, kind=f"s{number}x") for n in range(count))
    inbound = (pace.webhook_request(server.port, PATH, each) for each in bodies)
    # A load of its own for each second of a number's customers: who is sent to in turn is never sent to twice in 6 s.
    asked = (_send_request(server.port, key, (number + 1) * count + n) for n in range(count))
    await asyncio.gather(
        pace.keep(done.webhooks, free, inbound, started + 0.5 / RATE, RATE),
        pace.keep(done.asked, free, asked, started, RATE, 202),
    )
    took, after = time.perf_counter() - started, _spent(rig, server)
    await asyncio.sleep(REST)
    reporting.cancel()
    await asyncio.gather(reporting, return_exceptions=True)
    pace.disconnect(free)
    done.took, done.spent = took, {name: after[name] - before[name] for name in after}
    done.ages = [row["age"] for row in await raw.fetch(_AGES, since)]
    done.sent = await raw.fetchval(_SENT, since)
    return done


async def _report(webhooks: Pace, free: Any, port: int, told: "asyncio.Queue[str]") -> None:
    """Tell of every message that was taken what became of it."""

    async def report(wamid: str, status: str, due: float) -> None:
        request = pace.webhook_request(port, PATH, status_webhook(wamid, status))
        await asyncio.sleep(due - time.perf_counter())
        webhooks.late.append(time.perf_counter() - due)
        await pace.send(webhooks, free, request, due)

    async with asyncio.TaskGroup() as group:
        while True:
            wamid = await told.get()
            for status, after in STATUSES:
                group.create_task(report(wamid, status, time.perf_counter() + after))


def _send_request(port: int, key: str, n: int) -> bytes:
    body = json.dumps({"to": wa_id(n % CUSTOMERS), "type": "text", "text": {"body": text_of(n)}}).encode()
    return (
        f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nX-API-Key: {key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _spent(rig: Rig, server: Server) -> dict[str, float]:
    """Seconds of processor so far; the load is this process."""
    return {
        "Waystate": processor_seconds(server.process.pid),
        "PostgreSQL": processor_seconds(rig.postgres_pid),
        "the load": time.process_time(),
    }


def _figures(rounds: list[Round], seconds: float) -> list[Figure]:
    count = round(RATE * seconds)
    what = f"{RATE} sends/s of one number, {3 * RATE} statuses/s and {RATE} messages/s in"
    problems = [f"{each.sent} of {count} were sent" for each in rounds if each.sent < count][:1]
    problems += [f"{each.asked.refused} sends refused" for each in rounds if each.asked.refused][:1]
    problems += [f"{each.webhooks.refused} webhooks not 200" for each in rounds if each.webhooks.refused][:1]
    late = [each.webhooks.note for each in rounds if not each.webhooks.kept_up][:1]
    last = rounds[-1]
    return [
        Figure(
            topic="sends",
            name=f"{what}: webhook to durable 200, p99",
            unit="ms",
            ours=tuple(percentile(each.webhooks.latencies, 0.99) * 1000 for each in rounds),
            target=Target(50, of="value", less_is_better=True),
            invalid="; ".join(problems + late),
            notes=(f"p50 {percentile(last.webhooks.latencies, 0.5) * 1000:.1f} ms", last.used, last.webhooks.note),
        ),
        Figure(
            topic="sends",
            name=f"{what}: queued to claimed, p95",
            unit="s",
            ours=tuple(percentile(each.ages, 0.95) for each in rounds),
            target=Target(1, of="value", less_is_better=True),
            invalid="; ".join(problems),
            notes=(
                f"p50 {percentile(last.ages, 0.5):.3f} s, p99 {percentile(last.ages, 0.99):.3f} s",
                f"POST /v1/messages answered in {percentile(last.asked.latencies, 0.99) * 1000:.0f} ms (p99)",
            ),
        ),
    ]
