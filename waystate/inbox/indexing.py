"""The index by which conversations are found, kept by a sink: a second or two behind what it tells of."""

from collections.abc import Sequence
from functools import partial
from typing import Any, get_args
from uuid import UUID

from waystate import documents
from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.events import outbox
from waystate.events.model import (
    AccountChanged,
    ContactMerged,
    ContactNamed,
    ContactUnmerged,
    ContactUpdated,
    ConversationMerged,
    CustomerChanged,
    Event,
    GroupChanged,
    InboundEnriched,
    MediaFailed,
    MediaHeld,
    MediaStored,
    MessageEchoed,
    MessageEdited,
    MessageMarkedRead,
    MessagePayment,
    MessagePlanned,
    MessageReacted,
    MessageReleased,
    MessageRevoked,
    MessageStatus,
    MessageTracked,
    MessageWithdrawn,
    NumberHeld,
    NumberReleased,
    OutboundProcessed,
    OutboundRefused,
    PlanFailed,
    PreferencesChanged,
    TemplateChanged,
    WindowClosed,
    WindowExpiring,
)
from waystate.events.outbox import Stamped
from waystate.events.sinks import IndexWorker
from waystate.ids import TenantId, find_uuid
from waystate.inbox import store
from waystate.inbox.store import ToldMessage
from waystate.work.batch import with_retries
from waystate.work.leases import LeaseKeeper

SINK = "conversations"
_FILL = "conversations.fill"
"""Where the first fill began: what happened since is looked at once more when it is done."""
_PAGE = 200
"""Conversations that one transaction takes in where a tenant has an index for the first time."""
_PAGE_OF_WANTED = 50
"""Customers, each with all their conversations."""

_CHANGES_NOTHING: tuple[type, ...] = (
    *(MessageStatus, MessagePayment, MessageReacted, MessageMarkedRead, WindowExpiring, WindowClosed),
    *(MessagePlanned, MessageReleased, MessageWithdrawn, PlanFailed, MediaStored, MediaHeld, MediaFailed),
    *(ContactUpdated, ContactNamed, CustomerChanged, GroupChanged, PreferencesChanged),
    *(TemplateChanged, AccountChanged, NumberHeld, NumberReleased),
)
"""Events of what no conversation is found or sorted by; customers are found by an index of their own."""
_MESSAGES: dict[str, bool | None] = {
    **{each.model_fields["type"].default: True for each in (InboundEnriched,)},
    **{each.model_fields["type"].default: False for each in (OutboundProcessed, OutboundRefused, MessageEchoed)},
    MessageTracked.model_fields["type"].default: None,
}
"""Each tells of one message that is there from then on; whether it came (None: the event says)."""
_SAYS = frozenset({*_MESSAGES, *(each.model_fields["type"].default for each in (MessageEdited, MessageRevoked))})
_JOINED = frozenset(each.model_fields["type"].default for each in (ContactMerged, ContactUnmerged))
TYPES = tuple(event.model_fields["type"].default for event in get_args(Event) if event not in _CHANGES_NOTHING)


class InboxSink:
    """Looks once more at every conversation that an event is of, in the transaction that moves the cursor."""

    name = SINK
    types = TYPES

    async def __call__(self, conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> list[Event]:
        ids: set[UUID] = set()
        told: list[ToldMessage] = []
        said: set[UUID] = set()
        whole: set[UUID] = set()
        moved: set[UUID] = set()
        parted: set[UUID] = set()
        for each in stamped:
            event: Any = documents.parse(each.data.encode())
            conversation = _uuid(event, "mapping_id")
            if each.type in _JOINED:
                both = {found for key in ("contact_id", "merged_contact_id") if (found := _uuid(event, key))}
                moved |= both
                # With a merge that is undone messages go home, and conversations begin of which nothing else tells.
                parted |= both if each.type == ContactUnmerged.model_fields["type"].default else set()
            if conversation is None:
                continue
            ids.add(conversation)
            if each.type == ConversationMerged.model_fields["type"].default and (into := _uuid(event, "into_mapping_id")):
                whole |= {conversation, into}
            message = _uuid(event, "message_id")
            if message is not None and each.type in _SAYS:
                said.add(message)
                if each.type in _MESSAGES:
                    is_inbound = _MESSAGES[each.type]
                    came = event["direction"] == "inbound" if is_inbound is None else is_inbound
                    told.append(ToldMessage(conversation, each.position, came))
        ids |= set(await store.list_of_customers(conn, tenant, moved)) if moved else set()
        whole |= set(await store.list_of_customers(conn, tenant, parted)) if parted else set()
        await store.index_many(conn, tenant, ids, told, said)
        await store.index_whole(conn, tenant, whole)
        return []


class InboxWorker(IndexWorker):
    """Of the tenants whose relay lanes this process holds, once a second: many events of one conversation are one look."""

    name = "conversation index"

    def __init__(self, db: Database, leases: LeaseKeeper, clock: Clock, *, lanes: int, batch: int, page: int = _PAGE) -> None:
        """`page`: conversations that one transaction of the first fill takes in."""
        super().__init__(db, leases, clock, InboxSink(), lanes=lanes, batch=batch)
        self._page = page

    async def _take_wanted(self, tenant: TenantId) -> bool:
        async with self._db.tenant(tenant) as conn:
            wanted = await store.take_wanted(conn, tenant, _PAGE_OF_WANTED)
            await store.index_whole(conn, tenant, await store.list_of_customers(conn, tenant, wanted) if wanted else [])
            return len(wanted) == _PAGE_OF_WANTED

    async def _due(self) -> set[TenantId]:
        async with self._db.work() as conn:
            return await store.list_due(conn)

    async def _begin(self, tenant: TenantId) -> None:
        """All that the tenant has, page by page; a death in between goes on where it was, and hears of all that happened since
        it began."""
        async with self._db.tenant(tenant) as conn:
            if self._sink.name in await outbox.find_positions(conn, tenant, [self._sink.name]):
                return
            await outbox.begin(conn, tenant, _FILL)
            begun_at = (await outbox.find_positions(conn, tenant, [_FILL]))[_FILL]
            last = await store.find_last_indexed(conn, tenant)
        is_full = True
        while is_full:
            page = await with_retries(partial(self._fill, tenant, last))
            last, is_full = page[-1] if page else None, len(page) == self._page
        async with self._db.tenant(tenant) as conn:
            await outbox.begin(conn, tenant, self._sink.name, position=begun_at)

    async def _fill(self, tenant: TenantId, last: UUID | None) -> list[UUID]:
        async with self._db.tenant(tenant) as conn:
            page = await store.list_ids(conn, tenant, after=last, batch=self._page)
            await store.index_whole(conn, tenant, page)
            return page


def _uuid(event: Any, key: str) -> UUID | None:
    named = event.get(key)
    return find_uuid(named) if isinstance(named, str) else None
