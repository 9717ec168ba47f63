"""A file of customers taken in: a thousand rows a transaction, each good one once, each bad one told of."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from pydantic import TypeAdapter, ValidationError

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity, IdentityKind, NewContact, e164
from waystate.contacts.spellings import other_identities, other_identity
from waystate.customers import store as customer_store
from waystate.customers.bodies import NAMES, AddCustomer, EditCustomer, render_customer
from waystate.customers.edit import edited, identity_of, parse_phone
from waystate.customers.files import store
from waystate.customers.files.rows import BadRow, FileFormat, FileRow, RowReader
from waystate.customers.model import Profile
from waystate.db.pool import Connection
from waystate.documents import dump
from waystate.errors import Refused, Unprocessable
from waystate.events.commits import Commits
from waystate.events.model import CustomerChanged, Event
from waystate.ids import TenantId, find_uuid, new_id
from waystate.principal import Actor
from waystate.web.problems import parse_body

log = structlog.get_logger()

BATCH = 1000
"""Rows of one transaction."""
_BATCH_BYTES = 2**20
_BREATH = 16
"""Rows."""
_TOLD_EACH = 50_000
"""Rows, in the log."""
MOST_ERRORS = 1000
"""Bad rows that are told of one by one; the others are counted."""
MOST_IDS = 100
"""Ids of one customer, in one row."""
_WA_ID = TypeAdapter(list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWish:
    """`updates`: customers that there are already are changed as a PATCH would; `country`: of national phones (ISO 3166).

    `is_dry`: nothing is written, and each row is judged by what is there now.
    """

    updates: bool = True
    country: str | None = None
    is_dry: bool = False
    declared: FileFormat | None = None


@dataclass(slots=True)
class ImportOutcome:
    """Counts of rows; `errors` are the first ones of those that were refused."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    errors: list[BadRow] = field(default_factory=list)

    def refuse(self, rows: Sequence[BadRow]) -> None:
        self.refused += len(rows)
        self.errors += rows[: MOST_ERRORS - len(self.errors)]


@dataclass(slots=True)
class _Batch:
    """What a batch comes to, by what is locked: customers as they were (None: new) and are to be."""

    before: dict[UUID, Profile | None] = field(default_factory=dict)
    after: dict[UUID, Profile] = field(default_factory=dict)
    owners: dict[Identity, UUID] = field(default_factory=dict)
    names: dict[UUID, UUID] = field(default_factory=dict)
    """An id that a row says → the customer that it leads to."""
    bad: list[BadRow] = field(default_factory=list)


