"""The real couriers with a Graph API that answers as a test says, and a clock that the test moves."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx2
from obstore.store import MemoryStore

from tests.world import HOLD, LANES, Business, World
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.clock import Clock
from waystate.deliveries.dispatch import DeliveryWorker
from waystate.deliveries.send import Platforms
from waystate.media.objects import ObjectStore
from waystate.web.metrics import Metrics
from waystate.work.leases import DELIVERIES, LeaseKeeper

NUMBER = "1001"


@dataclass(frozen=True, slots=True)
class Sent:
    """A send that reached the Graph API, with our id of the message and what it was answered."""

    number: str
    to: str
    message_id: UUID
    text: str
    at: datetime
    http_status: int


class Graph(httpx2.AsyncBaseTransport):
    """Accepts every send, unless `judge` answers (number, phone) with something else."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sends: list[Sent] = []
        self.judge: Callable[[str, str], httpx2.Response | None] = lambda number, to: None
        self.bodies: list[dict[str, Any]] = []
        self.uploads: list[tuple[str, bytes]] = []
        self.judge_upload: Callable[[str], httpx2.Response | None] = lambda number: None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/media"):
            return await self._take_upload(request)
        body = json.loads(request.read())
        number = request.url.path.split("/")[-2]
        answer = self.judge(number, body["to"])
        if answer is None:
            answer = httpx2.Response(200, json={"messages": [{"id": f"wamid.out.{len(self.sends)}"}]})
        message_id = UUID(body["biz_opaque_callback_data"])
        text = body.get("text", {}).get("body", "")
        self.sends.append(Sent(number, body["to"], message_id, text, self.clock(), answer.status_code))
        self.bodies.append(body)
        return answer

    async def _take_upload(self, request: httpx2.Request) -> httpx2.Response:
        number, form = request.url.path.split("/")[-2], await request.aread()
        self.uploads.append((number, form))
        return self.judge_upload(number) or httpx2.Response(200, json={"id": f"media.{len(self.uploads)}"})

    def accepted(self, to: str | None = None) -> list[Sent]:
        return [each for each in self.sends if each.http_status == 200 and to in (None, each.to)]


def refusal(code: int, http_status: int = 400, headers: dict[str, str] | None = None, **said: Any) -> httpx2.Response:
    error = {"message": f"(#{code}) No", "type": "OAuthException", "code": code, **said}
    return httpx2.Response(http_status, headers=headers or {}, json={"error": error})


class Scene:
    """Customers who wait for answers of a tenant's numbers, and the courier that carries them."""

    def __init__(self, world: World, tenant: Business, graph: Graph) -> None:
        self.world, self.tenant, self.graph = world, tenant, graph
        self.metrics = Metrics()
        self.objects = ObjectStore(MemoryStore)
        self._ids = count(1)
        self.worker: DeliveryWorker

    async def open(self, *, holder_of: timedelta = timedelta(hours=30), concurrency: int = 64) -> None:
        """A process: leases and couriers that remember nothing."""
        leases = LeaseKeeper(self.world.db, self.world.clock, lanes=LANES, ttl=holder_of, kinds=(DELIVERIES,))
        await leases.renew()
        http = httpx2.AsyncClient(transport=self.graph)
        self.worker = DeliveryWorker(
            self.world.db,
            self.world.directory,
            Platforms(GraphClient(http), GenesysClient(http)),
            leases,
            self.metrics,
            lambda *_: None,
            self.world.clock,
            objects=self.objects,
            concurrency=concurrency,
            hold=HOLD,
        )
        self.leases = leases

    async def restart(self) -> None:
        """Another process takes over."""
        await self.worker.close()
        await self.leases.release()
        await self.open()

    async def write(self, phone: str, *texts: str, business: Business | None = None) -> None:
        """A customer writes, and is answered with each of these texts; nothing is sent yet."""
        await self.write_many({phone: texts}, business=business)

    async def write_many(self, answers: dict[str, Any], *, business: Business | None = None) -> None:
        """Phone → texts of the answers, customer after customer."""
        tenant = business or self.tenant
        written = [tenant.message(self._next("wamid.in"), wa_id=phone) for phone in answers]
        for start in range(0, len(written), 500):
            await self.world.receive(tenant, *written[start : start + 500])
        found = await self.world.rows(
            tenant, "SELECT external_id, contact_id FROM contact_identities WHERE external_id = ANY($1)", list(answers)
        )
        contacts = {each["external_id"]: str(each["contact_id"]) for each in found}
        replies = [
            tenant.reply(self._next("genesys"), recipient_id=contacts[phone], text=text)
            for phone in answers
            for text in answers[phone]
        ]
        for start in range(0, len(replies), 500):
            await self.world.answer(tenant, *replies[start : start + 500])
        while len(await self.world.relay(tenant)) == 1000:
            pass
        await self.world.execute(tenant, "UPDATE deliveries SET state = 'sent' WHERE target <> 'whatsapp'")

    def _next(self, what: str) -> str:
        """Of all the tenant's numbers together."""
        return f"{what}.{next(self._ids)}"

    async def once(self) -> None:
        """Until nothing is due."""
        await self.worker.step({self.tenant.tenant}, sweep=False)
        for courier in list(self.worker._couriers.values()):
            while courier._run is not None and (not courier._run.done() or courier.uploads.is_busy):
                await courier._run
                await courier.uploads.finish()

    async def run(self, seconds: float, *, every: float = 1.0) -> None:
        for _ in range(round(seconds / every)):
            self.world.clock.forward(seconds=every)
            await self.once()

    async def states(self, phone: str | None = None) -> Counter[str]:
        """Of the deliveries to WhatsApp."""
        to = "" if phone is None else f" AND request->>'to' = '{phone}'"
        rows = await self.world.rows(self.tenant, f"SELECT state FROM deliveries WHERE target = 'whatsapp'{to}")
        return Counter(row["state"] for row in rows)

    async def receipts(self) -> list[dict[str, Any]]:
        """What Genesys is to be told, with nothing sent to it."""
        await self.world.relay(self.tenant)
        rows = await self.world.rows(
            self.tenant, "SELECT request FROM deliveries WHERE target = 'genesys_receipt' ORDER BY position"
        )
        await self.world.execute(self.tenant, "UPDATE deliveries SET state = 'sent' WHERE target <> 'whatsapp'")
        return [row["request"] for row in rows]


@asynccontextmanager
async def scene_of(world: World) -> AsyncIterator[Scene]:
    tenant = await world.add("acme", number=NUMBER)
    scene = Scene(world, tenant, Graph(world.clock))
    await scene.open()
    yield scene
    await scene.worker.close()
