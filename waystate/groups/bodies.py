"""How a WhatsApp group is shown over HTTP, wherever the contact that it is is shown."""

from collections.abc import Iterable
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from waystate.clock import iso
from waystate.groups.model import Group, Participant

Moment = Annotated[str, Field(description="ISO 8601 with Z")]
ContactKind = Literal["person", "group"]


class ParticipantAnswer(BaseModel):
    """Somebody of a group, a contact of their own. `leftAt` is null while they are in it; both times where none was told."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str | None
    waId: str | None
    userId: str | None
    role: Literal["member"]
    joinedAt: Moment | None
    leftAt: Moment | None


class GroupAnswer(BaseModel):
    """A WhatsApp group. `groupId` is WhatsApp's; one that is `suspended` or `deleted` takes no messages.

    `participants`: who is in it, then who was, as far as WhatsApp told or they wrote.
    """

    model_config = ConfigDict(frozen=True)

    groupId: str
    state: Literal["active", "suspended", "deleted"]
    participants: list[ParticipantAnswer]


def render_group(group: Group, participants: Iterable[Participant]) -> GroupAnswer:
    people = [
        ParticipantAnswer(
            id=each.contact_id,
            name=each.name,
            waId=each.wa_id,
            userId=each.user_id,
            role="member",
            joinedAt=None if each.joined_at is None else iso(each.joined_at),
            leftAt=None if each.left_at is None else iso(each.left_at),
        )
        for each in participants
    ]
    return GroupAnswer(groupId=group.group_id, state=group.state.value, participants=people)