class CustomerImports:
    def __init__(self, commits: Commits, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock

    async def take(self, tenant: TenantId, chunks: AsyncIterator[bytes], wanted: ImportWish, by: Actor) -> ImportOutcome:
        """What was taken in stays, whatever becomes of the rest: the same file again goes on. It is never held whole."""
        reader, outcome, rows = RowReader(wanted.declared), ImportOutcome(), list[FileRow]()
        try:
            async for chunk in chunks:
                await self._add(tenant, reader.feed(chunk), rows, outcome, wanted)
            await self._add(tenant, reader.end(), rows, outcome, wanted)
            await self._flush(tenant, rows, outcome, wanted)
        except Refused as error:
            error.extra.setdefault("rowsDone", outcome.rows)
            # What was taken in stays, and somebody did it.
            if outcome.added or outcome.changed:
                await self._note(tenant, outcome, wanted, by, is_whole=False)
            raise
        await self._note(tenant, outcome, wanted, by)
        return outcome

    async def _note(
        self, tenant: TenantId, outcome: ImportOutcome, wanted: ImportWish, by: Actor, *, is_whole: bool = True
    ) -> None:
        """In the audit log; `is_whole`: the file came to its end."""
        if wanted.is_dry:
            return
        details: dict[str, Any] = {name: getattr(outcome, name) for name in ("rows", "added", "changed", "refused")}
        details |= {} if is_whole else {"broken_off": True}

        async def note(conn: Connection) -> tuple[None, list[Event]]:
            entry = Entry(actor=by, action="customers.imported", subject="customers", at=self._clock(), details=details)
            await audit_store.append_many(conn, tenant, [entry])
            return None, []

        await self._commits.do(tenant, note)

    async def _add(self, tenant: TenantId, read: Any, rows: list[FileRow], outcome: ImportOutcome, wanted: ImportWish) -> None:
        size = sum(each.size for each in rows)
        for number, each in enumerate(read):
            await _breathe(number)
            if isinstance(each, BadRow):
                outcome.rows += 1
                outcome.refuse([each])
                continue
            rows.append(each)
            size += each.size
            if len(rows) == BATCH or size > _BATCH_BYTES:
                await self._flush(tenant, rows, outcome, wanted)
                size = 0

    async def _flush(self, tenant: TenantId, rows: list[FileRow], outcome: ImportOutcome, wanted: ImportWish) -> None:
        if not rows:
            return
        batch = await self._commits.do(tenant, lambda conn: self._take(conn, tenant, rows, wanted))
        before = outcome.rows
        added = sum(each is None for each in batch.before.values())
        changed = sum(_is_changed(was, batch.after[each]) for each, was in batch.before.items())
        outcome.rows += len(rows)
        outcome.added += added
        outcome.changed += changed
        # Of rows that say more of one customer than the first did, too.
        outcome.unchanged += len(rows) - len(batch.bad) - added - changed
        outcome.refuse(batch.bad)
        rows.clear()
        if outcome.rows // _TOLD_EACH > before // _TOLD_EACH:
            log.info("customers are being imported", rows=outcome.rows, refused=outcome.refused)

    async def _take(
        self, conn: Connection, tenant: TenantId, rows: Sequence[FileRow], wanted: ImportWish
    ) -> tuple[_Batch, list[CustomerChanged]]:
        now = self._clock()
        people: list[list[Identity] | BadRow] = []
        for number, row in enumerate(rows):
            await _breathe(number)
            people.append(_people_of(row, wanted.country))
        batch = await _find_known(conn, tenant, rows, people)
        for number, (row, identities) in enumerate(zip(rows, people, strict=True)):
            await _breathe(number)
            _judge(batch, row, identities, wanted, now)
        if wanted.is_dry:
            return batch, []
        return batch, await _write(conn, tenant, batch, now)


async def _breathe(number: int) -> None:
    """Lets others run now and then: a thousand rows that say much take a second."""
    if number % _BREATH == 0:
        await asyncio.sleep(0)


def _people_of(row: FileRow, country: str | None) -> list[Identity] | BadRow:
    """By which ids the row says who it is of; without others by its phone."""
    try:
        said = {name: _WA_ID.validate_python(row.said.get(name) or []) for name in ("waIds", "userIds")}
        if sum(map(len, said.values())) > MOST_IDS:
            return BadRow(row.line, "too_many_ids", f"A row has at most {MOST_IDS} of `waIds` and `userIds`.")
        found = [identity_of(_checked(each, "waId"), None, None, None) for each in said["waIds"]]
        found += [identity_of(None, _checked(each, "userId"), None, None) for each in said["userIds"]]
        phone = row.said.get("phoneNumber")
        if not found and isinstance(phone, str):
            try:
                found = [identity_of(None, None, phone, country)]
            except Unprocessable:
                if "id" not in row.said:
                    raise
        return found
    except ValidationError:
        return BadRow(row.line, "ids_unusable", "`waIds` and `userIds` are lists of texts.")
    except Unprocessable as error:
        return BadRow(row.line, error.code, error.detail)


def _checked(written: str, name: str) -> str:
    parse_body(AddCustomer, dump({name: written}).encode())
    return written


async def _find_known(conn: Connection, tenant: TenantId, rows: Sequence[FileRow], people: Sequence[Any]) -> _Batch:
    """Everybody whom the rows may be of, locked."""
    asked = {each for found in people if not isinstance(found, BadRow) for each in found}
    owners, _ = await contact_store.find_many(conn, tenant, {*asked, *other_identities(asked).values()})
    named = {found for row in rows if (found := find_uuid(str(row.said.get("id", "")))) is not None}
    survivors = await contact_store.find_survivors(conn, tenant, named)
    names = {each: survivors.get(each, each) for each in named}
    locked = await store.lock_many(conn, tenant, {*owners.values(), *names.values()})
    known = {each.id: each for each in await customer_store.find_many(conn, tenant, sorted(locked))}
    return _Batch(
        before=dict(known),
        after=dict(known),
        owners={each: owner for each, owner in owners.items() if owner in known},
        names={each: contact for each, contact in names.items() if contact in known},
    )


def _judge(batch: _Batch, row: FileRow, identities: list[Identity] | BadRow, wanted: ImportWish, now: datetime) -> None:
    if isinstance(identities, BadRow):
        batch.bad.append(identities)
        return
    try:
        _apply(batch, row, identities, wanted, now)
    except Refused as error:
        batch.bad.append(BadRow(row.line, error.code, error.detail))


def _apply(batch: _Batch, row: FileRow, identities: Sequence[Identity], wanted: ImportWish, now: datetime) -> None:
    """The customer as the row has them. Raises Refused, which says what is wrong with it."""
    contact = _find_contact(batch, row, identities)
    if contact is None:
        phone = next((e164(each.external_id) for each in identities if each.kind is IdentityKind.WA_ID), None)
        current = Profile(
            id=new_id(),
            phone_number=phone,
            identities=tuple(identities),
            created_at=now,
            edited_at=now,
            last_activity_at=now,
        )
    elif batch.before[contact] is not None and not wanted.updates:
        return
    else:
        current = batch.after[contact]
    after = edited(current, _fields_of(row, current, wanted.country))
    batch.after[current.id] = after
    if contact is None:
        batch.before[current.id] = None
        batch.owners |= dict.fromkeys(identities, current.id)


def _find_contact(batch: _Batch, row: FileRow, identities: Sequence[Identity]) -> UUID | None:
    written = row.said.get("id")
    named = None if written is None else find_uuid(str(written))
    if written is not None and named is None:
        raise Unprocessable("id_unusable", "`id` is that of a customer, as an export has it. Leave it empty for a new one.")
    spelled = ((each, other_identity(each)) for each in identities)
    owners = [batch.owners.get(each) or batch.owners.get(other or each) for each, other in spelled]
    found = {each for each in (batch.names.get(named) if named else None, *owners) if each is not None}
    if len(found) > 1:
        raise Unprocessable(
            "several_customers",
            f"The row's ids are those of {len(found)} customers: {', '.join(sorted(map(str, found)))}. Merge them first, if "
            "they are one.",
        )
    if not found and not identities:
        raise Unprocessable(
            "nobody_named", "The row does not say who it is of: it needs `phoneNumber`, `waIds`, `userIds`, or a known `id`."
        )
    return next(iter(found), None)


def _fields_of(row: FileRow, current: Profile, country: str | None) -> dict[str, Any]:
    """What the row says otherwise than it is: what is as it was is not looked at, whatever could be said of it today."""
    shown = render_customer(current).model_dump()
    said = {name: row.said[name] for name in NAMES if name in row.said}
    if isinstance(phone := said.get("phoneNumber"), str) and phone != shown["phoneNumber"]:
        said["phoneNumber"] = parse_phone(phone, country)
    if isinstance(tags := said.get("tags"), list) and all(isinstance(each, str) for each in tags):
        said["tags"] = sorted(set(tags))
    new = {name: value for name, value in said.items() if value != shown[name]}
    if not new:
        return {}
    body = parse_body(EditCustomer, dump(new).encode())
    return {NAMES[name]: getattr(body, name) for name in new}


def _is_changed(before: Profile | None, after: Profile) -> bool:
    return before is not None and bool(_changes(before, after))


def _changes(before: Profile, after: Profile) -> list[str]:
    changed = [name for name in NAMES.values() if getattr(before, name) != getattr(after, name)]
    return changed or (["name"] if before.is_named_by_hand != after.is_named_by_hand else [])


async def _write(conn: Connection, tenant: TenantId, batch: _Batch, now: datetime) -> list[CustomerChanged]:
    new = [batch.after[each] for each, before in batch.before.items() if before is None]
    rows = [NewContact(id=each.id, identities=each.identities, created_at=now) for each in new]
    if rows and len(await contact_store.add_many(conn, tenant, rows)) < len(rows):
        raise asyncpg.SerializationError("somebody else added one of these customers; run it again")
    changed = [batch.after[each] for each, before in batch.before.items() if _is_changed(before, batch.after[each])]
    await store.edit_many(conn, tenant, [*new, *changed], now)
    events = [CustomerChanged(contact_id=each.id, at=now, fields=[], is_new=True) for each in new]
    for each in changed:
        before = batch.before[each.id]
        assert before is not None, "it was there, or it is new"
        events.append(CustomerChanged(contact_id=each.id, at=now, fields=_changes(before, each)))
    return events
