"""Genesys' API as far as it tells of conversations: participants, and what each of them said."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2

CONVERSATION = "genesys-conversation"


def instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@dataclass
class GenesysSide:
    """`status` other than 200 is the answer to every question about a conversation."""

    said: dict[str, tuple[datetime, str, str, str]] = field(default_factory=dict)
    ended: datetime | None = None
    present: Sequence[str] = ("customer", "agent")
    status: int = 200
    conversations: set[str] = field(default_factory=lambda: {CONVERSATION})
    asked: Counter[str] = field(default_factory=Counter)
    echoes: set[str] = field(default_factory=set)
    """Messages that are the customer's own after all."""
    contents: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By message what it offers beside its text."""

    def say(self, name: str, at: datetime, text: str, *, purpose: str = "agent", conversation: str = CONVERSATION) -> None:
        self.said[name] = (at, text, purpose, conversation)

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("/oauth/token"):
            return httpx2.Response(200, json={"access_token": "token", "token_type": "bearer", "expires_in": 86_399})
        assert request.headers["authorization"] == "Bearer token"
        self.asked[path] += 1
        if self.status != 200:
            return httpx2.Response(self.status, json={"code": "refused", "message": "no", "status": self.status})
        _, _, rest = path.partition("/api/v2/conversations/messages/")
        conversation, _, message = rest.partition("/messages/")
        if conversation not in self.conversations or (message and message not in self.said):
            return httpx2.Response(404, json={"code": "not.found", "message": "not found", "status": 404})
        return httpx2.Response(200, json=self._message(message, conversation) if message else self._conversation(conversation))

    def _conversation(self, conversation: str) -> dict[str, Any]:
        participants = []
        for purpose in self.present:
            messages = [
                {"messageId": name, "messageTime": instant(at), "messageStatus": "delivery-failed"}
                for name, (at, _, by, where) in self.said.items()
                if (by, where) == (purpose, conversation)
            ]
            left = {"state": "disconnected", "endTime": instant(self.ended)} if self.ended else {"state": "connected"}
            participants.append({"id": purpose, "purpose": purpose, "messages": messages, **left})
        return {"id": conversation, "participants": participants}

    def _message(self, name: str, conversation: str) -> dict[str, Any]:
        at, text, purpose, _ = self.said[name]
        direction = "inbound" if purpose == "customer" or name in self.echoes else "outbound"
        offered = {"type": "Structured", "content": self.contents[name]} if name in self.contents else {"type": "Text"}
        return {
            "id": name,
            "conversationId": conversation,
            "direction": direction,
            "timestamp": instant(at),
            "status": "delivery-failed",
            "toAddress": "whoever",
            "textBody": text,
            "normalizedMessage": {"id": name, "text": text, "direction": direction.capitalize(), **offered},
        }
