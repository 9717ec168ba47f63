"""Who has a conversation, as people say it: assigned, taken, given back, passed on. In the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate.audit.model import Entry
from waystate.conversations import hand_over, store
from waystate.conversations.control import Speaker, SpeakerKind, is_held_by, may_give, may_take, whose
from waystate.conversations.desk import store as desk_store
from waystate.conversations.desk.model import Note
from waystate.conversations.hand_over import HandedOn
from waystate.conversations.model import Conversation, Placed
from waystate.db.pool import Connection
from waystate.errors import Conflict, Forbidden, Reason, Unprocessable
from waystate.events.model import ConversationAssigned, ConversationReleased, ConversationTransferred
from waystate.ids import TenantId, new_id
from waystate.people import store as people_store
from waystate.people.store import Colleague
from waystate.principal import ROLE_SCOPES, Actor, Principal, Scope
from waystate.tenants.routing import TenantView


@dataclass(frozen=True, slots=True)
class Doer:
    """Who does something to a conversation: as whom they speak, and as whom the audit log knows them."""

    speaker: Speaker
    actor: Actor
    viewer: Principal | None = None
    """Whose sight counts; None: everything is in sight."""

    @property
    def name(self) -> str:
        return self.speaker.holder


@dataclass(frozen=True, slots=True)
class Destination:
    """Whom a conversation is passed on to; of a `user` and a `queue` the id."""

    kind: Literal["user", "queue", "genesys"]
    id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A deed on a conversation that is locked. `is_between`: it went into other hands after the caller looked at it."""

    conn: Connection
    tenant: TenantId
    view: TenantView
    conversation: Conversation
    doer: Doer
    now: datetime
    is_between: bool

    @property
    def is_anothers(self) -> bool:
        """Somebody has it, and it is not who does this."""
        holder = self.conversation.control_holder
        return holder is not None and not is_held_by(self.conversation, self.doer.speaker)

    def note(self, action: str, **details: Any) -> list[Entry]:
        """For the audit log."""
        said = {"former": self.conversation.control_holder, **details}
        subject = f"conversation:{self.conversation.id}"
        return [Entry(actor=self.doer.actor, action=action, subject=subject, at=self.now, details=said)]

    def handed_on(self, placed: Placed, *, is_queued_here: bool = False, is_for_genesys: bool = False) -> dict[str, Any]:
        """What its event says in any case."""
        return hand_over.describe(
            self.conversation,
            placed,
            self.doer.name,
            self.now,
            is_queued_here=is_queued_here,
            is_for_genesys=is_for_genesys,
        )

    async def check_nothing_between(self) -> None:
        if self.is_between:
            raise await self.conflict("moved_meanwhile", "The conversation went into other hands just now")

    async def check_may_give(self) -> None:
        if not may_give(self.conversation, self.doer.speaker):
            raise await self.conflict(Reason.NOT_IN_CONTROL, f"Not done: {whose(self.conversation)}")

    async def conflict(self, code: str, text: str) -> Conflict:
        """With who has it now."""
        at = self.conversation
        people = await people_store.find_colleagues(self.conn, [at.assigned_user_id]) if at.assigned_user_id is not None else {}
        person = people.get(at.assigned_user_id) if at.assigned_user_id is not None else None
        has_it = "nobody has it now" if at.control_holder is None else f"{person.name if person else at.control_holder} has it"
        return Conflict(
            code,
            f"{text}: {has_it}. Look at it again; to take it over, POST …/take, from another person if you may assign "
            "conversations.",
            controller=at.controller,
            holder=at.control_holder,
            controlEpoch=at.control_epoch,
            assignee=None if person is None else {"id": str(person.id), "name": person.name},
        )


Done = tuple[HandedOn | None, list[Entry]]
"""What changes, where anything does, and what the audit log is to say of it."""
NOTHING: Done = (None, [])


async def assign(deed: Deed, user_id: UUID | None) -> Done:
    """To a person, whoever has it; None: nobody has it any more. Whoever may assign it leads."""
    if user_id is None:
        return await release(deed)
    person = await _get_agent(deed, user_id)
    placed = hand_over.with_person(deed.conversation, person.id)
    if hand_over.is_so(deed.conversation, placed):
        return NOTHING
    await deed.check_nothing_between()
    event = ConversationAssigned(**deed.handed_on(placed))
    return HandedOn(deed.conversation, placed, event), deed.note("conversation.assigned", assignee=str(person.id))


