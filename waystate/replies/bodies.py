"""What `/v1/replies` takes and answers."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from waystate.clock import iso
from waystate.documents import JsonObject, clean_text
from waystate.replies.model import LONGEST_SHORTCUT, LONGEST_TEXT, ReadyReply, fold_shortcut, is_shortcut
from waystate.schedules.bodies import Named, refused
from waystate.web.answers import AnswerBody, Text

REPLY_ID = "019c1420-7d03-7c30-9e4f-5a6b7c8d9eaf"
REPLY_BODY: JsonObject = {
    "shortcut": "thanks",
    "title": "Thanks",
    "text": "Thank you, {{ customer.first_name | default: 'and welcome' }}! {{ agent.first_name }} from {{ business.name }}",
}
REPLY_EXAMPLE: JsonObject = {
    "id": REPLY_ID,
    **REPLY_BODY,
    "queue": None,
    "createdAt": "2026-01-02T08:30:00.000Z",
    "editedAt": "2026-01-02T08:30:00.000Z",
}
FILLED_EXAMPLE: JsonObject = {"text": "Thank you, Ana! Sue from Acme", "missing": []}
_NAMES = {"shortcut": "shortcut", "title": "title", "text": "text", "queue": "queue_id"}


def _check_shortcut(text: str) -> str:
    folded = fold_shortcut(text)
    if not is_shortcut(folded):
        raise refused(f"is no single word of at most {LONGEST_SHORTCUT} characters, such as `thanks`")
    return folded


def _check_text(text: str) -> str:
    cleaned = clean_text(text)
    if not cleaned.strip():
        raise refused("is empty")
    return cleaned


Shortcut = Annotated[
    str,
    Field(max_length=2 * LONGEST_SHORTCUT, description="One word, in any case, with or without `/` before it"),
    AfterValidator(_check_shortcut),
]
ReplyText = Annotated[
    str, Field(max_length=LONGEST_TEXT, description="Liquid, with the variables of ready answers"), AfterValidator(_check_text)
]
OfQueue = Annotated[UUID | None, Field(description="Of which queue it is; null: of all")]


class ReplyFields(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Named | None = None
    queue: OfQueue = None

    def fields(self) -> dict[str, Any]:
        """What was sent, by its names here."""
        return {_NAMES[each]: getattr(self, each) for each in self.model_fields_set}


class AddReply(ReplyFields):
    shortcut: Shortcut
    text: ReplyText


class EditReply(ReplyFields):
    """JSON Merge Patch (RFC 7396): what is left out stays."""

    shortcut: Shortcut | None = None
    text: ReplyText | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "EditReply":
        if not self.model_fields_set:
            raise refused("changes nothing; name the fields that are to change")
        for name in ("shortcut", "text"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise refused(f"cannot take away `{name}`; leave it out, or send another")
        return self


class RenderReply(BaseModel):
    """For whom: a conversation, by Waystate's id or Genesys', or a customer. `agentId`: who answers, where a key asks."""

    model_config = ConfigDict(extra="forbid")

    conversationId: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    customerId: UUID | None = None
    agentId: UUID | None = None

    @model_validator(mode="after")
    def _names_one(self) -> "RenderReply":
        if (self.conversationId is None) == (self.customerId is None):
            raise refused("needs exactly one of `conversationId` and `customerId`: it says for whom")
        return self


class ReplyAnswer(AnswerBody):
    """`queue`: of which it is; null: of the whole tenant."""

    id: UUID
    shortcut: str
    title: str | None
    text: str
    queue: UUID | None
    createdAt: Text
    editedAt: Text


class ReplyPage(AnswerBody):
    """By shortcut. `next` is null on the last page."""

    items: list[ReplyAnswer]
    next: str | None


class FilledReply(AnswerBody):
    """`missing`: variables of the text without a value; nothing stands in their place, so look before you send."""

    text: str
    missing: list[str]


def render_reply(reply: ReadyReply) -> ReplyAnswer:
    return ReplyAnswer(
        id=reply.id,
        shortcut=reply.shortcut,
        title=reply.title,
        text=reply.text,
        queue=reply.queue_id,
        createdAt=iso(reply.created_at),
        editedAt=iso(reply.edited_at),
    )
