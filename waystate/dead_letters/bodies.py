"""What `/v1/dead-letters` takes and answers."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from waystate.clock import UtcMoment, iso
from waystate.dead_letters.model import ADVICE, MAX_BULK, NOTE_LENGTH, Filter, Pipeline
from waystate.dead_letters.replay import Result
from waystate.dead_letters.store import Row
from waystate.documents import JsonObject
from waystate.errors import Reason

Note = Annotated[str, Field(max_length=NOTE_LENGTH, description="Why, for whoever looks at it later")]
Text = Annotated[str, Field(description="ISO 8601 with Z")]


class LetterBody(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Who(BaseModel):
    kind: str
    id: UUID | None


class DeadLetterAnswer(BaseModel):
    """`editedPayload` is what a replay runs where it is not null; `whatToDo` is the advice for the reason."""

    id: UUID
    pipeline: str
    reason: str
    errorMessage: str
    whatToDo: str | None
    originalPayload: dict[str, Any]
    editedPayload: dict[str, Any] | None
    origin: str
    status: str
    retryCount: int
    lastReason: str | None
    lastError: str | None
    lastTriedAt: Text | None
    note: str | None
    editedAt: Text | None
    replayedAt: Text | None
    discardedAt: Text | None
    lastActor: Who | None
    createdAt: Text
    updatedAt: Text


class DeadLetterPage(BaseModel):
    """`next` is the `before` of the next page, null on the last one; `openTotal` counts all that are open, on any page."""

    items: list[DeadLetterAnswer]
    next: UUID | None
    openTotal: int


class Edit(LetterBody):
    originalPayload: Annotated[dict[str, Any], Field(description="The whole payload as it should have come")]


class Discard(LetterBody):
    note: Note | None = None


class Wanted(LetterBody):
    """`since` and `until` (exclusive) are by creation. Without any, every open one."""

    reason: Reason | None = None
    pipeline: Pipeline | None = None
    since: UtcMoment | None = None
    until: UtcMoment | None = None

    def filter(self) -> Filter:
        return Filter(reason=self.reason, pipeline=self.pipeline, since=self.since, until=self.until)


class Selection(LetterBody):
    """Open ones: by `ids`, or by `filter`, then at most `limit` of them, oldest first, from behind `after`."""

    ids: Annotated[list[UUID], Field(min_length=1)] | None = None
    filter: Wanted | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_BULK)] = MAX_BULK
    after: Annotated[UUID | None, Field(description="The `next` of the answer before")] = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Selection":
        if (self.ids is None) == (self.filter is None):
            raise ValueError("name either ids or a filter ({} for every open one)")
        if self.ids is not None and len(self.ids) > MAX_BULK:
            raise ValueError(f"ids has at most {MAX_BULK} a call; send the others in further calls")
        return self


class DiscardSelection(Selection):
    note: Note | None = None


class Replayed(BaseModel):
    """`outcome`: `replayed`, or `already_done` when its effect had happened before, so that nothing was done again."""

    message: str
    outcome: str
    events: int


class Discarded(BaseModel):
    message: str


class OutcomeAnswer(BaseModel):
    """`outcome`: `replayed`, `already_done`, `discarded`, `failed` (again, with its `reason`), `not_open` or `not_found`."""

    id: UUID
    outcome: str
    message: str
    reason: str | None
    events: int


class BulkAnswer(BaseModel):
    """`counts` by outcome. `next` is the `after` that goes on with the same filter, null when it was the last."""

    message: str
    counts: dict[str, int]
    results: list[OutcomeAnswer]
    next: UUID | None
    openTotal: int


def render_letter(row: Row) -> DeadLetterAnswer:
    reason = row["reason"]
    return DeadLetterAnswer(
        id=row["id"],
        pipeline=row["pipeline"],
        reason=reason,
        errorMessage=row["error_message"],
        whatToDo=ADVICE[Reason(reason)] if reason in ADVICE else None,
        originalPayload=row["original_payload"],
        editedPayload=row["edited_payload"],
        origin=row["origin"],
        status=row["status"],
        retryCount=row["retry_count"],
        lastReason=row["last_reason"],
        lastError=row["last_error"],
        lastTriedAt=_time(row["last_tried_at"]),
        note=row["note"],
        editedAt=_time(row["edited_at"]),
        replayedAt=_time(row["replayed_at"]),
        discardedAt=_time(row["discarded_at"]),
        lastActor=None if row["actor_kind"] is None else Who(kind=row["actor_kind"], id=row["actor_id"]),
        createdAt=iso(row["created_at"]),
        updatedAt=iso(row["updated_at"]),
    )


def render_bulk(results: Sequence[Result], following: UUID | None, open_total: int) -> BulkAnswer:
    counts = Counter(result.outcome.value for result in results)
    said = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in sorted(counts.items())) or "none matched"
    return BulkAnswer(
        message=f"Done: {said}." if following is None else f"So far: {said}. Go on with the same filter and after={following}.",
        counts=dict(counts),
        results=[
            OutcomeAnswer(id=each.id, outcome=each.outcome, message=each.message, reason=each.reason, events=len(each.events))
            for each in results
        ],
        next=following,
        openTotal=open_total,
    )


def _time(moment: Any) -> str | None:
    return None if moment is None else iso(moment)


MENDED_EXAMPLE: JsonObject = {
    "wamid": "wamid.HBgMOTE5ODc2NTQzMjEw",
    "phone_number_id": "106540352242922",
    "wa_id": "919876543210",
    "sent_at": "2026-01-31T12:00:00Z",
    "text": "Where is my order?",
}
LETTER_EXAMPLE: JsonObject = {
    "id": "019c1420-a0b1-7c66-8d4f-2e3f5a6b7c8d",
    "pipeline": "inbound",
    "reason": "invalid_payload",
    "errorMessage": "sent_at: Field required",
    "whatToDo": ADVICE[Reason.INVALID_PAYLOAD],
    "originalPayload": {name: value for name, value in MENDED_EXAMPLE.items() if name != "sent_at"},
    "editedPayload": None,
    "origin": "ledger:2026-01-31:019c1420-8f2e-7d03-a1b9-6c8e0f5d4a27:0.0.m0",
    "status": "open",
    "retryCount": 0,
    "lastReason": None,
    "lastError": None,
    "lastTriedAt": None,
    "note": None,
    "editedAt": None,
    "replayedAt": None,
    "discardedAt": None,
    "lastActor": None,
    "createdAt": "2026-01-31T12:00:00.120Z",
    "updatedAt": "2026-01-31T12:00:00.120Z",
}
BULK_EXAMPLE: JsonObject = {
    "message": "Done: 1 replayed.",
    "counts": {"replayed": 1},
    "results": [
        {"id": LETTER_EXAMPLE["id"], "outcome": "replayed", "message": "It had its effect.", "reason": None, "events": 1}
    ],
    "next": None,
    "openTotal": 0,
}
