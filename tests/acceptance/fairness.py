"""T9: one tenant calls ten times as often as it may, from a process of its own, and another does its work as always."""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from statistics import quantiles

import httpx2

GREEDY, QUIET = "greedy", "quiet"
ALLOWED_RATIO = 1.5
_START = 30

_FLOOD = """
import asyncio, collections, json, os, sys, time
answers = collections.Counter()
host, port, tenant, rate = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
call = f"GET /state/mapping/49170{{}} HTTP/1.1\\r\\nHost: localhost:{port}\\r\\nX-Tenant-ID: {tenant}\\r\\n\\r\\n"
async def line(place, lines):
    reader, writer = await asyncio.open_connection(host, port)
    due = time.monotonic()
    number = place
    while True:
        due = max(due + lines / rate, time.monotonic() - 0.1)
        await asyncio.sleep(max(0, due - time.monotonic()))
        number += lines
        writer.write(call.format(f"{number % 100:07}").encode())
        head = await reader.readuntil(b"\\r\\n\\r\\n")
        length = next(int(each.split(b":")[1]) for each in head.lower().split(b"\\r\\n") if each.startswith(b"content-length"))
        await reader.readexactly(length)
        status = head[9:12].decode()
        if status == "429" and not answers[status]:
            print("over its quota", flush=True)
        answers[status] += 1
async def main():
    lines = asyncio.gather(*(line(place, 8) for place in range(8)))
    ended = asyncio.to_thread(sys.stdin.read)
    await asyncio.wait([lines, asyncio.create_task(ended)], return_when=asyncio.FIRST_COMPLETED)
    print(json.dumps(answers), flush=True)
    os._exit(0)
asyncio.run(main())
"""


@dataclass
class Measured:
    """`alone` and `beside` are seconds that the quiet tenant's calls took, without the greedy one and with it."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    quiet: Counter[int] = field(default_factory=Counter)
    greedy: Counter[str] = field(default_factory=Counter)

    @property
    def p95(self) -> tuple[float, float]:
        alone, beside = (quantiles(each, n=20)[-1] for each in (self.alone, self.beside))
        return alone, beside

    @property
    def ratio(self) -> float:
        alone, beside = self.p95
        return beside / alone


async def measure(address: str, *, quota: float, rounds: int, seconds: float) -> Measured:
    """Windows alone and beside the flood take turns, so that whatever else the machine does is in both."""
    measured, numbers = Measured(), count()
    async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=30) as client:
        await work(client, measured, [], numbers, quota=quota, seconds=seconds / 2)
        for _ in range(rounds):
            await work(client, measured, measured.alone, numbers, quota=quota, seconds=seconds)
            async with flood(address, rate=10 * quota) as answers:
                await work(client, measured, measured.beside, numbers, quota=quota, seconds=seconds)
            measured.greedy.update(answers)
    return measured


async def work(
    client: httpx2.AsyncClient, measured: Measured, times: list[float], numbers: "count[int]", *, quota: float, seconds: float
) -> None:
    """Half of what it may: known and new customers."""
    ends = time.monotonic() + seconds
    while (began := time.monotonic()) < ends:
        number = next(numbers)
        person = f"4930{number if number % 5 == 0 else number % 100:08}"
        answer = await client.get(f"/state/mapping/{person}", headers={"x-tenant-id": QUIET})
        times.append(time.monotonic() - began)
        measured.quiet[answer.status_code] += 1
        await asyncio.sleep(max(0.0, 2 / quota - (time.monotonic() - began)))


@asynccontextmanager
async def flood(address: str, *, rate: float) -> AsyncIterator[Counter[str]]:
    """From when it is over its quota; the statuses that it was answered with are known once it ended."""
    answers: Counter[str] = Counter()
    command = [sys.executable, "-c", _FLOOD, "127.0.0.1", address.rpartition(":")[2], GREEDY, str(rate)]
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(*command, **pipes, env={"PATH": os.environ.get("PATH", "")})
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_START):
            assert await process.stdout.readline() == b"over its quota\n"
        yield answers
        async with asyncio.timeout(_START):
            said, _ = await process.communicate(b"")
        answers.update(json.loads(said))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
