"""`/v1/platform/webhooks`: the bodies that came from the platforms, what became of each, and rejected ones put back to work."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field, model_validator

from waystate.clock import Clock, iso
from waystate.db.pool import Database
from waystate.documents import JsonObject
from waystate.ledger import store
from waystate.operations import Operation
from waystate.principal import Scope, actor_of
from waystate.web.caller import Caller
from waystate.web.requests import Body
from waystate.webhooks.intake import NAMED, replay_all, replay_many

MOST = NAMED
"""Ids that one call may name: all of them are in its answer."""

Text = Annotated[str, Field(description="ISO 8601 with Z")]


class Unmet(BaseModel):
    """What of a body could not be used: `item` is its place in the body, null where the whole body was meant."""

    item: str | None
    reason: str
    message: str


class WebhookAnswer(BaseModel):
    """`lacks` names the routes that would let it be worked (`phone_number_id:…`, `waba:…`, `genesys_integration:…`, and `*`:
    more than can be listed): as soon as one of them is set up, it is worked by itself. Of `rejected` and `lacks` the first 100
    are listed; `unlisted` is how many more items were rejected. `preview` is the beginning of the body, `bytes` its length."""

    id: UUID
    receivedAt: Text
    source: str
    origin: Annotated[str, Field(description="The Meta app, or the Genesys integration, of the callback it came to")]
    state: str
    items: int | None
    rejected: list[Unmet]
    unlisted: int
    lacks: list[str]
    attempts: int
    bytes: int
    preview: str


class WebhookPage(BaseModel):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[WebhookAnswer]
    next: UUID | None


class Replay(Body):
    """Rejected bodies by `ids`, or `all` of them."""

    ids: Annotated[list[Annotated[UUID, Field(strict=False)]], Field(min_length=1, max_length=MOST)] | None = None
    all: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Replay":
        if (self.ids is None) == (self.all is None):
            raise ValueError("name ids, or say all: true")
        return self


class WebhooksReplayed(BaseModel):
    """How many were rejected, and are worked again now; `ids` are the first 1000 of them, oldest first where it was `all`."""

    replayed: int
    ids: Annotated[list[UUID], Field(max_length=NAMED)]


_EXAMPLE: JsonObject = {
    "id": "019c1420-8f2e-7d03-a1b9-6c8e0f5d4a27",
    "receivedAt": "2026-01-31T12:00:00.000Z",
    "source": "whatsapp",
    "origin": "670843887433847",
    "state": "rejected",
    "items": 1,
    "rejected": [{"item": "0.0.m0", "reason": "unknown_number", "message": "No tenant has the number 106540352242922."}],
    "unlisted": 0,
    "lacks": ["phone_number_id:106540352242922"],
    "attempts": 1,
    "bytes": 412,
    "preview": '{"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [',
}


class WebhookRoutes:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    @Operation(
        "GET",
        "/v1/platform/webhooks",
        Scope.PLATFORM,
        tag="Platform",
        summary="Bodies from the platforms, newest first",
        example_answer={"items": [_EXAMPLE], "next": None},
    )
    async def list_webhooks(
        self,
        _: Caller,
        state: Annotated[Literal["pending", "done", "rejected"] | None, Query(description="Left out: all")] = None,
        before: Annotated[UUID | None, Query(description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> WebhookPage:
        async with self._db.work() as conn:
            rows = await store.list_rows(conn, state=state, before=before, batch=limit + 1)
        items = [render_webhook(row) for row in rows[:limit]]
        return WebhookPage(items=items, next=items[-1].id if len(rows) > limit else None)

    @Operation(
        "POST",
        "/v1/platform/webhooks/replay",
        Scope.PLATFORM,
        tag="Platform",
        summary="Put rejected bodies back to work",
        problems={422: "Neither ids nor all, or both"},
        example_body={"ids": [_EXAMPLE["id"]]},
        example_answer={"replayed": 1, "ids": [_EXAMPLE["id"]]},
        repeatable="what was put back to work is not rejected any more",
    )
    async def replay_webhooks(self, principal: Caller, body: Replay) -> WebhooksReplayed:
        """In their old order. What had its effect before has none again; ids that are not rejected are left out.

        `all` goes in steps: should it be cut off, what was put back stays so, and asking again does the rest.
        """
        actor = actor_of(principal)
        if body.ids is None:
            replayed = await replay_all(self._db, actor, self._clock)
        else:
            replayed = await replay_many(self._db, actor, self._clock, body.ids)
        return WebhooksReplayed(replayed=replayed.count, ids=list(replayed.ids))


def render_webhook(row: dict[str, Any]) -> WebhookAnswer:
    outcome = row["outcome"] or {}
    return WebhookAnswer(
        id=row["id"],
        receivedAt=iso(row["received_at"]),
        source=row["source"],
        origin=row["origin"],
        state=row["state"],
        items=outcome.get("items"),
        rejected=[Unmet(**each) for each in outcome.get("rejected", [])],
        unlisted=outcome.get("unlisted", {}).get("rejected", 0),
        lacks=outcome.get("unrouted", []),
        attempts=row["attempts"],
        bytes=row["bytes"],
        preview=bytes(row["preview"]).decode("utf-8", "replace"),
    )
