"""What a model is told: few words, whole sentences, and what to do next. Pure."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from waystate_client import models
from waystate_client.errors import Forbidden, NotFound, Refused, Unauthorized, WaystateError

Answer = dict[str, Any]

OPEN = frozenset({"active", "waiting", "error"})
"""Conversations in any other status are over: whoever held one holds nothing."""
LONGEST = 1000
"""Characters of a text that are shown."""


def told_customer(customer: models.FoundCustomer | models.CustomerProfile) -> Answer:
    return _said(
        customerId=str(customer.id),
        kind=customer.kind,
        name=customer.name,
        phone=customer.phone_number,
        userName=customer.username,
        email=customer.email,
        language=customer.language,
        tags=customer.tags,
        messages=customer.message_count,
        lastMessageAt=moment(customer.last_message_at),
    )


def told_context(context: models.CustomerContext) -> Answer:
    """Messages in the order in which they were written, the newest last."""
    customer = context.customer
    return _said(
        who=told_customer(customer) | _said(preferences=customer.preferences, metadata=customer.metadata),
        whoHasThem=who_has(context.conversation),
        mayYouWrite=told_window(context)["answer"],
        conversation=told_conversation(context.conversation) if context.conversation is not None else None,
        whatWasSaid=[told_message(each) for each in reversed(context.messages)],
    )


def told_conversation(conversation: models.ConversationAnswer) -> Answer:
    return _said(
        conversationId=str(conversation.id),
        genesysConversationId=conversation.genesys_conversation_id,
        number=conversation.number,
        status=conversation.status,
        lastActivityAt=moment(conversation.last_activity_at),
    )


def told_message(message: models.MessageAnswer) -> Answer:
    text = message.text or message.preview or ""
    return _said(
        at=moment(message.sent_at or message.send_at),
        by="customer" if message.direction == "inbound" else "us",
        type=message.type,
        text=text[:LONGEST] + ("…" if len(text) > LONGEST else ""),
        status=message.status,
        messageId=str(message.id),
    )


def who_has(conversation: models.ConversationAnswer | None) -> str:
    if conversation is None:
        return "Nobody: they have no conversation yet."
    if conversation.status not in OPEN:
        return f"Nobody: their last conversation is {conversation.status}."
    holder = conversation.control_holder or ""
    match conversation.controller:
        case "none":
            return "Nobody yet: the first to write takes the conversation."
        case "external" if holder == "genesys":
            return "An agent or bot at Genesys."
        case "external" if holder.startswith("key:"):
            return f"A service, by its API key {holder.removeprefix('key:')}."
        case "agent" if conversation.assignee is not None and conversation.assignee.name:
            return f"{conversation.assignee.name}, a person at Waystate."
        case "agent" | "flow" as who:
            return f"{'A person' if who == 'agent' else 'An automatic flow'}{f' ({holder})' if holder else ''}."
    return f"{conversation.controller}{f' ({holder})' if holder else ''}."


def told_window(context: models.CustomerContext) -> Answer:
    """`freeText`: yes, no, or perhaps, where one who speaks by a key holds the word, who may be you."""
    conversation = context.conversation
    window = conversation.window if conversation is not None else None
    holder = (conversation and conversation.control_holder) or ""
    if window is None or not window.open:
        since = f"since {moment(window.closes_at)}" if window and window.closes_at else "for they have not written to us yet"
        free = "no"
        why = f"No free text: WhatsApp's window is closed, {since}. An approved template can be sent; or wait until they write."
    elif conversation is None or conversation.status not in OPEN or conversation.controller == "none":
        free, why = "yes", "Yes: the window is open and nobody has the conversation. Who writes first takes it."
    elif holder.startswith("key:"):
        free, why = "perhaps", "Only if the API key that has the conversation is yours; another's is refused: not_in_control."
    else:
        free, why = "no", "No: somebody else has the conversation, and a key cannot take it. Leave the answer to them."
    return _said(
        freeText=free,
        answer=why,
        windowClosesAt=moment(window.closes_at) if window is not None and window.open else None,
        whoHasThem=who_has(conversation),
        customerId=str(context.customer.id),
    )


def told_trace(trace: models.MessageTrace) -> Answer:
    return _said(
        messageId=str(trace.message_id),
        wamid=trace.wamid,
        direction=trace.direction,
        type=trace.type,
        text=(trace.text or "")[:LONGEST],
        status=trace.status,
        why=trace.why,
        error=trace.error,
        customerId=str(trace.contact.id),
        customer=trace.contact.name,
        conversation=_said(
            conversationId=str(trace.conversation.internal_id),
            genesysConversationId=trace.conversation.genesys_conversation_id,
            status=trace.conversation.status,
            windowOpen=trace.conversation.customer_window.open,
        ),
        wayOfIt=[f"{moment(each.at)} {each.hop}: {each.what}" for each in trace.hops],
        deliveries=[
            _said(
                to=each.target,
                state=each.state,
                tries=len(each.attempts),
                nextTryAt=moment(each.next_attempt_at),
                error=each.error,
            )
            for each in trace.deliveries
        ],
    )


def told_letters(page: models.DeadLetterPage) -> Answer:
    return _said(
        openInAll=page.open_total,
        shown=[told_letter(each) for each in page.items],
        more="There are more, older ones: narrow the search by `reason`." if page.next else None,
    )


def told_letter(letter: models.DeadLetterAnswer) -> Answer:
    return _said(
        deadLetterId=str(letter.id),
        what=letter.pipeline,
        reason=letter.reason,
        why=letter.error_message,
        whatToDo=letter.what_to_do,
        since=moment(letter.created_at),
        triedAgain=letter.retry_count,
        lastError=letter.last_error,
    )


def told_error(error: WaystateError) -> str:
    """With what to do next, where the server's own words do not say it to a model."""
    match error:
        case Unauthorized():
            return f"{error} The API key is missing, wrong or over. Ask whoever set this up for another; do not try again."
        case Forbidden() if error.missing_scope:
            return f"{error} This needs an API key with the scope {error.missing_scope}. Say so; do not try again."
        case NotFound():
            return f"{error} Check the id. Customers are found with find_customer, messages by id, wamid or Genesys id."
        case Refused(code="window_closed"):
            return f"{error} Free text cannot reach them now. Say so; only an approved template can."
        case Refused(code="not_in_control"):
            return f"{error} Somebody else has this conversation. Do not try again; say who has it."
    return str(error)


def told_several(query: str, customers: Iterable[models.FoundCustomer]) -> str:
    listed = "; ".join(
        f"{each.name or 'no name'}, {each.phone_number or each.username or '-'}: {each.id}" for each in customers
    )
    return f"Several customers fit {query!r}. Ask which one is meant, then call again with the id: {listed}."


def moment(at: Any) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _said(**members: Any) -> Answer:
    """Without what is empty: a model reads every word."""
    return {name: value for name, value in members.items() if value is not None and value not in ("", [], {})}
