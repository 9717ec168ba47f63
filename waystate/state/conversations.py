"""Look-ups of conversations (seed 001), each over a batch of one tenant's requests in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from waystate.clock import Clock
from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity, IdentityKind, Writer
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity, Conversation
from waystate.conversations.store import WantedConversation
from waystate.db.pool import Connection, Database
from waystate.events import outbox
from waystate.events.model import ConversationOpened, Event
from waystate.ids import TenantId
from waystate.messages.receive import expired
from waystate.tenants.model import TenantSettings


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation for a look-up; `is_new` for the one caller whose request opened it."""

    conversation: Conversation
    is_new: bool = False


async def get_or_open_many(
    tenant: TenantId,
    settings: TenantSettings,
    wanted: Sequence[tuple[Identity, str]],
    default_number: str,
    db: Database,
    clock: Clock,
) -> list[Found]:
    """The open conversation of each (identity, number), in the order asked; where there is none it is opened.

    A number of "" means the latest open conversation on any number, else a new one on `default_number`.
    Looking up is no activity and moves no clock.
    """
    now = clock()
    async with db.tenant(tenant) as conn:
        wanted, found = await _find_open_as_known(conn, tenant, wanted, now)
        missing = [index for index, known in enumerate(found) if known is None]
        new: set[UUID] = set()
        if missing:
            opening = sorted({(wanted[index][0], wanted[index][1] or default_number) for index in missing})
            new, events = await _open(conn, tenant, settings, opening, now)
            opened = await _find_open(conn, tenant, [wanted[index] for index in missing], now)
            for index, conversation in zip(missing, opened, strict=True):
                found[index] = conversation
            await outbox.append_many(conn, tenant, events)
    answers: list[Found] = []
    for conversation in found:
        assert conversation is not None, "what was opened in this transaction is found in it"
        answers.append(Found(conversation, conversation.id in new))
        new.discard(conversation.id)
    return answers


async def find_open_many(
    tenant: TenantId, wanted: Sequence[tuple[Identity, str]], db: Database, clock: Clock
) -> list[Conversation | None]:
    async with db.tenant(tenant) as conn:
        _, found = await _find_open_as_known(conn, tenant, wanted, clock())
    return found


async def find_conversations(tenant: TenantId, ids: Sequence[str], db: Database) -> list[Conversation | None]:
    async with db.tenant(tenant) as conn:
        return await conversation_store.find_many(conn, tenant, ids)


async def _find_open_as_known(
    conn: Connection, tenant: TenantId, wanted: Sequence[tuple[Identity, str]], now: datetime
) -> tuple[Sequence[tuple[Identity, str]], list[Conversation | None]]:
    """`wanted` with each phone in the spelling that somebody is known by, and what is open of them."""
    found = await _find_open(conn, tenant, wanted, now)
    missing = {identity for (identity, _), known in zip(wanted, found, strict=True) if known is None}
    spelled = await contact_store.spell_as_known(conn, tenant, missing) if missing else {}
    if not spelled:
        return wanted, found
    wanted = [(spelled.get(identity, identity), number) for identity, number in wanted]
    return wanted, await _find_open(conn, tenant, wanted, now)


async def _find_open(
    conn: Connection, tenant: TenantId, wanted: Sequence[tuple[Identity, str]], now: datetime
) -> list[Conversation | None]:
    return await conversation_store.find_open_many(
        conn, tenant, [WantedConversation(identity, number or None) for identity, number in wanted], now
    )


async def _open(
    conn: Connection, tenant: TenantId, settings: TenantSettings, missing: Sequence[tuple[Identity, str]], now: datetime
) -> tuple[set[UUID], list[Event]]:
    """The conversations that are new now, and the events of it."""
    resolved = await contact_store.upsert_many(conn, tenant, [Writer((identity,)) for identity, _ in missing], now)
    # One row a conversation: a contact may be asked for by several identities at once.
    activity: dict[tuple[str, UUID], Activity] = {}
    for (identity, number), contact_id in zip(missing, resolved.contacts, strict=True):
        row = activity.setdefault(
            (number, contact_id), Activity(contact_id=contact_id, phone_number_id=number, wa_id=None, at=now)
        )
        if identity.kind is IdentityKind.WA_ID:
            row.wa_id = row.wa_id or identity.external_id
        else:
            row.user_id = identity.external_id
    opened, overdue = await conversation_store.open_many(
        conn, tenant, list(activity.values()), ttl=settings.mapping_ttl, now=now
    )
    events: list[Event] = expired(overdue, now)
    for (number, contact_id), each in opened.items():
        if each.is_new:
            wa_id = activity[number, contact_id].wa_id
            events.append(
                ConversationOpened(mapping_id=each.id, contact_id=contact_id, phone_number_id=number, at=now, wa_id=wa_id)
            )
    return {each.id for each in opened.values() if each.is_new}, events
