"""The far sides of a case: a simulated WhatsApp and Genesys for each number, and everything that was asked of them."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.acceptance.installation import BY_HAND, SIMULATED, Door
from waystate.documents import Unreadable, parse
from waystate.simulator.app import create_simulator
from waystate.simulator.config import SimulatorConfig

_FIRST_PORT = 3006
# Nobody answers and no status comes by itself: what happens is what the case says.
_STILL = {
    **BY_HAND,
    "agent_typing_share": 0.0,
    "sent_delay": 3600.0,
    "delivered_delay": 3600.0,
    "read_delay": 3600.0,
}


@dataclass(frozen=True)
class Line:
    """One business number, the Genesys integration that serves it, and where the two far sides listen for it."""

    number: str
    waba: str
    integration: str
    port: int

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"


@dataclass(frozen=True)
class Call:
    path: str
    body: Any
    status: int
    answer: Any

    @property
    def is_accepted(self) -> bool:
        return self.status < 300


def lines_of(numbers: Mapping[str, str]) -> dict[str, Line]:
    """By number, in the order given."""
    return {
        number: Line(number, waba, f"integration-{number}", _FIRST_PORT + place)
        for place, (number, waba) in enumerate(numbers.items())
    }


@dataclass
class FarSides(httpx2.AsyncBaseTransport):
    """The network towards both platforms, as a transport that writes down what passes."""

    calls: list[Call] = field(default_factory=list)
    simulators: dict[int, httpx2.ASGITransport] = field(default_factory=dict)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = await request.aread()
        answer = await self.simulators[request.url.port or 80].handle_async_request(request)
        content = await answer.aread()
        self.calls.append(Call(request.url.path, _read(asked), answer.status_code, _read(content)))
        return httpx2.Response(answer.status_code, headers=answer.headers, content=content)

    def sends(self, message_id: str | None) -> list[Call]:
        """What the Graph API was asked to send for a message of ours; for None, the sends that name no message."""
        return [
            call
            for call in self._calls("/messages", "/graph/")
            if "status" not in call.body and call.body.get("biz_opaque_callback_data") == message_id
        ]

    def told(self, wamid: str) -> list[Call]:
        """What Genesys was given for a customer's message."""
        return [call for call in self._calls("/inbound/open/message") if call.body["channel"].get("messageId") == wamid]

    def receipts(self, genesys_message_id: str) -> list[Call]:
        """What Genesys was told of its own message."""
        return [call for call in self._calls("/inbound/open/receipt") if call.body["id"] == genesys_message_id]

    def find_conversation(self, integration: str, customer: str) -> str | None:
        """Genesys' conversation with the customer that it knows by this id; each integration has its own."""
        for call in self._calls(f"/{integration}/inbound/open/message"):
            if call.body["channel"]["from"]["id"] == customer and "conversationId" in (call.answer or {}):
                return str(call.answer["conversationId"])
        return None

    def _calls(self, end: str, start: str = "/") -> Iterator[Call]:
        return (call for call in self.calls if call.path.startswith(start) and call.path.endswith(end))


@asynccontextmanager
async def still_far_sides(lines: Mapping[str, Line], door: Door) -> AsyncIterator[FarSides]:
    """The far sides of every line. `door` leads to Waystate, although nothing of theirs comes by itself."""
    far = FarSides()
    async with AsyncExitStack() as stack:
        for line in lines.values():
            # From the port, so that no two of them ever make up the same id.
            said = {"phone_number_id": line.number, "waba_id": line.waba, "integration_id": line.integration, "seed": line.port}
            config = SimulatorConfig(**{**SIMULATED, **_STILL, **said})
            app = create_simulator(config, transport=httpx2.ASGITransport(door, client=("127.0.0.1", 50_001)))
            await stack.enter_async_context(app.router.lifespan_context(app))
            far.simulators[line.port] = httpx2.ASGITransport(app)
        yield far


def _read(content: bytes) -> Any:
    """None for what is no JSON: the form that asks for a token."""
    try:
        return parse(content)
    except Unreadable:
        return None
