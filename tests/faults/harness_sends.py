"""A business that writes over HTTP, and knows what each of its sends was answered, whatever is killed meanwhile."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.faults.harness import Run
from tests.faults.harness_tenant import TENANT
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.ids import new_id
from waystate.keys import store as key_store
from waystate.principal import Scope

_PAUSE = 0.1
_PATIENCE = 15.0
SCOPES = [Scope.MESSAGES_SEND, Scope.MESSAGES_READ, Scope.CONVERSATIONS_READ]


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    said: dict[str, Any]

    @property
    def id(self) -> str:
        """Of the message, which may be a planned one."""
        return str(self.said["id"])


@dataclass(slots=True)
class Business:
    """Asks under an Idempotency-Key until there is an answer that stands."""

    http: httpx2.AsyncClient
    refused: Counter[str] = field(default_factory=Counter)
    """What came instead of one, and how often."""

    async def post(self, path: str, body: Any = None) -> Answered:
        headers = {"idempotency-key": str(new_id())}
        while True:
            try:
                answer = await self.http.post(path, json=body, headers=headers)
            except httpx2.TransportError as error:
                self.refused[type(error).__name__] += 1
            else:
                said = answer.json()
                if answer.status_code < 500 and answer.status_code != 429 and said.get("code") != "idempotency_key_in_use":
                    return Answered(answer.status_code, said)
                self.refused[str(said.get("code"))] += 1
            await asyncio.sleep(_PAUSE)

    async def send(self, to: str, text: str) -> Answered:
        return await self.post("/v1/messages", {"to": to, "type": "text", "text": {"body": text}})

    async def get(self, path: str) -> Any:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def business_of(run: Run) -> AsyncIterator[Business]:
    db = await Database.open(run.url, pool_size=1)
    async with db.tenant(TENANT) as conn:
        _, key = await key_store.create_key(conn, TENANT, "business", utc_now(), scopes=SCOPES)
    await db.close()
    async with httpx2.AsyncClient(base_url=run.address, trust_env=False, timeout=_PATIENCE, headers={"x-api-key": key}) as http:
        yield Business(http)
