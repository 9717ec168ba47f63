"""Genesys Cloud as the couriers meet it: a budget of requests an OAuth client, messages, receipts, and details of messages."""

import json
from base64 import b64decode
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx2

from waystate.clock import Clock

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the API: `message`, `receipt` or `details`, of which client, and how it was answered."""

    what: str
    client: str
    integration: str
    body: dict[str, Any]
    at: datetime
    http_status: int


class GenesysSide:
    """Counts each client's requests of the last minute, as https://developer.genesys.cloud/platform/api/rate-limits says."""

    def __init__(self, clock: Clock, *, limit: int = 300, window: timedelta = MINUTE) -> None:
        self.clock = clock
        self.limit = limit
        self.window = window
        self.asked: list[Asked] = []
        self.judge: Callable[[str], httpx2.Response | None] = lambda what: None
        self.knows_conversations = True
        self._lately: dict[str, deque[datetime]] = {}

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/oauth/token"):
            client, _, _ = b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")
            return httpx2.Response(200, json={"access_token": f"token of {client}", "expires_in": 86_399})
        client = request.headers["authorization"].removeprefix("Bearer token of ")
        parts = request.url.path.split("/")
        what, integration = parts[-1], parts[5]
        body = json.loads(request.content) if request.content else {}
        answer = self._limited(client) or self.judge(what) or self._answer(request, what, integration, body)
        self.asked.append(Asked(what, client, integration, body, self.clock(), answer.status_code))
        return answer

    def _limited(self, client: str) -> httpx2.Response | None:
        now = self.clock()
        lately = self._lately.setdefault(client, deque())
        while lately and lately[0] <= now - self.window:
            lately.popleft()
        if len(lately) >= self.limit:
            wait = (lately[0] + self.window - now).total_seconds()
            return httpx2.Response(429, headers={"Retry-After": str(int(wait) + 1)}, json={"code": "too.many.requests"})
        lately.append(now)
        return None

    def _answer(self, request: httpx2.Request, what: str, integration: str, body: dict[str, Any]) -> httpx2.Response:
        if what == "receipt":
            return httpx2.Response(202, json={"type": "Receipt"})
        if what == "details":
            if not self.knows_conversations:
                return httpx2.Response(404, json={"code": "not.found", "message": "The requested resource could not be found."})
            return httpx2.Response(200, json={"id": integration, "conversationId": f"conversation of {integration}"})
        customer = body["channel"]["from"]["id"]
        answer = {"id": f"at genesys {body['channel']['messageId']}", "type": "Text"}
        if parse_qs(request.url.query.decode()).get("prefetchConversationId") == ["true"]:
            answer["conversationId"] = f"conversation of {customer}"
        return httpx2.Response(200, json=answer)

    def of(self, what: str) -> list[Asked]:
        """Those that were accepted."""
        return [each for each in self.asked if each.what == what and each.http_status < 300]

    def statuses(self) -> Counter[int]:
        return Counter(each.http_status for each in self.asked)
