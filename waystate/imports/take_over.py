"""Takes the history of a seeds' State Manager over into a tenant, through the stores of real traffic. No event is made.

What is here already is left as it is, so a run that was broken off is run again.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import asyncpg

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.contacts import store as contact_store
from waystate.conversations import store as conversation_store
from waystate.conversations.model import OPEN, Activity, ConversationStatus, PastConversation
from waystate.db import partitions
from waystate.db.failures import is_transient
from waystate.db.pool import Connection, Database
from waystate.documents import JsonObject
from waystate.errors import BadRequest, Unavailable
from waystate.ids import PLATFORM
from waystate.imports import store as source_store
from waystate.imports.rows import (
    MappingRow,
    RowRefused,
    TakenMapping,
    TakenMessage,
    Terms,
    TrackingRow,
    report_id_of,
    take_mapping,
    take_message,
)
from waystate.imports.store import MAPPINGS, MESSAGES, Extent
from waystate.messages import store as message_store
from waystate.messages.model import Direction
from waystate.messages.status import MessageState, merge
from waystate.principal import OPERATOR
from waystate.tenants.routing import TenantView

_TRIES = 5
"""Of a batch that meets live traffic, or the race for one open conversation."""

Row = TypeVar("Row", TakenMapping, TakenMessage)
ReadRow = TypeVar("ReadRow", MappingRow, TrackingRow)


@dataclass(slots=True)
class TakenOver:
    """How many rows came to what."""

    contacts: int = 0
    conversations: int = 0
    merged: int = 0
    """Of the conversations, active ones that were closed because their customer has another open one."""
    messages: int = 0
    known: int = 0
    """Rows that were here already."""
    refused: int = 0
    """Rows that could not be used; each is in the report."""
    strange_numbers: dict[str, int] = field(default_factory=dict)
    """Business numbers that the tenant does not have → conversations of them."""


class Told(Protocol):
    """Hears how far it is, and of each row that cannot be used."""

    def progress(self, table: str, done: int, total: int) -> None: ...

    def refused(self, table: str, row: JsonObject, reason: str, problem: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What to take over, from where: `number` and `time_zone` stand in where rows, or the server, name none."""

    url: str
    source_tenant: str | None = None
    number: str | None = None
    time_zone: str | None = None
    is_dry: bool = False


async def take_over(db: Database, view: TenantView, wanted: Import, now: datetime, told: Told) -> TakenOver:
    """Raises BadRequest for what cannot be begun, Unavailable when a database breaks it off: run again, it goes on."""
    if view.tenant.id == PLATFORM:
        raise BadRequest("no_customers", "The platform itself has no customers. Name a tenant.")
    async with source_store.open_snapshot(wanted.url) as snapshot:
        source = await source_store.describe(snapshot, tenant=wanted.source_tenant, time_zone=wanted.time_zone)
        extent = await source_store.measure(snapshot, source)
        terms = Terms(
            tenant=view.tenant.id,
            key=source.key,
            link=source.link,
            zone=source.zone,
            number=_number(view, wanted.number, extent),
            ttl=view.settings.mapping_ttl,
            now=now,
        )
        run = _Run(db, view, terms, told, wanted.is_dry)
        await run.make_partitions(extent)
        try:
            await run.take_mappings(source_store.read_mappings(snapshot, source), extent.mappings)
            await run.take_messages(source_store.read_messages(snapshot, source), extent.messages)
        except Exception as error:
            if not is_transient(error):
                raise
            raise Unavailable(
                "import_interrupted", f"A database broke the import off ({error}). Run the command again: it goes on."
            ) from error
        return run.done


@dataclass(slots=True)
class _Written(Generic[Row]):
    """What a transaction made of its rows, to be told of once it is committed. `counts`: of `TakenOver`."""

    counts: Counter[str] = field(default_factory=Counter)
    homeless: list[Row] = field(default_factory=list)
    numbers: Counter[str] = field(default_factory=Counter)


Write = Callable[[Connection, Sequence[Row]], Awaitable[_Written[Row]]]


