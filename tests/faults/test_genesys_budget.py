"""A thousand conversations through the budget of one OAuth client: in order, with one receipt a message, and all to be seen."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from tests.acceptance.installation import (
    INTEGRATION,
    NUMBER,
    TENANT,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed,
    new_account,
    new_integration,
    until,
)
from tests.databases import Databases
from tests.faults.harness import chosen_seed
from tests.faults.harness_record import Record
from tests.integration.deliveries.genesys_side import MINUTE, GenesysSide
from waystate.clock import utc_now
from waystate.ids import TenantId
from waystate.keys import store as key_store
from waystate.principal import Scope
from waystate.tenants.model import GenesysLimits, Tenant, WhatsAppLimits
from waystate.web.metrics import parse_metrics

BATCH, AT_ONCE = 100, 16
FAILED = {"code": 131026, "title": "Message undeliverable"}
FAILED_SHARE, ALLOWED_REFUSALS = 0.05, 0.01
STUCK_AFTER = 60
"""Seconds."""


class FarSides:
    """WhatsApp, which takes everything and tells later what became of it, and Genesys."""

    def __init__(self, genesys: GenesysSide) -> None:
        self.genesys = genesys
        self.sends: dict[str, list[str]] = defaultdict(list)
        """Phone → texts."""
        self.wamids: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if "/graph/" not in request.url.path:
            return await self.genesys.handle(request)
        body = json.loads(request.content)
        text = body["text"]["body"]
        self.sends[body["to"]].append(text)
        wamid = f"wamid.out-{text}"
        self.wamids.put_nowait(wamid)
        return httpx2.Response(200, json={"messaging_product": "whatsapp", "messages": [{"id": wamid}]})


@dataclass(slots=True)
class Seen:
    """What the queue's operation and the metrics said while the run was under way."""

    waiting: list[int] = field(default_factory=list)
    oldest: list[float] = field(default_factory=list)
    estimates: list[tuple[datetime, float]] = field(default_factory=list)
    gauges: list[float] = field(default_factory=list)
    answered_in: list[float] = field(default_factory=list)
    """Seconds, of Genesys' webhooks."""


@dataclass(frozen=True, slots=True)
class Size:
    """`limit` is the client's, in requests a minute."""

    conversations: int
    messages: int
    limit: int


async def test_forty_conversations_share_a_budget(records: list[Record], databases: Databases, tmp_path: Path) -> None:
    await run_all("genesys-budget", Size(40, 4, 9000), records, databases, tmp_path)


@pytest.mark.faults
async def test_a_thousand_conversations_share_a_budget(records: list[Record], databases: Databases, tmp_path: Path) -> None:
    await run_all("genesys-budget-long", Size(1000, 20, 300 * 60), records, databases, tmp_path)


async def run_all(name: str, size: Size, records: list[Record], databases: Databases, folder: Path) -> None:
    record = Record(name, chosen_seed(26))
    records.append(record)
    random = Random(f"{record.seed}/{name}")
    far = FarSides(GenesysSide(utc_now, limit=size.limit))
    failed = {text for text in texts_of(size, "agent") if random.random() < FAILED_SHARE}
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(far))
    seen = Seen()
    with databases.fresh() as url:
        async with installed(url, folder / "home", http=http) as place:
            await set_up(place, size.limit)
            watching = asyncio.create_task(watch(place, seen))
            telling = asyncio.create_task(tell(place, far, failed))
            try:
                await converse(place, size, seen)
                written = record.seconds()
                await all_told(far, size, failed)
                await place.settled(timeout=60)
            finally:
                for task in (watching, telling):
                    task.cancel()
                await asyncio.gather(watching, telling, return_exceptions=True)
            dead = await place.value("SELECT count(*) FROM dead_letters")
            applied = await place.value(
                "SELECT count(*) FROM events WHERE type = 'message.status' AND data ->> 'direction' = 'outbound'"
                " AND data ->> 'status' IN ('delivered', 'failed')"
            )
    record.problems = [*find_wrong(far, size, failed), *([f"{dead} dead letters"] if dead else [])]
    record.figures |= figures_of(far, size, seen) | {
        "statuses that call for a receipt": applied,
        "all written after s": written,
        "seconds": record.seconds(),
    }
    record.is_complete = True
    print(json.dumps(record.figures, indent=1))
    assert record.problems == []
    assert max(seen.waiting) > 0
    assert max(seen.gauges) > 0 or size.conversations < 100, "a short run may be over before the gauges are read"


