"""WhatsApp's list of templates, as far as a client sees it: pages by cursors, refusals, and how often it was asked."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import httpx2

from waystate.documents import JsonObject


class ListingSide:
    """Holds templates by business account; `refusals` by access token, `gate` keeps every answer back while it is not set."""

    def __init__(self) -> None:
        self.templates: dict[str, list[JsonObject]] = {}
        self.refusals: dict[str, tuple[int, JsonObject]] = {}
        self.asked: list[tuple[str, str]] = []
        self.hosts: set[str] = set()
        self.page = 100
        self.gate = asyncio.Event()
        self.gate.set()
        self._news = asyncio.Event()

    async def reached(self, times: int) -> None:
        """Until it was asked so often."""
        async with asyncio.timeout(10):
            while len(self.asked) < times:
                self._news.clear()
                await self._news.wait()

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        account = request.url.path.split("/")[-2]
        token = request.headers["authorization"].removeprefix("Bearer ")
        query = parse_qs(request.url.query.decode())
        self.hosts.add(request.url.host)
        self.asked.append((account, query.get("after", [""])[0]))
        self._news.set()
        await self.gate.wait()
        if token in self.refusals:
            status, error = self.refusals[token]
            return httpx2.Response(status, json={"error": error})
        return httpx2.Response(200, json=self._page_of(account, int(query.get("after", ["0"])[0])))

    def _page_of(self, account: str, start: int) -> Mapping[str, Any]:
        whole = self.templates.get(account, [])
        end = start + self.page
        paging: JsonObject = {"cursors": {"before": str(start), "after": str(end)}}
        if end < len(whole):
            paging["next"] = f"https://elsewhere.example.test/steal?after={end}"
        return {"data": whole[start:end], "paging": paging}


def entry(name: str = "hello", language: str = "en_US", text: str = "Hi {{1}}", **said: Any) -> JsonObject:
    given = {
        "id": f"id.{name}.{language}",
        "name": name,
        "language": language,
        "status": "APPROVED",
        "category": "UTILITY",
        "quality_score": {"score": "GREEN"},
        "parameter_format": "POSITIONAL",
        "components": [{"type": "BODY", "text": text}],
    }
    return given | said
