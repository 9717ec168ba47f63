"""What `/v1/queues` takes and answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from waystate.clock import iso
from waystate.documents import JsonObject
from waystate.people.store import Colleague
from waystate.queues.model import MOST_MEMBERS, AgentQueue
from waystate.schedules.bodies import SCHEDULE_ID, STATE_EXAMPLE, Named, StateAnswer, refused, render_state
from waystate.schedules.model import Schedule
from waystate.web.answers import AnswerBody, Text

QUEUE_ID = "019c1420-7d02-7b20-8d3f-4a5b6c7d8e9f"
_MEMBER_ID = "019c1420-0000-7000-8000-000000000002"
QUEUE_BODY: JsonObject = {"name": "Support", "members": [], "genesysQueue": "0a1b2c3d-0000-4000-8000-000000000001"}
QUEUE_EXAMPLE: JsonObject = {
    "id": QUEUE_ID,
    "name": "Support",
    "members": [{"id": _MEMBER_ID, "name": "Ana Núñez"}],
    "genesysQueue": None,
    "schedule": SCHEDULE_ID,
    "state": STATE_EXAMPLE,
    "openConversations": 4,
    "createdAt": "2026-01-02T08:30:00.000Z",
    "editedAt": "2026-01-02T08:30:00.000Z",
}
_NAMES = {"name": "name", "members": "members", "genesysQueue": "genesys_queue", "schedule": "schedule_id"}


def _each_once(members: list[UUID]) -> list[UUID]:
    return sorted(set(members))


Members = Annotated[list[UUID], Field(max_length=MOST_MEMBERS), AfterValidator(_each_once)]


class QueueFields(BaseModel):
    model_config = ConfigDict(extra="forbid")

    genesysQueue: Annotated[Named | None, Field(description="The id of the queue at Genesys that stands for it")] = None
    schedule: Annotated[UUID | None, Field(description="By which it is open; null: always")] = None

    def fields(self) -> dict[str, Any]:
        """What was sent, by its names here."""
        given = {_NAMES[each]: getattr(self, each) for each in self.model_fields_set}
        return {**given, "members": tuple(given["members"])} if "members" in given else given


class AddQueue(QueueFields):
    name: Named
    members: Members = []


class EditQueue(QueueFields):
    """JSON Merge Patch (RFC 7396): what is left out stays; `members` is replaced as a whole."""

    name: Named | None = None
    members: Members | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "EditQueue":
        if not self.model_fields_set:
            raise refused("changes nothing; name the fields that are to change")
        if "name" in self.model_fields_set and self.name is None:
            raise refused("cannot take away `name`; leave it out, or send another")
        if "members" in self.model_fields_set and self.members is None:
            self.members = []
        return self


class MemberAnswer(AnswerBody):
    """`name` is null of who does not work here at the moment: they were disabled."""

    id: UUID
    name: str | None


class QueueAnswer(AnswerBody):
    """`state`: whether it is open now; without a schedule it always is. `openConversations`: how many are in it."""

    id: UUID
    name: str
    members: list[MemberAnswer]
    genesysQueue: str | None
    schedule: UUID | None
    state: StateAnswer
    openConversations: int
    createdAt: Text
    editedAt: Text


class QueuePage(AnswerBody):
    """By name. `next` is null on the last page."""

    items: list[QueueAnswer]
    next: str | None


def render_queue(
    queue: AgentQueue,
    people: Mapping[UUID, Colleague],
    schedules: Mapping[UUID, Schedule],
    counts: Mapping[UUID, int],
    now: datetime,
) -> QueueAnswer:
    """`people`, `schedules` and `counts` by id; there may be others' among them."""
    members = [MemberAnswer(id=each, name=people[each].name if each in people else None) for each in queue.members]
    return QueueAnswer(
        id=queue.id,
        name=queue.name,
        members=sorted(members, key=lambda each: (each.name is None, each.name or "", each.id)),
        genesysQueue=queue.genesys_queue,
        schedule=queue.schedule_id,
        state=render_state(None if queue.schedule_id is None else schedules.get(queue.schedule_id), now),
        openConversations=counts.get(queue.id, 0),
        createdAt=iso(queue.created_at),
        editedAt=iso(queue.edited_at),
    )