async def set_up(place: Installation, limit: int) -> None:
    await place.add_tenants([Tenant(id=TENANT, name="Acme")])
    integration = new_integration(INTEGRATION, limits=GenesysLimits(requests_per_minute=limit))
    limits = WhatsAppLimits(messages_per_second=1000, pair_interval=0)
    account = new_account(NUMBER, genesys_integration_id=integration.id, limits=limits)
    await place.add_accounts(TenantId(TENANT), [account], [integration])


def phone_of(conversation: int) -> str:
    return f"1555{conversation:07d}"


def texts_of(size: Size, who: str) -> list[str]:
    return [f"{who}-{number}-{turn}" for turn in range(size.messages) for number in range(size.conversations)]


async def converse(place: Installation, size: Size, seen: Seen) -> None:
    """In turns: all customers write, and all agents answer."""
    contacts: dict[str, str] = {}
    room = asyncio.Semaphore(AT_ONCE)

    async def answer(number: int, turn: int) -> None:
        async with room:
            text = f"agent-{number}-{turn}"
            begun = time.monotonic()
            answer = await place.post_genesys(agent_message(text, contacts[phone_of(number)], text))
            seen.answered_in.append(time.monotonic() - begun)
            assert answer.status_code == 200, answer.text

    for turn in range(size.messages):
        for start in range(0, size.conversations, BATCH):
            some = range(start, min(start + BATCH, size.conversations))
            values = [
                customer_message(f"wamid.in-{number}-{turn}", phone_of(number), f"customer-{number}-{turn}", at=at(turn))
                for number in some
            ]
            body = {key: [value[key][0] for value in values] for key in ("contacts", "messages")}
            assert (await place.post_meta(envelope(body))).status_code == 200
        if not contacts:
            contacts |= await contacts_of(place, size)
        await asyncio.gather(*(answer(number, turn) for number in range(size.conversations)))


def at(turn: int) -> int:
    return int(utc_now().timestamp()) - 100 + turn


async def contacts_of(place: Installation, size: Size) -> dict[str, str]:
    """Phone → what the customer is called towards Genesys."""
    query = "SELECT external_id, contact_id FROM contact_identities WHERE kind = 'wa_id'"

    async def are_known() -> bool:
        return len(await place.rows(query)) == size.conversations

    await until(are_known, timeout=60)
    return {row["external_id"]: str(row["contact_id"]) for row in await place.rows(query)}


async def tell(place: Installation, far: FarSides, failed: set[str]) -> None:
    """Whatever was sent is reported as sent and delivered, and some of it as failed afterwards, as fast as it goes."""
    while True:
        wamids = [await far.wamids.get()]
        while not far.wamids.empty() and len(wamids) < BATCH:
            wamids.append(far.wamids.get_nowait())
        now = str(int(utc_now().timestamp()))
        entries: list[dict[str, Any]] = [
            {"id": wamid, "status": word, "timestamp": now} for word in ("sent", "delivered") for wamid in wamids
        ]
        entries += [
            {"id": wamid, "status": "failed", "timestamp": now, "errors": [FAILED]}
            for wamid in wamids
            if wamid.removeprefix("wamid.out-") in failed
        ]
        assert (await place.post_meta(envelope({"statuses": entries}))).status_code == 200


async def watch(place: Installation, seen: Seen) -> None:
    async with place.app.db.tenant(TenantId(TENANT)) as conn:
        key = (await key_store.create_key(conn, TenantId(TENANT), "reader", utc_now(), scopes=[Scope.TENANT_READ]))[1]
    while True:
        answer = await place.http.get("/v1/tenant/genesys-queues", headers={"x-api-key": key})
        (queue,) = answer.json()["items"]
        seen.waiting.append(queue["waiting"])
        seen.oldest.append(queue["oldest_seconds"])
        seen.estimates.append((utc_now(), queue["done_in_seconds"]))
        metrics = parse_metrics((await place.http.get("/metrics")).text)
        seen.gauges.append(metrics["waystate_genesys_oldest_seconds", (("what", "messages"),)])
        await asyncio.sleep(0.25)


