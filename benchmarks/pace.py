"""A paced load of HTTP POSTs: wrk cannot pace. It says itself whether it kept up.

Latency counts from the moment a request was due, so a server that stalls is charged for all that had to wait.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from benchmarks.figures import percentile
from benchmarks.traffic import Webhook

CONNECTIONS = 64
ANSWER_TIMEOUT = 30.0


@dataclass(slots=True)
class Pace:
    """Seconds. `late` is how long after its due time each request left, the load's own fault."""

    latencies: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    due_at: dict[str, float] = field(default_factory=dict)
    """wamid → when its webhook was due, by `time.perf_counter`."""
    refused: int = 0

    @property
    def kept_up(self) -> bool:
        return percentile(self.late, 0.99) < 0.005

    @property
    def note(self) -> str:
        return f"the load itself was late by {percentile(self.late, 0.99) * 1000:.1f} ms (p99)"


class _Answers(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._received = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._answer is not None and not self._answer.done() and _is_whole(self._received):
            self._answer.set_result(int(self._received[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server hung up"))


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return body.endswith(b"0\r\n\r\n")


async def connect(port: int) -> "asyncio.Queue[_Answers]":
    """Connections that are free."""
    loop = asyncio.get_running_loop()
    free: asyncio.Queue[_Answers] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        _, connection = await loop.create_connection(_Answers, "127.0.0.1", port)
        free.put_nowait(connection)
    return free


def disconnect(free: "asyncio.Queue[_Answers]") -> None:
    """Once nothing is under way."""
    while not free.empty():
        free.get_nowait().transport.close()


async def run(port: int, path: str, webhooks: Sequence[Webhook], per_second: float) -> Pace:
    free = await connect(port)
    pace = Pace()
    requests = (webhook_request(port, path, each) for each in webhooks)
    started = time.perf_counter() + 0.1
    for n, webhook in enumerate(webhooks):
        pace.due_at[webhook.wamid] = started + n / per_second
    await keep(pace, free, requests, started, per_second)
    disconnect(free)
    return pace


async def keep(
    pace: Pace, free: "asyncio.Queue[_Answers]", requests: Iterable[bytes], started: float, per_second: float, wanted: int = 200
) -> None:
    """So many a second from `started` on, by `time.perf_counter`; until all are answered, each with `wanted`."""
    sent: list[asyncio.Task[None]] = []
    for n, request in enumerate(requests):
        due = started + n / per_second
        if (pause := due - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        pace.late.append(time.perf_counter() - due)
        sent.append(asyncio.create_task(send(pace, free, request, due, wanted)))
    await asyncio.gather(*sent)


async def send(pace: Pace, free: "asyncio.Queue[_Answers]", request: bytes, due: float, wanted: int = 200) -> None:
    connection = await free.get()
    status = 0
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_TIMEOUT):
            status = await connection.ask(request)
    pace.latencies.append(time.perf_counter() - due)
    pace.refused += status != wanted
    free.put_nowait(connection)


def webhook_request(port: int, path: str, webhook: Webhook) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: {webhook.signature}\r\nContent-Length: {len(webhook.body)}\r\n\r\n"
    ).encode() + webhook.body
