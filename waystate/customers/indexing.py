"""The index by which customers are found, kept by a sink: a second or two behind what it tells of."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, get_args
from uuid import UUID

from waystate import documents
from waystate.clock import Clock
from waystate.customers import store
from waystate.customers.duplicates import store as duplicates
from waystate.db.pool import Connection, Database
from waystate.events import outbox
from waystate.events.model import (
    AccountChanged,
    ControlChanged,
    ConversationAssigned,
    ConversationChanged,
    ConversationCorrelated,
    ConversationNoted,
    ConversationRead,
    ConversationReleased,
    ConversationRequeued,
    ConversationTransferred,
    Event,
    MediaFailed,
    MediaHeld,
    MediaStored,
    MessageEdited,
    MessageMarkedRead,
    MessagePlanned,
    MessageReacted,
    MessageReleased,
    MessageRevoked,
    MessageStatus,
    MessageWithdrawn,
    NumberHeld,
    NumberReleased,
    ParticipantsChanged,
    PlanFailed,
    PreferencesChanged,
    TemplateChanged,
    WindowClosed,
    WindowExpiring,
    WindowOpened,
)
from waystate.events.outbox import Stamped
from waystate.events.sinks import IndexWorker
from waystate.events.tenant_wide import QueueChanged, ReplyChanged, ScheduleChanged
from waystate.ids import TenantId, find_uuid
from waystate.work.batch import with_retries
from waystate.work.leases import LeaseKeeper

_PAGE = 500
"""Contacts that one transaction takes into the index, where a tenant has one for the first time."""


_CHANGES_NOTHING: tuple[type, ...] = (
    *(MessageStatus, MessageReacted, MessageEdited, MessageRevoked, MessageMarkedRead),
    *(ConversationCorrelated, ControlChanged, WindowOpened, WindowExpiring, WindowClosed),
    *(MessagePlanned, MessageReleased, MessageWithdrawn, PlanFailed, MediaStored, MediaHeld, MediaFailed),
    *(PreferencesChanged, TemplateChanged, AccountChanged, NumberHeld, NumberReleased),
    *(ConversationAssigned, ConversationTransferred, ConversationReleased, ConversationRequeued, ConversationChanged),
    *(ConversationNoted, ConversationRead, ParticipantsChanged, QueueChanged, ScheduleChanged, ReplyChanged),
)
"""Events of what no customer is found or sorted by."""
TYPES = tuple(event.model_fields["type"].default for event in get_args(Event) if event not in _CHANGES_NOTHING)


async def index_many(conn: Connection, tenant: TenantId, ids: Collection[UUID]) -> None:
    """What these are found by, and by what they are like others."""
    await store.hold_many(conn, tenant, ids)
    await store.index_many(conn, tenant, ids)
    await duplicates.compare_many(conn, tenant, ids)


class IndexSink:
    """Looks once more at every contact that an event is of, in the transaction that moves the cursor."""

    name = "customers"
    types = TYPES

    async def __call__(self, conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> list[Event]:
        await index_many(conn, tenant, contacts_of(stamped))
        return []


class CustomerIndexWorker(IndexWorker):
    """Of the tenants whose relay lanes this process holds, once a second: many events of one customer are one look."""

    name = "customer index"

    def __init__(self, db: Database, leases: LeaseKeeper, clock: Clock, *, lanes: int, batch: int) -> None:
        super().__init__(db, leases, clock, IndexSink(), lanes=lanes, batch=batch)

    async def _take_wanted(self, tenant: TenantId) -> bool:
        async with self._db.tenant(tenant) as conn:
            wanted = await store.take_wanted(conn, tenant, _PAGE)
            await index_many(conn, tenant, wanted)
            return len(wanted) == _PAGE

    async def _due(self) -> set[TenantId]:
        async with self._db.work() as conn:
            return await store.list_due(conn)

    async def _begin(self, tenant: TenantId) -> None:
        """Everybody whom the tenant has, as they are since the position where it begins; a death in between begins anew."""
        async with self._db.tenant(tenant) as conn:
            if self._sink.name in await outbox.find_positions(conn, tenant, [self._sink.name]):
                return
            head = await outbox.get_head(conn, tenant)
        page: list[UUID] = []
        while not page or len(page) == _PAGE:
            last = page[-1] if page else None
            page = await with_retries(partial(self._fill, tenant, last))
            if not page:
                break
        async with self._db.tenant(tenant) as conn:
            await outbox.begin(conn, tenant, self._sink.name, position=head)

    async def _fill(self, tenant: TenantId, last: UUID | None) -> list[UUID]:
        """The next page of them; who is merged at the same moment is locked in another order."""
        async with self._db.tenant(tenant) as conn:
            page = await store.list_ids(conn, tenant, after=last, batch=_PAGE)
            await index_many(conn, tenant, page)
            return page


def contacts_of(stamped: Sequence[Stamped]) -> set[UUID]:
    """Whom events are of; and who wrote in a group, joined it or left it."""
    named: list[Any] = []
    for told in (documents.parse(each.data.encode()) for each in stamped):
        named += [told.get("contact_id"), told.get("merged_contact_id"), (told.get("sender") or {}).get("contact_id")]
        named += [*(told.get("joined") or ()), *(told.get("left") or ())]
    return {found for each in named if isinstance(each, str) and (found := find_uuid(each)) is not None}
