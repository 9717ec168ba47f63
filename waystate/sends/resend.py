"""What failed is sent again: as a new message that says the same, and once, whichever of its copies is named."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from waystate.conversations.control import Speaker
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.documents import JsonObject
from waystate.errors import Conflict, NotFound
from waystate.ids import TenantId, find_uuid
from waystate.messages import store as message_store
from waystate.messages.model import Direction, OutboundMessage, Status
from waystate.messages.send import parts_of
from waystate.messages.store import is_composed
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedMessage, PlannedState
from waystate.principal import Actor
from waystate.sends.model import Draft, said_in

_NO_MESSAGE = "There is no message to a customer of this id."


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """`draft` says it again. `ids`: the message or plan that was named, and the first one of which it is a copy."""

    draft: Draft
    ids: tuple[UUID, ...]

    def parts(self, now: datetime) -> list[Draft]:
        """As many as WhatsApp takes of a long text of an agent's, in order: the last one stands for the whole."""
        draft = self.draft
        if draft.is_composed or (draft.media or {}).get("file_id"):
            return [draft]
        whole = OutboundMessage(
            genesys_message_id=str(self.ids[-1]),
            sent_at=now,
            type=draft.type,
            text=draft.text,
            content=draft.content,
            media=draft.media,
            metadata=draft.metadata,
        )
        return [
            replace(draft, type=part.type, text=part.text or "", content=part.content, media=part.media, metadata=part.metadata)
            for part in parts_of(whole)
        ]


async def lock_failed(conn: Connection, tenant: TenantId, named: UUID, speaker: Speaker, actor: Actor) -> Again:
    """Returns what is to be said again of a message or plan of ours; raises what keeps it from being sent again.

    It and the message that it is a copy of are locked: of two who ask at once the second one finds the first one's copy.
    """
    plans = await planned_store.find_many(conn, tenant, [named])
    if plans and plans[0].message_id is not None:
        named, plans = plans[0].message_id, []
    first = _first_of(plans[0].request if plans else await message_store.find_message(conn, tenant, named), named)
    ids = tuple(dict.fromkeys((first, named)))
    await message_store.lock_many(conn, tenant, ids)
    locked = {each.id: each for each in await planned_store.lock_many(conn, tenant, ids)}
    rows = {each: await message_store.find_message(conn, tenant, each) for each in ids}
    draft = _draft_of_plan(locked[named], actor, speaker) if named in locked else None
    if draft is None:
        draft = _draft_of(rows[named], await _is_unknown(conn, tenant, named), speaker, actor)
    for each in ids:
        await _check_copy(conn, tenant, locked[each].request if each in locked else (rows[each] or {}).get("metadata"))
    return Again(draft=_naming(draft, named, first), ids=ids)


async def note_again(conn: Connection, tenant: TenantId, again: Again, copy_id: UUID) -> None:
    for each in again.ids:
        await message_store.note_resent(conn, tenant, each, copy_id)
    await planned_store.note_resent(conn, tenant, again.ids, copy_id)


def _first_of(said: JsonObject | None, named: UUID) -> UUID:
    metadata = (said or {}).get("metadata") or {}
    return find_uuid(str(metadata.get("resend_origin") or metadata.get("resend_of"))) or named


def _naming(draft: Draft, named: UUID, first: UUID) -> Draft:
    return replace(draft, metadata=draft.metadata | {"resend_of": str(named), "resend_origin": str(first)})


async def _is_unknown(conn: Connection, tenant: TenantId, message_id: UUID) -> bool:
    rows = await delivery_store.find_of_messages(conn, tenant, [message_id])
    return any(row["target"] == "whatsapp" and row["state"] == "unknown" for row in rows)


async def _check_copy(conn: Connection, tenant: TenantId, metadata: JsonObject | None) -> None:
    """`resent_already` where what it was sent again as is not known to have failed."""
    copy_id = find_uuid(str((metadata or {}).get("resent_as")))
    plans = await planned_store.find_many(conn, tenant, [copy_id]) if copy_id is not None else []
    if plans and plans[0].state is PlannedState.WAITING:
        raise _resent_already(plans[0].id, "waiting")
    carried = plans[0].message_id if plans else copy_id
    copies = await message_store.list_by_ids(conn, tenant, [carried]) if carried is not None else []
    if copies and copies[0]["status"] != Status.FAILED:
        raise _resent_already(copies[0]["id"], copies[0]["status"])


def _resent_already(copy_id: UUID, status: str) -> Conflict:
    text = f"It was sent again already, as {copy_id}, which is {status}. Look at that one."
    return Conflict("resent_already", text, resentAs=str(copy_id))


def _draft_of(row: dict[str, Any] | None, is_unknown: bool, speaker: Speaker, actor: Actor) -> Draft:
    if row is None or row["direction"] != Direction.OUTBOUND:
        raise NotFound("message_not_found", _NO_MESSAGE)
    if row["status"] != Status.FAILED and not is_unknown:
        raise _not_failed(row["status"])
    return Draft(
        type=row["type"],
        content=row["content"],
        text=row["text"] or "",
        media=row["media"],
        is_composed=is_composed(row["origin"], row["metadata"]),
        speaker=speaker,
        actor=actor,
        conversation_id=str(row["conversation_id"]),
        reply_to=row["metadata"].get("reply_to"),
    )


def _draft_of_plan(plan: PlannedMessage, actor: Actor, speaker: Speaker) -> Draft:
    """Of what was planned and never became a message."""
    if plan.state is not PlannedState.FAILED:
        raise _not_failed("planned" if plan.state is PlannedState.WAITING else plan.state)
    return Draft(
        **said_in(plan.request),
        speaker=speaker,
        actor=actor,
        contact_id=plan.contact_id,
        phone_number_id=plan.phone_number_id,
        to=plan.request.get("to"),
    )


def _not_failed(status: str) -> Conflict:
    return Conflict("not_failed", f"The message is {status}: only one that failed, or of which nobody knows, is sent again.")
