"""What lists of conversations and their messages answer."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from waystate.conversations.bodies import ConversationAnswer
from waystate.customers.words import find_matches
from waystate.sends.bodies import MessageAnswer
from waystate.web.answers import AnswerBody, Text

Spans = list[tuple[int, int]]


class LastMessage(AnswerBody):
    """What was said last. `preview` is one line of it, also where it has no text."""

    id: UUID
    preview: str | None
    at: Text | None
    direction: str


class MatchedMessage(AnswerBody):
    """The newest message that holds every word that was asked for. `spans`: from and behind which character of `text`."""

    id: UUID
    text: str
    spans: Spans


class Matches(AnswerBody):
    """What fits: a message, the customer's name (`customer`, its spans), or an id or phone of theirs (neither)."""

    message: MatchedMessage | None
    customer: Spans


class ListedConversation(ConversationAnswer):
    """A conversation with what was said last in it. `matches` is null where no words were asked for."""

    lastMessage: LastMessage | None
    matches: Matches | None


class ConversationPage(AnswerBody):
    """`next` is null on the last page."""

    items: list[ListedConversation]
    next: str | None


class ConversationMessages(AnswerBody):
    """Newest first. `before` leads to the next older page and is null where nothing is older; `after` to the next newer one,
    which may be empty still and is asked for again."""

    items: list[MessageAnswer]
    before: str | None
    after: str | None


def render_listed(
    conversation: ConversationAnswer,
    messages: Mapping[UUID, MessageAnswer],
    last: UUID | None,
    matching: UUID | None,
    question: str | None,
) -> ListedConversation:
    """`messages`: those that `last` and `matching` name, as far as they are there."""
    newest = messages.get(last) if last is not None else None
    told: dict[str, Any] = {
        "lastMessage": None
        if newest is None
        else LastMessage(id=newest.id, preview=newest.preview, at=newest.sentAt, direction=newest.direction),
        "matches": None if question is None else _matches(conversation, messages.get(matching) if matching else None, question),
    }
    return ListedConversation(**dict(conversation), **told)


def _matches(conversation: ConversationAnswer, message: MessageAnswer | None, question: str) -> Matches:
    said = None
    # What was taken back in this very moment is in the index still.
    if message is not None and message.text and message.revokedAt is None:
        said = MatchedMessage(id=message.id, text=message.text, spans=find_matches(question, message.text))
    return Matches(message=said, customer=find_matches(question, conversation.customer.name or ""))
