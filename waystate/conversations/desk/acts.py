"""What people do around a conversation. Each deed is one transaction, under the conversation's lock, with its events."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from waystate.clock import Clock
from waystate.contacts import store as contact_store
from waystate.conversations import store as conversation_store
from waystate.conversations.desk import store
from waystate.conversations.desk.model import AddedParty, Note, etag_of
from waystate.conversations.model import Conversation
from waystate.conversations.read import get_shown
from waystate.conversations.sight import Sights
from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.errors import NotFound, PreconditionFailed, Unprocessable
from waystate.events.commits import Commits
from waystate.events.model import ConversationNoted, ConversationRead, Event, MessageMarkedRead, ParticipantsChanged
from waystate.ids import TenantId, new_id
from waystate.people import store as people_store
from waystate.principal import Principal, actor_of


class ReadSoFar(NamedTuple):
    """`unread`: what is left for the person; None of a key. `is_shown`: the customer is being shown it by this."""

    conversation_id: UUID
    unread: int | None
    is_shown: bool


_Deed = Callable[[Connection, Conversation, datetime], Awaitable[list[Event]]]


class DeskActs:
    def __init__(self, commits: Commits, sights: Sights, clock: Clock) -> None:
        self._commits = commits
        self._sights = sights
        self._clock = clock

    async def note(self, caller: Principal, conversation: str, text: str) -> Note:
        """Its event does not say what it says."""
        tenant, actor = caller.tenant_id, actor_of(caller)
        made: list[Note] = []

        async def note(conn: Connection, held: Conversation, now: datetime) -> list[Event]:
            row = Note(id=new_id(), conversation_id=held.id, author_kind=actor.kind, author_id=actor.id, text=text, at=now)
            await store.add_notes(conn, tenant, [row])
            made[:] = [row]
            said = _said(held, now)
            return [ConversationNoted(**said, note_id=row.id, author_kind=actor.kind, author_id=actor.id)]

        await self._do(caller, conversation, note)
        return made[0]

    async def put_participants(
        self, caller: Principal, conversation: str, parties: Sequence[AddedParty], expected: Collection[str] | None = None
    ) -> None:
        """They and nobody else are added to the conversation's own; `expected`: the tags of what the caller has seen."""
        tenant = caller.tenant_id

        async def put(conn: Connection, held: Conversation, now: datetime) -> list[Event]:
            before = await store.list_participants(conn, tenant, held.id)
            if expected is not None and etag_of(before) not in expected:
                raise _changed_meanwhile(before)
            known = {each.id: each for each in before}
            wanted = await _resolved(conn, tenant, held, parties, known)
            gone = known.keys() - wanted.keys()
            new = [each for each in wanted.values() if each.id not in known or known[each.id].role != each.role]
            if gone:
                await store.remove_participants(conn, tenant, held.id, gone)
            if new:
                await store.put_participants(conn, tenant, held.id, new, now)
            return _told(held, now, [each.id for each in new], gone)

        await self._do(caller, conversation, put)

    async def remove_participant(self, caller: Principal, conversation: str, party_id: UUID) -> None:
        """Raises NotFound for who was not added: who takes part by themselves is not taken out."""
        tenant = caller.tenant_id

        async def remove(conn: Connection, held: Conversation, now: datetime) -> list[Event]:
            survivors = await contact_store.find_survivors(conn, tenant, [party_id])
            gone = survivors.get(party_id, party_id)
            if gone not in {each.id for each in await store.list_participants(conn, tenant, held.id)}:
                text = f"Nobody with the id {party_id} was added. Who has the conversation, or is its customer, stays in it."
                raise NotFound("participant_not_found", text)
            await store.remove_participants(conn, tenant, held.id, [gone])
            return _told(held, now, (), [gone])

        await self._do(caller, conversation, remove)

    async def read(self, caller: Principal, conversation: str, up_to: UUID, *, shows: bool) -> ReadSoFar:
        """The person has read up to the message; `shows`: the customer is to see that, once, of their newest message there."""
        tenant, user_id = caller.tenant_id, caller.user_id
        done: list[ReadSoFar] = []

        async def read(conn: Connection, held: Conversation, now: datetime) -> list[Event]:
            reach = await store.find_reach(conn, tenant, held.id, up_to)
            if reach is None:
                raise NotFound("message_not_found", f"The conversation has no message {up_to}. Take the id from its messages.")
            events: list[Event] = []
            if user_id is not None and await store.move_read(conn, tenant, held.id, user_id, reach, now):
                events.append(ConversationRead(**{**_said(held, now), "message_id": up_to}, user_id=user_id))
            shown = await _show(conn, tenant, held, up_to, reach.sent_at, now) if shows else []
            left = None
            if user_id is not None:
                left = (await store.count_unread(conn, tenant, user_id, [held.id]))[held.id]
            done[:] = [ReadSoFar(held.id, left, bool(shown))]
            return [*events, *shown]

        await self._do(caller, conversation, read)
        return done[0]

    async def _do(self, caller: Principal, name: str, deed: _Deed) -> None:
        tenant = caller.tenant_id

        async def do(conn: Connection) -> tuple[None, list[Event]]:
            sight = await self._sights.find(conn, caller)
            found = await get_shown(conn, tenant, name, sight)
            held = (await conversation_store.lock_many(conn, tenant, [found.id])).get(found.id)
            if held is None:
                held = await get_shown(conn, tenant, name, sight)
            return None, await deed(conn, held, self._clock())

        await self._commits.do(tenant, do)


