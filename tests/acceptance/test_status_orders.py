"""Statuses in every order, all of the same second, before and after the answer to the send: the same final state."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, pairwise, permutations
from typing import Any

import httpx2
import pytest

from tests.acceptance.installation import (
    INTEGRATION,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed,
    status_report,
    until,
)
from tests.databases import Databases

WORDS = ("sent", "delivered", "read", "failed")
AT = int(datetime.now(UTC).timestamp())
MOMENT = datetime.fromtimestamp(AT, UTC)
ERROR = {"code": 131026, "title": "Message undeliverable"}
ORDERS = [order for size in range(1, 5) for subset in combinations(WORDS, size) for order in permutations(subset)]
RANK = {"sent": 1, "delivered": 2, "failed": 3, "read": 4}
MODES = ("early", "early, with our id", "half early", "late")


@dataclass
class Run:
    """One message to a customer of its own, and the order in which its statuses come; `early` of them before the answer."""

    number: int
    order: tuple[str, ...]
    mode: str

    @property
    def customer(self) -> str:
        return f"1555{self.number:07d}"

    @property
    def wamid(self) -> str:
        return f"wamid.out-{self.number}"

    @property
    def early(self) -> int:
        return {"late": 0, "half early": (len(self.order) + 1) // 2}.get(self.mode, len(self.order))


RUNS = [Run(number, order, mode) for number, (mode, order) in enumerate((mode, order) for mode in MODES for order in ORDERS)]


class Graph:
    """WhatsApp, which reports what became of a send before it answers it."""

    def __init__(self) -> None:
        self.place: Installation | None = None
        self.sends: list[str] = []
        self._runs = {run.customer: run for run in RUNS}

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        run = self._runs[body["to"]]
        self.sends.append(run.wamid)
        echoed = {"biz_opaque_callback_data": body["biz_opaque_callback_data"]} if run.mode == "early, with our id" else {}
        for word in run.order[: run.early]:
            await self.report(run, word, **echoed)
        if run.early:
            await self.worked(run)
        return httpx2.Response(200, json={"messaging_product": "whatsapp", "messages": [{"id": run.wamid}]})

    async def report(self, run: Run, word: str, **fields: Any) -> None:
        assert self.place is not None
        errors = {"errors": [ERROR]} if word == "failed" else {}
        answer = await self.place.post_meta(envelope(status_report(run.wamid, word, at=AT, **errors, **fields)))
        assert answer.status_code == 200

    async def worked(self, run: Run) -> None:
        """Until the reports of this run were worked off: parked, or in the message's history."""
        place = self.place
        assert place is not None

        async def is_worked() -> bool:
            async with lock:
                pending = await place.value(
                    "SELECT count(*) FROM webhook_ledger WHERE state = 'pending' AND position($1::bytea IN body) > 0",
                    f'"{run.wamid}"'.encode(),
                )
            return bool(pending == 0)

        await until(is_worked)


lock = asyncio.Lock()
"""The tests' own connection takes one query at a time, and the platform is called for many messages at once."""


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    graph = Graph()
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(graph))
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home"), http=http) as installation:
            graph.place = installation
            await installation.add_tenant(genesys_sender="external")
            await send_all(installation, graph)
            yield installation


async def send_all(place: Installation, graph: Graph) -> None:
    for start in range(0, len(RUNS), 100):
        values = [customer_message(f"wamid.in-{run.number}", run.customer, at=AT) for run in RUNS[start : start + 100]]
        contacts, messages = [value["contacts"][0] for value in values], [value["messages"][0] for value in values]
        await place.post_meta(envelope({"contacts": contacts, "messages": messages}))
    await place.settled()
    for run in RUNS:
        await place.post_genesys(agent_message(f"answer-{run.number}", run.customer), integration=INTEGRATION)

    async def is_sent() -> bool:
        async with lock:
            return bool(await place.value("SELECT count(*) FROM deliveries WHERE state = 'sent'") == len(RUNS))

    await until(is_sent, timeout=40)
    for run in RUNS:
        for word in run.order[run.early :]:
            await graph.report(run, word)
    await place.settled(timeout=40)

    async def is_paired() -> bool:
        return bool(await place.value("SELECT count(*) FROM early_statuses") == 0)

    await until(is_paired)
    await place.settled()
    assert sorted(graph.sends) == sorted(run.wamid for run in RUNS)


def expected(order: tuple[str, ...]) -> dict[str, Any]:
    """The model: the highest rank wins, `read` proves delivery and clears another device's failure."""
    final = max((*order, "sent"), key=RANK.__getitem__)
    failed = "failed" in order and final != "read"
    return {
        "status": final,
        "delivered_at": MOMENT if {"delivered", "read"} & {*order} else None,
        "read_at": MOMENT if "read" in order else None,
        "failed_at": MOMENT if failed else None,
        "error": ERROR if failed else None,
    }


async def test_every_order_of_the_same_statuses_ends_in_the_same_state(place: Installation) -> None:
    rows = await place.rows(
        "SELECT wamid, status, delivered_at, read_at, failed_at, error FROM messages WHERE direction = 'outbound'"
    )
    found = {row.pop("wamid"): row for row in rows}
    assert len(found) == len(RUNS)
    wrong = [(run.mode, run.order, found[run.wamid]) for run in RUNS if found[run.wamid] != expected(run.order)]
    assert wrong == []


async def test_every_reported_status_is_in_the_history_with_what_it_did(place: Installation) -> None:
    rows = await place.rows(
        "SELECT m.wamid, e.status, e.applied, e.why_not FROM message_events e "
        "JOIN messages m ON m.tenant_id = e.tenant_id AND m.id = e.message_id WHERE e.source = 'whatsapp' ORDER BY e.id"
    )
    for run in RUNS:
        history = [row for row in rows if row["wamid"] == run.wamid]
        assert sorted(row["status"] for row in history) == sorted(run.order), (run.mode, run.order)
        assert all(row["applied"] or row["why_not"].startswith("already ") for row in history)


async def test_no_event_ever_tells_of_a_step_backwards(place: Installation) -> None:
    rows = await place.rows(
        "SELECT m.wamid, e.data ->> 'status' AS status FROM events e "
        "JOIN messages m ON m.tenant_id = e.tenant_id AND m.id = e.message_id "
        "WHERE e.type = 'message.status' AND m.direction = 'outbound' ORDER BY e.position"
    )
    for run in RUNS:
        ranks = [RANK[row["status"]] for row in rows if row["wamid"] == run.wamid]
        assert ranks, run
        assert all(before < after for before, after in pairwise(ranks)), (run.mode, run.order, ranks)
        assert ranks[-1] == RANK[expected(run.order)["status"]]


async def test_each_send_was_one_attempt_and_is_sent(place: Installation) -> None:
    rows = await place.rows("SELECT state, attempts, external_id FROM deliveries WHERE target = 'whatsapp'")
    assert {(row["state"], row["attempts"]) for row in rows} == {("sent", 1)}
    assert sorted(row["external_id"] for row in rows) == sorted(run.wamid for run in RUNS)
