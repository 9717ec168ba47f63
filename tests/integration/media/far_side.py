"""WhatsApp's side of customers' files: what is asked by id, what is loaded, and all that can go wrong with both."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2

from tests.world import Business
from waystate.documents import JsonObject
from waystate.messages.model import InboundMessage

API = "https://graph.facebook.com/v26.0"
PLACE = "https://lookaside.fbsbx.com/whatsapp_business/attachments"

Answer = Callable[[httpx2.Request], httpx2.Response | None]


class FileSide:
    """`files` by media id. `trouble` answers first, if it answers; `gate` keeps loads back while it is not set."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.trouble: list[Answer] = []
        self.loads: list[str] = []
        self.descriptions: list[str] = []
        self.tokens: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()
        """A load has begun."""
        self.most_at_once = self._at_once = 0

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    def add(self, media_id: str, content: bytes, **said: Any) -> JsonObject:
        """The media object of a webhook."""
        self.files[media_id] = content
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        return {"id": media_id, "mime_type": "image/jpeg", "sha256": digest} | said

    def fail(self, times: int, answer: Callable[[], httpx2.Response]) -> None:
        """So many of the next calls."""
        left = iter(range(times))
        self.trouble.append(lambda _: answer() if next(left, None) is not None else None)

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.tokens.add(request.headers["authorization"])
        media_id = request.url.params.get("mid") or request.url.path.rsplit("/", 1)[-1]
        is_load = request.url.host == "lookaside.fbsbx.com"
        (self.loads if is_load else self.descriptions).append(media_id)
        if is_load:
            self.reached.set()
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            try:
                await self.gate.wait()
            finally:
                self._at_once -= 1
        for trouble in self.trouble:
            if (answer := trouble(request)) is not None:
                return answer
        content = self.files.get(media_id)
        if content is None:
            return httpx2.Response(404, json={"error": {"code": 100, "message": "Unsupported get request"}})
        if is_load:
            return httpx2.Response(200, content=_in_pieces(content))
        return httpx2.Response(
            200,
            json={
                "messaging_product": "whatsapp",
                "url": f"{PLACE}/?mid={media_id}",
                "mime_type": "image/jpeg",
                "sha256": hashlib.sha256(content).hexdigest(),
                "file_size": len(content),
                "id": media_id,
            },
        )


async def _in_pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


def image(business: Business, media: JsonObject, wamid: str | None = None, **said: Any) -> InboundMessage:
    """A customer's message with this file."""
    return business.message(wamid, type="image", text=said.pop("text", "[image]"), content=media, media=media, **said)