class _Run:
    """One import, of which `done` counts what came of it."""

    def __init__(self, db: Database, view: TenantView, terms: Terms, told: Told, is_dry: bool) -> None:
        self.done = TakenOver()
        self._db = db
        self._view = view
        self._tenant = view.tenant.id
        self._terms = terms
        self._told = told
        self._is_dry = is_dry
        self._is_noted = False
        self._would_be: set[UUID] = set()
        """In a dry run: the conversations that there would be."""

    async def make_partitions(self, extent: Extent) -> None:
        """Without them old messages would lie in the default partition, whose first row raises an alarm."""
        if self._is_dry or extent.since is None:
            return
        since = datetime.fromisoformat(extent.since[:10]).replace(tzinfo=UTC) - timedelta(days=1)
        async with self._db.owner() as conn:
            await partitions.make_since(conn, ("messages", "message_events"), since, self._terms.now)

    async def take_mappings(self, batches: AsyncIterator[list[MappingRow]], total: int) -> None:
        done = 0
        async for rows in batches:
            taken = [each for row in rows if (each := self._read(MAPPINGS, row, take_mapping)) is not None]
            if self._is_dry:
                self._would_be |= {each.conversation.id for each in taken}
                self.done.conversations += len(taken)
            else:
                await self._write(MAPPINGS, taken, self._write_mappings)
            done += len(rows)
            self._told.progress(MAPPINGS, done, total)

    async def take_messages(self, batches: AsyncIterator[list[TrackingRow]], total: int) -> None:
        done = 0
        async for rows in batches:
            taken = [each for row in rows if (each := self._read(MESSAGES, row, take_message)) is not None]
            if self._is_dry:
                homeless = [each for each in taken if each.message.conversation_id not in self._would_be]
                self._tell(MESSAGES, _Written(Counter(messages=len(taken) - len(homeless)), homeless))
            else:
                await self._write(MESSAGES, taken, self._write_messages)
            done += len(rows)
            self._told.progress(MESSAGES, done, total)

    def _read(self, table: str, read: ReadRow, take: Callable[[ReadRow, Terms], Row]) -> Row | None:
        try:
            return take(read, self._terms)
        except RowRefused as error:
            self._refuse(table, read.row, error.reason, str(error))
            return None

    def _refuse(self, table: str, row: JsonObject, reason: str, problem: str) -> None:
        self.done.refused += 1
        self._told.refused(table, row, reason, problem)

    async def _write(self, table: str, rows: Sequence[Row], write: Write[Row]) -> None:
        """All in one transaction; where the database refuses a row, the others are written without it."""
        if not rows:
            return
        try:
            self._tell(table, await self._commit(rows, write))
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if is_transient(error):
                raise
            if len(rows) == 1:
                self._refuse(table, rows[0].row, "database_refused", f"PostgreSQL does not take it: {error}")
                return
            half = len(rows) // 2
            await self._write(table, rows[:half], write)
            await self._write(table, rows[half:], write)

    async def _commit(self, rows: Sequence[Row], write: Write[Row]) -> _Written[Row]:
        for tries in range(1, _TRIES + 1):
            try:
                async with self._db.tenant(self._tenant) as conn:
                    written = await write(conn, rows)
                    if not self._is_noted and written.counts.total() > written.counts["known"]:
                        await self._note(conn)
                self._is_noted = self._is_noted or written.counts.total() > written.counts["known"]
                return written
            except asyncpg.PostgresError as error:
                # Live traffic opened a conversation meanwhile, or took a lock first.
                is_race = isinstance(error, asyncpg.UniqueViolationError) or is_transient(error)
                if tries == _TRIES or not is_race:
                    raise
            await asyncio.sleep(0.1 * tries)
        raise AssertionError("the last try returns or raises")

    def _tell(self, table: str, written: _Written[Row]) -> None:
        for name, count in written.counts.items():
            setattr(self.done, name, getattr(self.done, name) + count)
        for number, count in written.numbers.items():
            self.done.strange_numbers[number] = self.done.strange_numbers.get(number, 0) + count
        for each in written.homeless:
            self._refuse(table, each.row, "mapping_not_found", f"There is no conversation for its {self._terms.link}.")

    async def _note(self, conn: Connection) -> None:
        """Once a run, with the first of it."""
        details = {"from": "seed-state-manager"}
        subject = f"tenant:{self._tenant}"
        entry = Entry(actor=OPERATOR, action="history.imported", subject=subject, at=self._terms.now, details=details)
        await audit_store.append_many(conn, self._tenant, [entry])

    async def _write_mappings(self, conn: Connection, rows: Sequence[TakenMapping]) -> _Written[TakenMapping]:
        tenant = self._tenant
        known = await conversation_store.find_many(conn, tenant, [str(row.conversation.id) for row in rows])
        ids = {each.id for each in known if each is not None}
        new = [row for row in rows if row.conversation.id not in ids]
        written: _Written[TakenMapping] = _Written(Counter(known=len(rows) - len(new)))
        if not new:
            return written
        contacts, written.counts["contacts"] = await self._meet(conn, new)
        conversations = [
            replace(row.conversation, contact_id=contact, user_id=row.user_id)
            for row, contact in zip(new, contacts, strict=True)
        ]
        placed = await self._close_second_ones(conn, conversations)
        await conversation_store.add_many(conn, tenant, placed, self._terms.now)
        await contact_store.want_index(conn, tenant, contacts)
        written.counts["conversations"] = len(placed)
        written.counts["merged"] = sum(each.close_reason == "merged" for each in placed)
        written.numbers.update(each.phone_number_id for each in placed if each.phone_number_id not in self._view.accounts)
        return written

    async def _meet(self, conn: Connection, rows: Sequence[TakenMapping]) -> tuple[list[UUID], int]:
        """Whose each row is, and how many of them nobody knew. Who has a name already is called by it."""
        tenant = self._tenant
        owners, names = await contact_store.find_many(conn, tenant, {row.writer.identities[0] for row in rows})
        named = {identity for identity, owner in owners.items() if names.get(owner)}
        people = [replace(row.writer, name=None) if row.writer.identities[0] in named else row.writer for row in rows]
        last_written = partial(message_store.find_last_written, conn, tenant)
        contacts = (await contact_store.upsert_many(conn, tenant, people, self._terms.now, last_written)).contacts
        known_since: dict[UUID, datetime] = {}
        for contact, row in zip(contacts, rows, strict=True):
            at = row.writer.at or self._terms.now
            known_since[contact] = min(at, known_since.get(contact, at))
        await contact_store.date_back(conn, tenant, known_since)
        return contacts, len(set(contacts) - set(owners.values()))

    async def _close_second_ones(self, conn: Connection, rows: Sequence[PastConversation]) -> list[PastConversation]:
        """Of one customer and number one stays open: the one that is here, else the latest, which comes first."""
        wanted = sorted({(row.phone_number_id, row.contact_id) for row in rows if row.status in OPEN})
        found = await conversation_store.find_latest_many(conn, self._tenant, wanted)
        taken = {key for key, each in zip(wanted, found, strict=True) if each is not None and each.status in OPEN}
        placed: list[PastConversation] = []
        for row in rows:
            key = (row.phone_number_id, row.contact_id)
            if row.status in OPEN and key in taken:
                row = replace(row, status=ConversationStatus.CLOSED, closed_at=row.last_activity_at, close_reason="merged")
            elif row.status in OPEN:
                taken.add(key)
            placed.append(row)
        return placed

    async def _write_messages(self, conn: Connection, rows: Sequence[TakenMessage]) -> _Written[TakenMessage]:
        tenant = self._tenant
        held = await conversation_store.lock_many(conn, tenant, sorted({row.message.conversation_id for row in rows}))
        homeless = [row for row in rows if row.message.conversation_id not in held]
        new = await self._claim(conn, [row for row in rows if row.message.conversation_id in held])
        written = _Written(Counter(messages=len(new), known=len(rows) - len(homeless) - len(new)), homeless)
        if not new:
            return written
        await contact_store.want_index(conn, tenant, {held[row.message.conversation_id].contact_id for row in new})
        activity: dict[UUID, Activity] = {}
        for row in new:
            message = row.message
            conversation = held[message.conversation_id]
            is_inbound = message.direction is Direction.INBOUND
            message.sender = (conversation.wa_id or conversation.user_id) if is_inbound else None
            one = Activity(
                contact_id=conversation.contact_id, phone_number_id=conversation.phone_number_id, wa_id=None, at=message.sent_at
            )
            each = activity.setdefault(conversation.id, one)
            # Oldest first.
            each.at = each.message_at = message.sent_at
            each.customer_message_at = message.sent_at if is_inbound else each.customer_message_at
        await message_store.insert_many(conn, tenant, [row.message for row in new])
        merged = {
            row.message.id: merge(MessageState(row.message.direction, row.message.status), row.reports)
            for row in new
            if row.reports
        }
        if merged:
            await message_store.advance_many(conn, tenant, merged, id_of=report_id_of)
        await conversation_store.touch_many(conn, tenant, activity, ttl=self._terms.ttl, now=self._terms.now)
        return written

    async def _claim(self, conn: Connection, rows: Sequence[TakenMessage]) -> list[TakenMessage]:
        """Those that are not here yet: by the wamid, else by Genesys' id, else by their own."""
        tenant = self._tenant
        keys: dict[str, dict[str, UUID]] = {"whatsapp": {}, "genesys": {}}
        own: list[UUID] = []
        for row in rows:
            message = row.message
            if message.wamid is not None:
                keys["whatsapp"].setdefault(message.wamid, message.id)
            elif message.genesys_message_id is not None:
                keys["genesys"].setdefault(message.genesys_message_id, message.id)
            else:
                own.append(message.id)
        here = await message_store.find_conversations(conn, tenant, own) if own else {}
        fresh = set(own) - here.keys()
        for source, named in keys.items():
            if named:
                claimed = await message_store.claim_many(conn, tenant, source, named)
                fresh |= {named[key] for key in claimed}
        new = [row for row in rows if row.message.id in fresh]
        # What Genesys sent as one may have left as several: its id leads to the first.
        both = [row.message for row in new if row.message.wamid is not None and row.message.genesys_message_id is not None]
        also = {each.genesys_message_id or "": each.id for each in reversed(both)}
        if also:
            await message_store.claim_many(conn, tenant, "genesys", also)
        return new


def _number(view: TenantView, number: str | None, extent: Extent) -> str | None:
    known = ", ".join(sorted(view.accounts)) or "none"
    if number is not None and number not in view.accounts:
        raise BadRequest(
            "unknown_number",
            f"Tenant '{view.tenant.id}' has no number {number}. It has: {known}. Correct --number, or connect it.",
        )
    if number is None and view.default_account is not None:
        number = view.default_account.phone_number_id
    if number is None and extent.numberless:
        raise BadRequest(
            "number_missing",
            f"{extent.numberless:,} conversations name no business number, and tenant '{view.tenant.id}' has no default one. "
            f"Connect a number first (`waystate tenant apply`), or name one of its own with --number (it has: {known}).",
        )
    return number
