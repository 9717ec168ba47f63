"""`/v1/tenant/genesys-queues`: what of a tenant waits for Genesys, which takes so many requests a minute of an OAuth client."""

from datetime import datetime

from pydantic import BaseModel

from waystate.clock import Clock
from waystate.db.pool import Database
from waystate.deliveries.queue import Backlog, ClientQueue, list_queues
from waystate.documents import JsonObject
from waystate.operations import Operation
from waystate.principal import Scope
from waystate.tenants.routing import Directory
from waystate.web.caller import Caller

QUEUE_EXAMPLE: JsonObject = {
    "client_id": "0d5c2a9e-7b14-4f63-8d2a-1e9f0b3c4d5a",
    "login_url": "https://login.mypurecloud.de",
    "integrations": ["73cb7fb7-c2db-4996-88f3-0a83a4fea1da"],
    "requests_per_minute": 300,
    "waiting": 450,
    "oldest_at": "2026-01-31T12:00:00Z",
    "oldest_seconds": 62.5,
    "done_in_seconds": 90.0,
    "messages": {"waiting": 300, "oldest_at": "2026-01-31T12:00:41Z"},
    "receipts": {"waiting": 150, "oldest_at": "2026-01-31T12:00:00Z"},
    "lookups": {"waiting": 0, "oldest_at": None},
}


class BacklogAnswer(BaseModel):
    waiting: int
    oldest_at: datetime | None


class GenesysQueueAnswer(BaseModel):
    """What waits for one OAuth client. `done_in_seconds`: when the last of it is through at `requests_per_minute`, should
    nothing be added, by this tenant or another that uses the client, and Genesys ask for no pause.

    `messages` are customers' messages and files, `receipts` what became of agents' messages, and `lookups` questions which
    conversation a customer is in.
    """

    client_id: str
    login_url: str
    integrations: list[str]
    requests_per_minute: int
    waiting: int
    oldest_at: datetime | None
    oldest_seconds: float
    done_in_seconds: float
    messages: BacklogAnswer
    receipts: BacklogAnswer
    lookups: BacklogAnswer


class GenesysQueueList(BaseModel):
    items: list[GenesysQueueAnswer]


class GenesysQueueRoutes:
    def __init__(self, db: Database, directory: Directory, clock: Clock) -> None:
        self._db = db
        self._directory = directory
        self._clock = clock

    @Operation(
        "GET",
        "/v1/tenant/genesys-queues",
        Scope.TENANT_READ,
        tag="Tenant",
        summary="What waits for Genesys, by OAuth client",
        example_answer={"items": [QUEUE_EXAMPLE]},
    )
    async def list_genesys_queues(self, principal: Caller) -> GenesysQueueList:
        """Genesys takes 300 requests a minute of a client, unless its support has raised that. Messages go before receipts."""
        queues = await list_queues(self._db, self._directory, principal.tenant_id)
        return GenesysQueueList(items=[render_queue(each, self._clock()) for each in queues])


def render_queue(queue: ClientQueue, now: datetime) -> GenesysQueueAnswer:
    login_url, client_id = queue.client
    age = 0.0 if queue.oldest_at is None else max(0.0, (now - queue.oldest_at).total_seconds())
    return GenesysQueueAnswer(
        client_id=client_id,
        login_url=login_url,
        integrations=list(queue.integrations),
        requests_per_minute=queue.requests_per_minute,
        waiting=queue.waiting,
        oldest_at=queue.oldest_at,
        oldest_seconds=round(age, 1),
        done_in_seconds=round(queue.done_in.total_seconds(), 1),
        messages=_backlog(queue.backlogs.get("messages")),
        receipts=_backlog(queue.backlogs.get("receipts")),
        lookups=_backlog(queue.backlogs.get("lookups")),
    )


def _backlog(backlog: Backlog | None) -> BacklogAnswer:
    return BacklogAnswer(**(backlog or Backlog())._asdict())
