"""A tiny Waystate that only takes webhooks, and a simulator that talks to it without a network."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from waystate.channels.signature import sign_as_genesys, sign_as_meta, verify
from waystate.clock import Clock, utc_now
from waystate.simulator.app import create_simulator
from waystate.simulator.config import SimulatorConfig

CONFIG: dict[str, Any] = {
    "whatsapp_webhook_url": "http://waystate/webhooks/whatsapp/app-1",
    "app_secret": "meta-app-secret",
    "phone_number_id": "106540352242922",
    "display_phone_number": "15550783881",
    "waba_id": "102290129340398",
    "genesys_webhook_url": "http://waystate/webhooks/genesys/integration-1",
    "integration_id": "73cb7fb7-c2db-4996-88f3-0a83a4fea1da",
    "webhook_secret": "genesys-webhook-secret",
    "access_token": "EAAtoken",
    "client_id": "client-1",
    "client_secret": "client-secret",
    "retry_after": 2,
    "sent_delay": 0.01,
    "delivered_delay": 0.04,
    "read_delay": 0.16,
    "agent_reply_delay": 0.01,
    "agent_typing_share": 0.0,
    "webhook_timeout": 1.0,
    "meta_retry_first": 0.01,
    "genesys_retry_interval": 0.01,
}


@dataclass
class Waystate:
    """Takes webhooks, checks their signatures with Waystate's own functions, answers as told and then with 200."""

    answers: deque[int] = field(default_factory=deque)
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    changes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    events: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    badly_signed: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        if scope["path"].endswith("/events"):
            self.events.append((dict(request.headers), json.loads(body)))
            await Response(status_code=self.answers.popleft() if self.answers else 200)(scope, receive, send)
            return
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.signatures.append(request.headers["x-hub-signature-256"])
        self._check_signature(scope["path"], body, self.signatures[-1])
        status = self.answers.popleft() if self.answers else 200
        if status == 200:
            self._take(json.loads(body))
        await Response(status_code=status)(scope, receive, send)

    def _check_signature(self, path: str, body: bytes, header: str) -> None:
        if path.startswith("/webhooks/whatsapp/"):
            good = verify(sign_as_meta, CONFIG["app_secret"].encode(), body, header)
        else:
            good = verify(sign_as_genesys, CONFIG["webhook_secret"].encode(), body, header)
        self.badly_signed += not good

    def _take(self, document: dict[str, Any]) -> None:
        if "entry" not in document:
            self.replies.append(document)
            return
        change = document["entry"][0]["changes"][0]
        value = change["value"]
        if change["field"] != "messages":
            self.changes.append((change["field"], value))
        self.messages += [{**message, "contact": value["contacts"][0]} for message in value.get("messages", [])]
        self.statuses += value.get("statuses", [])


@dataclass
class Simulator:
    client: httpx2.AsyncClient
    app: Starlette
    genesys_token: str = ""
    met: set[str] = field(default_factory=set)

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.client.request(method, f"/simulator{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def meet(self, identity: str = "15550100") -> str:
        """The customer writes, which opens the window; the wamid."""
        self.met.add(identity)
        wamid: str = (await self.control("POST", f"/customers/{identity}/messages", {"text": "Hello"}))["wamid"]
        return wamid

    async def send(self, text: str = "#1 Hello", *, opaque: str = "m-1", **fields: Any) -> httpx2.Response:
        """To a customer who has written."""
        identity = fields.get("to", "15550100") or fields["recipient"]
        if identity not in self.met:
            await self.meet(identity)
        body = {"messaging_product": "whatsapp", "to": "15550100", "type": "text", "text": {"body": text}}
        return await self.post_graph({**body, "biz_opaque_callback_data": opaque, **fields})

    async def post_graph(self, body: Any, *, token: str = CONFIG["access_token"]) -> httpx2.Response:
        path = f"/graph/v24.0/{CONFIG['phone_number_id']}/messages"
        return await self.client.post(path, json=body, headers={"authorization": f"Bearer {token}"})

    async def log_in(self, secret: str = CONFIG["client_secret"], client: str = CONFIG["client_id"]) -> httpx2.Response:
        pair = base64.b64encode(f"{client}:{secret}".encode()).decode()
        form = {"grant_type": "client_credentials"}
        return await self.client.post("/genesys/login/oauth/token", data=form, headers={"authorization": f"Basic {pair}"})

    async def post_genesys(self, kind: str, body: Any, *, query: str = "") -> httpx2.Response:
        if not self.genesys_token:
            self.genesys_token = (await self.log_in()).json()["access_token"]
        path = f"/genesys/api/v2/conversations/messages/{CONFIG['integration_id']}/inbound/open/{kind}{query}"
        return await self.client.post(path, json=body, headers={"authorization": f"Bearer {self.genesys_token}"})

    async def ask_genesys(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        """`path` is below `/api/v2`."""
        if not self.genesys_token:
            self.genesys_token = (await self.log_in()).json()["access_token"]
        headers = {"authorization": f"Bearer {self.genesys_token}"}
        return await self.client.request(method, f"/genesys/api/v2{path}", json=body, headers=headers)

    async def tell_genesys(self, message_id: str, *, sender: str = "15550100", text: str = "Hi") -> httpx2.Response:
        return await self.post_genesys("message", genesys_message(message_id, sender=sender, text=text))


def genesys_message(message_id: str, *, sender: str = "15550100", text: str = "Hi") -> dict[str, Any]:
    channel = {"from": {"id": sender, "idType": "Opaque"}, "time": "2026-11-20T12:00:00.000Z", "messageId": message_id}
    return {"channel": channel, "text": text}


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    return CONFIG


@pytest.fixture
def waystate() -> Waystate:
    return Waystate()


@pytest.fixture
async def simulate(waystate: Waystate) -> AsyncIterator[Callable[..., Any]]:
    """Starts a simulator, with settings that differ from CONFIG's."""
    async with AsyncExitStack() as stack:

        async def start(*, clock: Clock = utc_now, **settings: Any) -> Simulator:
            config = SimulatorConfig(**{**CONFIG, **settings})
            app = create_simulator(config, transport=httpx2.ASGITransport(waystate), clock=clock)
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx2.ASGITransport(app)
            client = httpx2.AsyncClient(transport=transport, base_url="http://localhost:3006")
            return Simulator(await stack.enter_async_context(client), app)

        yield start


@pytest.fixture
async def simulator(simulate: Callable[..., Any]) -> Simulator:
    started: Simulator = await simulate()
    return started


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Any]:
    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(3):
            while not condition():  # noqa: ASYNC110 - it watches counts of another part, which signals nobody
                await asyncio.sleep(0.005)

    return wait
