"""R10: statuses of what a business sent come shuffled, doubled, with some dropped, of the same second and before the send's own
answer. What becomes of each message is a function of the set of its statuses, and never goes backwards."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import httpx2
import pytest

from tests.acceptance.idempotent import text
from tests.acceptance.installation import Installation, customer_message, envelope, installed, until
from tests.acceptance.test_idempotent_sends import sending_key
from tests.databases import Databases
from tests.faults.harness import chosen_seed
from tests.faults.harness_record import Record
from tests.unit.messages.test_status import model
from waystate.messages.model import StatusReport

WORDS = ("sent", "delivered", "read", "failed", "played")
ERRORS = ({"code": 131026, "title": "Message undeliverable"}, {"code": 131049, "title": "Not delivered to keep it healthy"})
RANK = {"queued": 0, "sent": 1, "delivered": 2, "failed": 3, "read": 4}
BATCH = 100
"""Messages of customers, sends, or statuses in one call."""
AT_ONCE = 8

Each = TypeVar("Each")


@dataclass(slots=True)
class Told:
    """One status of a run, as a webhook tells it."""

    word: str
    second: int
    error: dict[str, Any] | None

    def entry(self, wamid: str, at: int) -> dict[str, Any]:
        errors = {"errors": [self.error]} if self.error else {}
        return {"id": wamid, "status": self.word, "timestamp": str(at + self.second), **errors}


@dataclass(slots=True)
class StatusRun:
    """What WhatsApp tells of one message: `early` before it has answered the send, `late` afterwards."""

    number: int
    early: list[Told] = field(default_factory=list)
    late: list[Told] = field(default_factory=list)

    @property
    def phone(self) -> str:
        return f"1555{self.number:07d}"

    @property
    def wamid(self) -> str:
        return f"wamid.run-{self.number}"


def draw_runs(random: Random, count: int) -> list[StatusRun]:
    """Half of them within one second."""
    runs = []
    for number in range(count):
        seconds = 0 if random.random() < 0.5 else 3
        told = [_draw(random, word, seconds) for word in WORDS if random.random() < (0.2 if word in WORDS[3:] else 0.7)]
        told += [each for each in told if random.random() < 0.3]
        random.shuffle(told)
        early = random.randint(1, len(told)) if told and random.random() < 0.4 else 0
        runs.append(StatusRun(number, told[:early], told[early:]))
    return runs


def _draw(random: Random, word: str, seconds: int) -> Told:
    return Told(word, random.randint(0, seconds), random.choice(ERRORS) if word == "failed" else None)


class Graph:
    """WhatsApp, which reports on some messages before it answers their sends."""

    def __init__(self, runs: Sequence[StatusRun], random: Random, at: int) -> None:
        self.place: Installation | None = None
        self.sends: list[str] = []
        self._runs = {run.phone: run for run in runs}
        self._random = random
        self._at = at

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        run = self._runs[json.loads(request.content)["to"]]
        self.sends.append(run.wamid)
        if run.early:
            await self.report([each.entry(run.wamid, self._at) for each in run.early])
            await asyncio.sleep(self._random.uniform(0, 0.1))  # worked off by then, or not
        return httpx2.Response(200, json={"messaging_product": "whatsapp", "messages": [{"id": run.wamid}]})

    async def report(self, entries: Sequence[dict[str, Any]]) -> None:
        assert self.place is not None
        answer = await self.place.post_meta(envelope({"statuses": list(entries)}))
        assert answer.status_code == 200


async def test_r10_three_hundred_status_runs_end_as_the_model_says(
    records: list[Record], databases: Databases, tmp_path: Path
) -> None:
    await run_all("R10-status-runs", 300, records, databases, tmp_path)


@pytest.mark.faults
async def test_r10_ten_thousand_status_runs_end_as_the_model_says(
    records: list[Record], databases: Databases, tmp_path: Path
) -> None:
    await run_all("R10-status-runs-long", 10_000, records, databases, tmp_path)


async def run_all(name: str, count: int, records: list[Record], databases: Databases, folder: Path) -> None:
    record = Record(name, chosen_seed(10))
    records.append(record)
    random, at = Random(f"{record.seed}/{name}"), int(time.time())
    runs = draw_runs(random, count)
    graph = Graph(runs, random, at)
    with databases.fresh() as url:
        async with running(url, folder, graph) as place:
            await send_all(place, runs, at)
            late = [each.entry(run.wamid, at) for run in runs for each in run.late]
            random.shuffle(late)
            await report_all(graph, late)
            await settled(place, count)
            problems = [*find_wrong(await states(place), runs, at), *await find_backward(place)]
    assert sorted(graph.sends) == sorted(run.wamid for run in runs), "each once"
    record.figures |= {
        "seconds": record.seconds(),
        "messages": count,
        "statuses": sum(len(run.early) + len(run.late) for run in runs),
        "before the send's own answer": sum(len(run.early) for run in runs),
    }
    record.problems, record.is_complete = problems, True
    assert problems == []


@asynccontextmanager
async def running(url: str, folder: Path, graph: Graph) -> AsyncIterator[Installation]:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(graph))
    async with installed(url, folder / "home", http=http) as place:
        graph.place = place
        await place.add_tenant(genesys_sender="external")
        yield place


async def send_all(place: Installation, runs: Sequence[StatusRun], at: int) -> None:
    """Each customer writes, and is answered."""
    for some in batches_of(runs):
        values = [customer_message(f"wamid.in-{run.number}", run.phone, at=at) for run in some]
        contacts, messages = [value["contacts"][0] for value in values], [value["messages"][0] for value in values]
        assert (await place.post_meta(envelope({"contacts": contacts, "messages": messages}))).status_code == 200
    await place.settled(timeout=60 + len(runs) / 50)
    known = await sending_key(place)
    for some in batches_of(runs):
        body = {"messages": [text(run.phone, f"Answer {run.number}") for run in some]}
        answer = await place.http.post("/v1/messages/bulk", json=body, headers=known)
        assert answer.status_code == 202, answer.text
    await settled(place, len(runs))


def batches_of(things: Sequence[Each]) -> Iterator[Sequence[Each]]:
    for start in range(0, len(things), BATCH):
        yield things[start : start + BATCH]


async def report_all(graph: Graph, entries: Sequence[dict[str, Any]]) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def report(some: Sequence[dict[str, Any]]) -> None:
        async with room:
            await graph.report(some)

    await asyncio.gather(*(report(some) for some in batches_of(entries)))


async def settled(place: Installation, sends: int) -> None:
    """All are sent, and no status waits for its message any more."""

    async def is_done() -> bool:
        waiting = "SELECT (SELECT count(*) FROM early_statuses) + $1 - (SELECT count(*) FROM deliveries WHERE state = 'sent')"
        return bool(await place.value(waiting, sends) == 0)

    await until(is_done, timeout=60 + sends / 20)
    await place.settled(timeout=60 + sends / 50)


async def states(place: Installation) -> dict[str, dict[str, Any]]:
    rows = await place.rows(
        "SELECT wamid, status, delivered_at, read_at, failed_at, error FROM messages WHERE direction = 'outbound'"
    )
    return {row.pop("wamid"): row for row in rows}


def find_wrong(found: dict[str, dict[str, Any]], runs: Sequence[StatusRun], at: int) -> list[str]:
    """Messages that are not as the model says."""
    wrong = []
    for run in runs:
        reports = list(_reports(run, at))
        said = model([*reports, StatusReport(wamid=run.wamid, status="sent", at=_time(at))])
        expected = {name: getattr(said, name) for name in ("status", "delivered_at", "read_at", "failed_at", "error")}
        if found.get(run.wamid) != expected:
            wrong.append(f"{run.wamid}: {found.get(run.wamid)} instead of {expected} after {run.early} and {run.late}")
    return wrong


def _reports(run: StatusRun, at: int) -> Iterator[StatusReport]:
    for each in (*run.early, *run.late):
        yield StatusReport(wamid=run.wamid, status=each.word, at=_time(at + each.second), error=each.error)


def _time(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


async def find_backward(place: Installation) -> list[str]:
    """Messages of which an event tells a step backwards."""
    rows = await place.rows(
        "SELECT message_id, array_agg(data ->> 'status' ORDER BY position) AS statuses FROM events "
        "WHERE type = 'message.status' AND data ->> 'direction' = 'outbound' GROUP BY message_id"
    )
    return [
        f"{row['message_id']} went {row['statuses']}"
        for row in rows
        if any(RANK[before] >= RANK[after] for before, after in pairwise(row["statuses"]))
    ]