async def all_told(far: FarSides, size: Size, failed: set[str]) -> None:
    """However long it takes, as long as it goes on."""
    asked = -1
    while not is_told(far, size, failed):
        assert len(far.genesys.asked) > asked, f"nothing more came for {STUCK_AFTER} s, after {asked} requests"
        asked = len(far.genesys.asked)
        for _ in range(STUCK_AFTER):
            await asyncio.sleep(1)
            if is_told(far, size, failed):
                return


def is_told(far: FarSides, size: Size, failed: set[str]) -> bool:
    """Genesys has every message, and the last word on each of its own."""
    if len(far.genesys.of("message")) < size.conversations * size.messages:
        return False
    told = last_words(far)
    return len(told) == size.conversations * size.messages and all(told[each] == "Failed" for each in failed)


def last_words(far: FarSides) -> dict[str, str]:
    return {each.body["id"]: each.body["status"] for each in far.genesys.of("receipt")}


def find_wrong(far: FarSides, size: Size, failed: set[str]) -> list[str]:
    wrong = []
    texts: dict[str, list[str]] = defaultdict(list)
    for each in far.genesys.of("message"):
        _, number, _ = each.body["text"].split("-")
        texts[number].append(each.body["text"])
    for number in range(size.conversations):
        expected = [f"customer-{number}-{turn}" for turn in range(size.messages)]
        if texts[str(number)] != expected:
            wrong.append(f"customer {number}'s messages came as {texts[str(number)]}")
        if far.sends[phone_of(number)] != [f"agent-{number}-{turn}" for turn in range(size.messages)]:
            wrong.append(f"customer {number} was sent {far.sends[phone_of(number)]}")
    for text, said in last_words(far).items():
        if (said == "Failed") != (text in failed):
            wrong.append(f"the last word on {text} was {said}")
    if (share := refused_share(far)) > ALLOWED_REFUSALS:
        wrong.append(f"{share:.2%} of the requests were refused for their rate")
    if (most := busiest_minute(far)) > size.limit:
        wrong.append(f"{most} requests in a minute")
    return wrong


def refused_share(far: FarSides) -> float:
    statuses = far.genesys.statuses()
    return statuses[429] / statuses.total()


def busiest_minute(far: FarSides) -> int:
    times = sorted(each.at for each in far.genesys.asked)
    most, first = 0, 0
    for last, at_last in enumerate(times):
        while times[first] <= at_last - MINUTE:
            first += 1
        most = max(most, last - first + 1)
    return most


def figures_of(far: FarSides, size: Size, seen: Seen) -> dict[str, Any]:
    times: Sequence[datetime] = sorted(each.at for each in far.genesys.asked)
    spent = (times[-1] - times[0]).total_seconds()
    fullest = max(range(len(seen.waiting)), key=lambda number: seen.waiting[number])
    told_at, estimate = seen.estimates[fullest]
    return {
        "conversations": size.conversations,
        "messages each way": size.conversations * size.messages,
        "requests a minute, allowed": size.limit,
        "requests": len(times),
        "requests a minute, on average": round(len(times) / spent * 60),
        "requests of the busiest minute": busiest_minute(far),
        "refused for their rate": f"{refused_share(far):.2%}",
        "receipts": len(far.genesys.of("receipt")),
        "waiting at the most": max(seen.waiting),
        "oldest at the most, s": max(seen.oldest),
        "Genesys' webhooks, median and slowest of a hundred answered in ms": [
            round(1000 * sorted(seen.answered_in)[len(seen.answered_in) * each // 100]) for each in (50, 99)
        ],
        "estimate when most waited, s": estimate,
        "it then took, with what came later, s": round((times[-1] - told_at).total_seconds(), 1),
    }