async def take(deed: Deed) -> Done:
    """A person makes it theirs."""
    speaker = deed.doer.speaker
    if speaker.kind is not SpeakerKind.PERSON or speaker.id is None:
        raise Forbidden(
            "people_only",
            "Only a person takes a conversation. A key has it once it speaks; POST …/assign gives it to a person.",
        )
    placed = hand_over.with_person(deed.conversation, speaker.id)
    if hand_over.is_so(deed.conversation, placed):
        await store.note_act(deed.conn, deed.tenant, deed.conversation.id, deed.now)
        return NOTHING
    queue_id = deed.conversation.queue_id
    queue = None if queue_id is None else await store.find_queue(deed.conn, deed.tenant, queue_id, speaker.id)
    is_of_queue = queue is not None and queue.has_member
    if not may_take(deed.conversation, speaker, is_of_queue=is_of_queue):
        if deed.conversation.control_holder is None and queue is not None:
            raise Forbidden(
                "not_your_queue",
                f"The conversation waits in the queue {queue.name}, and you are none of its people. Ask to become one, or ask "
                "somebody who may assign conversations.",
            )
        raise await deed.conflict(Reason.NOT_IN_CONTROL, f"Not taken: {whose(deed.conversation)}")
    await deed.check_nothing_between()
    entries = deed.note("conversation.taken") if deed.is_anothers else []
    return HandedOn(deed.conversation, placed, ConversationAssigned(**deed.handed_on(placed))), entries


async def release(deed: Deed) -> Done:
    """Whoever has it gives it back; it waits where it came from."""
    if deed.conversation.control_holder is None:
        return NOTHING
    await deed.check_may_give()
    await deed.check_nothing_between()
    placed = hand_over.with_nobody(deed.conversation)
    said = deed.handed_on(placed, is_queued_here=deed.conversation.is_queued_here)
    entries = deed.note("conversation.released") if deed.is_anothers else []
    return HandedOn(deed.conversation, placed, ConversationReleased(**said, reason="given_back")), entries


async def transfer(deed: Deed, to: Destination, note: str | None) -> Done:
    """To a person, a queue or Genesys, by whoever has it or leads."""
    placed, is_queued_here = await _destined(deed, to)
    await deed.check_may_give()
    await deed.check_nothing_between()
    if note is not None:
        await _keep_note(deed, note)
    if hand_over.is_so(deed.conversation, placed):
        return NOTHING
    said = deed.handed_on(placed, is_queued_here=is_queued_here, is_for_genesys=to.kind == "genesys")
    details = {"to": to.kind, "id": None if to.id is None else str(to.id)}
    entries = deed.note("conversation.transferred", **details) if deed.is_anothers else []
    return HandedOn(deed.conversation, placed, ConversationTransferred(**said, to=to.kind, note=note)), entries


async def _keep_note(deed: Deed, text: str) -> None:
    """Whoever gets the conversation finds it among the notes."""
    actor = deed.doer.actor
    row = Note(
        id=new_id(), conversation_id=deed.conversation.id, author_kind=actor.kind, author_id=actor.id, text=text, at=deed.now
    )
    await desk_store.add_notes(deed.conn, deed.tenant, [row])


async def _destined(deed: Deed, to: Destination) -> tuple[Placed, bool]:
    """How it stands there, and whether that is a queue of people here."""
    match to.kind, to.id:
        case "user", UUID() as user_id:
            return hand_over.with_person(deed.conversation, (await _get_agent(deed, user_id)).id), False
        case "queue", UUID() as queue_id:
            queue = await store.find_queue(deed.conn, deed.tenant, queue_id)
            if queue is None:
                raise Unprocessable("queue_unknown", f"There is no queue {queue_id}. GET /v1/queues lists them.")
            return hand_over.in_queue(deed.conversation, queue.id), queue.is_here
    account = deed.view.accounts.get(deed.conversation.phone_number_id)
    if account is None or account.genesys_integration_id is None:
        raise Conflict(
            "no_genesys",
            f"Number {deed.conversation.phone_number_id} has no Genesys integration, so nobody there would hear of it. Pass "
            "the conversation on to a person or a queue.",
        )
    return hand_over.at_genesys(deed.conversation), False


async def _get_agent(deed: Deed, user_id: UUID) -> Colleague:
    """A person of the tenant who may answer customers."""
    person = (await people_store.find_colleagues(deed.conn, [user_id])).get(user_id)
    if person is None:
        raise Unprocessable(
            "assignee_unknown",
            f"Nobody here is {user_id}: they have not accepted their invitation, are suspended, or are somebody else's. "
            "GET /v1/colleagues lists who is here.",
        )
    if Scope.MESSAGES_SEND not in ROLE_SCOPES[person.role]:
        raise Unprocessable("assignee_cannot_answer", f"{person.name} is a {person.role} and may not write to customers.")
    return person
