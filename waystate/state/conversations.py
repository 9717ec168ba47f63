"""The data plane's operations (seed 001), each over a batch of one tenant's requests in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from waystate.clock import Clock
from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity, IdentityKind, Person
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity, Conversation
from waystate.conversations.store import Wanted
from waystate.db.pool import Connection, Database
from waystate.documents import JsonObject
from waystate.errors import Conflict, NotFound, Refused, Unprocessable
from waystate.events import outbox
from waystate.events.model import ConversationOpened, Event
from waystate.ids import TenantId, find_uuid
from waystate.messages import store as message_store
from waystate.messages.advance import Advanced, advance
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.receive import expired
from waystate.messages.status import STEPS, Merged, later_than, parse_status, unknown_status
from waystate.tenants.model import TenantSettings


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation for a look-up; `is_new` for the one caller whose request opened it."""

    conversation: Conversation
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """A status for the message that `message_id` names: a wamid, a Genesys id or ours."""

    message_id: str
    status: str
    at: datetime
    error: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """`status` is the message's own from now on, whatever word it was asked for with."""

    message_id: UUID
    status: Status


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
        found = await _find_open(conn, tenant, wanted, now)
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
        return await _find_open(conn, tenant, wanted, clock())


async def find_conversations(tenant: TenantId, ids: Sequence[str], db: Database) -> list[Conversation | None]:
    async with db.tenant(tenant) as conn:
        return await conversation_store.find_many(conn, tenant, ids)


async def change_many(
    tenant: TenantId, changes: Sequence[StatusChange], db: Database, clock: Clock
) -> tuple[list[Changed | Refused], Advanced]:
    """Advance messages by hand; unlike a webhook's, a status that goes backwards or means nothing is refused."""
    async with db.tenant(tenant) as conn:
        keys = await message_store.find_ids(conn, tenant, [each.message_id for each in changes])
        targets = [keys.get(each.message_id) or find_uuid(each.message_id) for each in changes]
        reports = [
            StatusReport(
                wamid="", message_id=target, status=each.status, at=each.at, error=each.error, source="http", origin="http"
            )
            for each, target in zip(changes, targets, strict=True)
            if target is not None
        ]
        advanced = await advance(conn, tenant, reports, clock()) if reports else Advanced()
        await outbox.append_many(conn, tenant, advanced.events)
    steps = {message_id: iter(merged) for message_id, merged in advanced.merged.items()}
    results = [
        _no_message(each.message_id) if target not in steps else _outcome(target, next(steps[target]))
        for each, target in zip(changes, targets, strict=True)
    ]
    return results, advanced


async def _find_open(
    conn: Connection, tenant: TenantId, wanted: Sequence[tuple[Identity, str]], now: datetime
) -> list[Conversation | None]:
    return await conversation_store.find_open_many(
        conn, tenant, [Wanted(identity, number or None) for identity, number in wanted], now
    )


async def _open(
    conn: Connection, tenant: TenantId, settings: TenantSettings, missing: Sequence[tuple[Identity, str]], now: datetime
) -> tuple[set[UUID], list[Event]]:
    """The conversations that are new now, and the events of it."""
    resolved = await contact_store.upsert_many(conn, tenant, [Person((identity,)) for identity, _ in missing], now)
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


def _outcome(message_id: UUID | None, step: Merged) -> Changed | Refused:
    assert message_id is not None
    current = step.before
    status = parse_status(step.report.status, step.state.direction)
    if status is None:
        return Unprocessable("state_violation", unknown_status(step.report.status, step.state.direction))
    if step.why_not is None or status == current:
        return Changed(message_id, step.state.status)
    return Conflict(
        "state_violation",
        f"The message is {current} already and does not go back to {status}. "
        + _what_may_follow(current, step.state.direction),
        current=current,
        valid_next_states=sorted(STEPS[current]),
    )


def _what_may_follow(current: Status, direction: Direction) -> str:
    """No step leads on from a failure, but a report can prove that it was not the last word."""
    following = sorted(STEPS[current]) or later_than(current, direction)
    return f"It can still become: {', '.join(following)}." if following else "That status is final."


def _no_message(message_id: str) -> NotFound:
    return NotFound(
        "message_not_found",
        f"No message has the id '{message_id}'. It may be a wamid, a Genesys message id or Waystate's own; track it first with "
        "POST /state/message.",
    )
