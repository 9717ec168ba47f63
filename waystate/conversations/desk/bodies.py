"""What notes, participants and reads of a conversation look like over HTTP."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from waystate.clock import iso
from waystate.conversations.desk.model import LONGEST_NOTE, MOST_PARTICIPANTS, AddedParty, Involved, Note, PartSource, TakesPart
from waystate.documents import JsonObject, clean_text
from waystate.web.answers import AnswerBody, Text

_USER_ID = "019c1420-0000-7000-8000-000000000002"
NOTE_EXAMPLE: JsonObject = {
    "id": "019c1420-7e01-7d40-8f5a-6b7c8d9eafb0",
    "author": {"kind": "user", "id": _USER_ID, "name": "Ana Núñez"},
    "text": "Was promised a call back on Monday.",
    "at": "2026-01-31T12:00:00.000Z",
}
PARTICIPANTS_BODY: JsonObject = {"participants": [{"userId": _USER_ID, "role": "observer"}]}
PARTICIPANTS_EXAMPLE: JsonObject = {
    "items": [
        {
            "id": "019c1420-7b10-7e02-a3c4-1d2e3f405162",
            "kind": "customer",
            "role": "customer",
            "source": "conversation",
            "name": "Ana Souza",
            "since": None,
        },
        {
            "id": _USER_ID,
            "kind": "user",
            "role": "observer",
            "source": "added",
            "name": "Ana Núñez",
            "since": "2026-01-31T12:00:00.000Z",
        },
    ]
}


def _refused(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("conversation", "{sentence}", {"sentence": sentence})


def _check_text(text: str) -> str:
    cleaned = clean_text(text).strip()
    if not cleaned:
        raise _refused("is empty")
    return cleaned


class AddNote(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=LONGEST_NOTE), AfterValidator(_check_text)]


class PutParticipant(BaseModel):
    """A customer, as `customer` or `observer`, or a person of the tenant, as `agent` or `observer`."""

    model_config = ConfigDict(extra="forbid")

    customerId: UUID | None = None
    userId: UUID | None = None
    role: TakesPart

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "PutParticipant":
        if (self.customerId is None) == (self.userId is None):
            raise _refused("needs exactly one of `customerId` and `userId`")
        if self.role is (TakesPart.AGENT if self.userId is None else TakesPart.CUSTOMER):
            raise _refused("has a role that is not theirs: a customer is no agent, and a person of yours no customer")
        return self


class PutParticipants(BaseModel):
    """All that are to be added beside who takes part by themselves; who is not named is added no more."""

    model_config = ConfigDict(extra="forbid")

    participants: Annotated[list[PutParticipant], Field(max_length=MOST_PARTICIPANTS)]

    @model_validator(mode="after")
    def _names_each_once(self) -> "PutParticipants":
        ids = [each.id for each in self.parties()]
        if len(set(ids)) < len(ids):
            raise _refused("names somebody twice")
        return self

    def parties(self) -> list[AddedParty]:
        return [
            AddedParty(each.customerId or each.userId or UUID(int=0), each.customerId is not None, each.role)
            for each in self.participants
        ]


class ReadUpTo(BaseModel):
    """`tellCustomer`: they are shown that it was read, as in WhatsApp; it takes the scope messages:send as well."""

    model_config = ConfigDict(extra="forbid")

    upTo: Annotated[UUID, Field(description="A message of the conversation: it and all before it were read")]
    tellCustomer: StrictBool = False


class AuthorAnswer(AnswerBody):
    """`name` is null of who is not here any more, and of a key."""

    kind: Literal["user", "key", "trusted", "operator", "system"]
    id: UUID | None
    name: str | None


class NoteAnswer(AnswerBody):
    id: UUID
    author: AuthorAnswer
    text: str
    at: Text


class NotePage(AnswerBody):
    """Newest first. `next` is null on the last page."""

    items: list[NoteAnswer]
    next: str | None


class InvolvedAnswer(AnswerBody):
    """`source`: why they take part: it is their `conversation`, they are in the `group`, it is assigned to them
    (`assignment`), or they were `added`. `name` is null where nobody knows it."""

    id: UUID
    kind: Literal["customer", "user"]
    role: TakesPart
    source: PartSource
    name: str | None
    since: Text | None


class ParticipantsAnswer(AnswerBody):
    items: list[InvolvedAnswer]


class ReadSoFarAnswer(AnswerBody):
    """`unread`: how many of the customer's messages are left for you, counted up to 100; null of a key.
    `customerTold`: they are being shown it by this call."""

    conversationId: UUID
    upTo: UUID
    unread: int | None
    customerTold: bool


def render_note(note: Note, names: Mapping[UUID, str]) -> NoteAnswer:
    """`names` of people, by id."""
    name = names.get(note.author_id) if note.author_id is not None and note.author_kind == "user" else None
    author = AuthorAnswer.model_validate({"kind": note.author_kind, "id": note.author_id, "name": name})
    return NoteAnswer(id=note.id, author=author, text=note.text, at=iso(note.at))


def render_involved(each: Involved) -> InvolvedAnswer:
    return InvolvedAnswer(
        id=each.id,
        kind="customer" if each.is_contact else "user",
        role=each.role,
        source=each.source,
        name=each.name,
        since=None if each.since is None else iso(each.since),
    )