async def _resolved(
    conn: Connection, tenant: TenantId, held: Conversation, parties: Sequence[AddedParty], known: Collection[UUID]
) -> dict[UUID, AddedParty]:
    """As whom they are here, without the conversation's own customer. Raises Unprocessable for who is not here at all."""
    contacts = [each.id for each in parties if each.is_contact]
    survivors = await contact_store.find_survivors(conn, tenant, contacts)
    wanted = {key: each._replace(id=key) for each in parties if (key := survivors.get(each.id, each.id)) != held.contact_id}
    there = await store.name_contacts(conn, tenant, [each.id for each in wanted.values() if each.is_contact])
    new = [each.id for each in wanted.values() if not each.is_contact and each.id not in known]
    people = await people_store.find_colleagues(conn, new)
    if missing := [each.id for each in wanted.values() if each.is_contact and each.id not in there]:
        raise Unprocessable("unknown_customer", f"There is no customer {missing[0]}. Take the id from GET /v1/customers.")
    if missing := [each for each in new if each not in people]:
        raise Unprocessable("not_a_colleague", f"Nobody who works here has the id {missing[0]}. Take one from GET /v1/users.")
    return wanted


async def _show(
    conn: Connection, tenant: TenantId, held: Conversation, up_to: UUID, sent_at: datetime, now: datetime
) -> list[Event]:
    """WhatsApp shows all before a message as read with it, so that one is enough, and of one nobody is told twice."""
    last = await store.find_last_inbound(conn, tenant, held.id, up_to, sent_at)
    shown = (await store.get_held(conn, tenant, held.id)).shown_read
    if last is None or (shown is not None and last.id <= shown):
        return []
    await store.note_shown(conn, tenant, held.id, last.id)
    return [MessageMarkedRead(**{**_said(held, now), "message_id": last.id}, wamid=last.wamid)]


def _told(held: Conversation, now: datetime, put: Collection[UUID], removed: Collection[UUID]) -> list[Event]:
    if not put and not removed:
        return []
    return [ParticipantsChanged(**_said(held, now), put=sorted(put), removed=sorted(removed))]


def _said(held: Conversation, now: datetime) -> JsonObject:
    return {
        "mapping_id": held.id,
        "contact_id": held.contact_id,
        "phone_number_id": held.phone_number_id,
        "wa_id": held.wa_id,
        "at": now,
    }


def _changed_meanwhile(parties: Collection[AddedParty]) -> PreconditionFailed:
    text = "Participants were changed since you read them. Read them again, and send yours with the new ETag."
    return PreconditionFailed("changed_meanwhile", text, etag=etag_of(parties))
