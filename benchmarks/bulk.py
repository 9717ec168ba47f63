"""A thousand messages in one call against a thousand calls."""

import asyncio
import http.client
import json
import time
from typing import Any

import asyncpg
import uvloop

from benchmarks.figures import Figure, Findings, Target
from benchmarks.options import Options
from benchmarks.rig import Rig, free_port
from benchmarks.sends import Graph, prepare
from benchmarks.server import Server
from benchmarks.tenants import wa_id
from benchmarks.traffic import text_of

MESSAGES = 1000
DRAIN = 60.0
"""Seconds at most until all of a call's messages have left, before the next one is measured."""
_WAITING = "SELECT count(*) FROM deliveries WHERE target = 'whatsapp' AND state <> 'sent'"


def measure(rig: Rig, options: Options, findings: Findings) -> None:
    """One caller, one connection; each message to another customer."""
    if not options.wants("bulk"):
        return
    url, graph = rig.make_waystate_database("bulk"), free_port()
    key = uvloop.run(prepare(url, f"http://127.0.0.1:{graph}/graph/v23.0", MESSAGES))
    server = Server(rig, rig.make_folder("bulk"), url, name="bulk")
    findings.add(uvloop.run(_measure(server, url, graph, key, options.rounds)))


async def _measure(server: Server, url: str, graph: int, key: str, rounds: int) -> Figure:
    told: asyncio.Queue[str] = asyncio.Queue()
    numbers = iter(range(1, 10**9))
    listening = await asyncio.get_running_loop().create_server(lambda: Graph(told, numbers), "127.0.0.1", graph)
    raw = await asyncpg.connect(url)
    taken: dict[bool, list[float]] = {True: [], False: []}
    problems: set[str] = set()
    try:
        for round_ in range(rounds + 1):
            for at_once in (True, False):
                seconds, problem = await asyncio.to_thread(_send, server.port, key, at_once)
                problems |= {problem} if problem else set()
                if round_ > 0:
                    taken[at_once].append(MESSAGES / seconds)
                await _drain(raw)
    finally:
        await raw.close()
        listening.close()
    return Figure(
        topic="bulk",
        name=f"{MESSAGES:,} messages in one call of POST /v1/messages/bulk, all or nothing",
        unit="messages/s",
        ours=tuple(taken[True]),
        theirs=tuple(taken[False]),
        other=f"{MESSAGES:,} calls of POST /v1/messages",
        target=Target(10),
        invalid="; ".join(sorted(problems)[:2]),
    )


def _send(port: int, key: str, at_once: bool) -> tuple[float, str]:
    """Seconds, and what went wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    messages: list[dict[str, Any]] = [{"to": wa_id(n), "type": "text", "text": {"body": text_of(n)}} for n in range(MESSAGES)]
    path, bodies = ("/v1/messages/bulk", [{"messages": messages}]) if at_once else ("/v1/messages", messages)
    requests = [json.dumps(body).encode() for body in bodies]
    problem = ""
    started = time.perf_counter()
    for body in requests:
        connection.request("POST", path, body=body, headers=headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 202:
            problem = f"{answer.status}: {said[:200].decode()}"
    took = time.perf_counter() - started
    connection.close()
    return took, problem


async def _drain(raw: Any) -> None:
    until = time.perf_counter() + DRAIN
    while await raw.fetchval(_WAITING) and time.perf_counter() < until:  # noqa: ASYNC110 - the database signals nobody
        await asyncio.sleep(0.2)
