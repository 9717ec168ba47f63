"""What WhatsApp tells beside what customers write: kept with the conversation that is open, it opens and moves nothing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Conversation, OpenedConversation
from waystate.conversations.store import WantedConversation
from waystate.db.pool import Connection
from waystate.events.model import InboundEnriched
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.model import InboundMessage, Status
from waystate.messages.receive import first_copies, received, rows_of, writer_of
from waystate.tenants.model import TenantSettings

NOTES = {
    "system": "WhatsApp says it of a customer, who wrote nothing",
    "request_welcome": "a customer opened the chat and wrote nothing",
    "edit": "a customer changed what they had written",
    "revoke": "a customer took back what they had written",
}
"""By the message's type, why it is no message of a customer: it moves no customer window and opens no conversation."""

_FOR_AGENTS = frozenset({"edit", "revoke"})
"""An agent who reads what the customer wrote is told that it holds no more."""


def is_note(message: InboundMessage) -> bool:
    return message.type in NOTES


async def note_many(
    conn: Connection, tenant: TenantId, settings: TenantSettings, messages: Sequence[InboundMessage], now: datetime
) -> tuple[list[UUID | None], list[InboundEnriched]]:
    """The conversation that each is kept with, None where the sender has none open on the number; and the events of it.

    In the caller's transaction, which appends the events. What came before is kept once.
    """
    found = await _find_conversations(conn, tenant, messages, now)
    kept = [None if each is None else each.id for each in found]
    open_ones = {each.id: each for each in found if each is not None}
    if not open_ones:
        return kept, []
    at_home = {message.wamid: each for message, each in zip(messages, found, strict=True) if each is not None}
    copies = first_copies([message for message in messages if message.wamid in at_home])
    ids = {message.wamid: new_id() for message in copies}
    claimed = await message_store.claim_many(conn, tenant, "whatsapp", dict(sorted(ids.items())))
    # Events follow one another under the conversation's lock.
    await conversation_store.lock_many(conn, tenant, sorted(open_ones))
    sent = [(message, at_home[message.wamid].contact_id) for message in copies if message.wamid in claimed]
    opened = {(message.phone_number_id, contact): _as_opened(at_home[message.wamid]) for message, contact in sent}
    rows = rows_of(sent, opened, ids)
    for row in rows:
        row.status = Status.RECEIVED if row.type in _FOR_AGENTS else Status.PROCESSED
    if rows:
        await message_store.insert_many(conn, tenant, rows)
    told = [each for each in sent if each[0].type in _FOR_AGENTS]
    return kept, received(told, opened, ids, settings, now)


async def _find_conversations(
    conn: Connection, tenant: TenantId, messages: Sequence[InboundMessage], now: datetime
) -> list[Conversation | None]:
    """The sender's open one on the number, by the first of their ids that leads to one."""
    people = [(writer_of(message).identities, message.phone_number_id) for message in messages]
    asked: set[Identity] = {each for identities, _ in people for each in identities}
    spelled = await contact_store.spell_as_known(conn, tenant, asked)
    wanted = sorted({(spelled.get(each, each), number) for identities, number in people for each in identities})
    rows = await conversation_store.find_open_many(conn, tenant, [WantedConversation(*each) for each in wanted], now)
    open_of = {each: row for each, row in zip(wanted, rows, strict=True) if row is not None}
    return [
        next((open_of[key] for each in identities if (key := (spelled.get(each, each), number)) in open_of), None)
        for identities, number in people
    ]


def _as_opened(conversation: Conversation) -> OpenedConversation:
    return OpenedConversation(id=conversation.id, genesys_conversation_id=conversation.genesys_conversation_id, is_new=False)
