"""The outbox: events are appended, with their public positions, in the transaction that makes them true."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from waystate.db.pool import Connection, load_queries
from waystate.events.model import LOGGED, AnyEvent, Event
from waystate.events.of_conversations import BaseEvent
from waystate.ids import TenantId, new_id

_queries = load_queries(__file__)

AfterCommit = Callable[[TenantId, Sequence[Event]], None]
"""Hears of events after their commit, so that the process's look-ups do not answer with what was."""


@dataclass(frozen=True)
class Stamped:
    """`data` is the event as JSON, read only when somebody asks for `event`: most are of no concern to a sink."""

    id: UUID
    position: int
    type: str
    data: str

    @cached_property
    def event(self) -> Event:
        return AnyEvent.validate_json(self.data)


@dataclass(frozen=True, slots=True)
class EventWindow:
    """What a sink has before it: the events it wants, and where its cursor goes once they are dealt with (None: it stays)."""

    stamped: list[Stamped]
    position: int | None = None
    is_full: bool = False


async def list_messages_behind(conn: Connection, tenant: TenantId, sink: str, *, limit: int) -> set[UUID] | None:
    """The messages of the events that the sink has not come to yet; None: these are more than `limit`."""
    positions = await find_positions(conn, tenant, [sink, "head"])
    after, head = positions.get(sink, 0), positions.get("head", 0)
    if head - after > limit:
        return None
    rows = await _queries.list_messages(conn, tenant_id=tenant, after=after, until=head) if head > after else []
    return {row["message_id"] for row in rows}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a sink passed behind `since` and up to `until` (positions) it judged by the tenant's `revision`."""

    until: int
    revision: int
    since: int


async def append_many(conn: Connection, tenant: TenantId, events: Sequence[Event]) -> None:
    """Once, as the last statement of a transaction: it takes the lock that orders all of a tenant's writers."""
    if not events:
        return
    # Not `dump`: its way around half a character is for plain documents, of an event it would write the printed form.
    texts = [to_json(each, inf_nan_mode="null").decode() for each in events]
    ids = [new_id() for _ in events]
    logged = [
        (key, event.mapping_id, text)
        for key, event, text in zip(ids, events, texts, strict=True)
        if event.type in LOGGED and isinstance(event, BaseEvent)
    ]
    if logged:
        keys, homes, kept = map(list, zip(*logged, strict=True))
        await _queries.log_many(conn, tenant_id=tenant, ids=keys, conversation_ids=homes, events=kept)
    await _queries.append_many(conn, tenant_id=tenant, ids=ids, events=f"[{','.join(texts)}]")


async def read_after(
    conn: Connection, tenant: TenantId, sink: str, *, epoch: int, batch: int, types: Collection[str] | None = None
) -> EventWindow:
    """The sink's next events, oldest first, with its cursor locked; nothing when a newer lease epoch has been here.

    What commits while this reads is beyond `head`, so passing over other types up to there skips nothing.
    """
    cursor = await _queries.lock_sink(conn, tenant_id=tenant, sink=sink, epoch=epoch)
    if cursor is None or (cursor["head"] or 0) <= cursor["position"]:
        return EventWindow([])
    stamped = await list_after(conn, tenant, cursor["position"], batch, types)
    is_full = len(stamped) == batch
    seen = stamped[-1].position if stamped else 0
    return EventWindow(stamped, seen if is_full else max(seen, cursor["head"]), is_full)


async def begin(conn: Connection, tenant: TenantId, sink: str, *, position: int | None = None) -> bool:
    """Whether the sink begins with this: behind `position`, or what comes from now on. One that has begun stays where it is."""
    return await _queries.begin_sink(conn, tenant_id=tenant, sink=sink, position=position) is not None


async def move_cursor(conn: Connection, tenant: TenantId, sink: str, position: int, *, epoch: int) -> bool:
    """Whether it moved; a stale holder's does not, nor does one that is there already."""
    return await _queries.move_sink(conn, tenant_id=tenant, sink=sink, position=position, epoch=epoch) is not None


async def note_judgement(conn: Connection, tenant: TenantId, sink: str, revision: int) -> bool:
    """From here on the sink judges by this revision of the tenant; whether it is another than before.

    In the transaction of `read_after`, before `move_cursor`.
    """
    return await _queries.note_judgement(conn, tenant_id=tenant, sink=sink, revision=revision) is not None


async def find_judgement(conn: Connection, tenant: TenantId, sink: str) -> Judgement | None:
    """None when the sink has not begun, or nobody can tell by what it judged."""
    row = await _queries.find_judgement(conn, tenant_id=tenant, sink=sink)
    return None if row is None or row["judged_by"] is None else Judgement(row["position"], row["judged_by"], row["judged_from"])


async def find_positions(conn: Connection, tenant: TenantId, sinks: Sequence[str]) -> dict[str, int]:
    """Of those sinks that have begun."""
    rows = await _queries.find_positions(conn, tenant_id=tenant, sinks=list(sinks))
    return {row["sink"]: row["position"] for row in rows}


async def lock_cursor(conn: Connection, tenant: TenantId, sink: str, *, epoch: int) -> int | None:
    """Where it is, for this transaction alone; None when a newer lease epoch has been here."""
    cursor = await _queries.lock_sink(conn, tenant_id=tenant, sink=sink, epoch=epoch)
    return None if cursor is None else int(cursor["position"])


async def list_after(
    conn: Connection, tenant: TenantId, position: int, batch: int, types: Collection[str] | None = None
) -> list[Stamped]:
    wanted = None if types is None else sorted(types)
    rows = await _queries.list_after(conn, tenant_id=tenant, position=position, batch=batch, types=wanted)
    return [_stamped(row) for row in rows]


async def get_head(conn: Connection, tenant: TenantId) -> int:
    return int(await _queries.get_head(conn, tenant_id=tenant))


async def hold_head(conn: Connection, tenant: TenantId) -> int:
    """The newest position; nobody appends until this transaction ends, so what is true from its commit on is so behind there.

    As one of its last statements, as `append_many` is.
    """
    return int(await _queries.hold_head(conn, tenant_id=tenant))


def _stamped(row: Any) -> Stamped:
    return Stamped(row["id"], row["position"], row["type"], row["data"])
