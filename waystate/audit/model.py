"""The audit log: what somebody with a privilege did, each entry chained to the one before it. Pure."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from json import dumps, loads
from typing import Any, Literal, NamedTuple
from uuid import UUID

from waystate.clock import iso
from waystate.documents import JsonObject, clean_text
from waystate.errors import BadRequest
from waystate.ids import TenantId, new_id
from waystate.principal import Actor

FIRST = bytes(32)
"""What stands for the hash before the first entry."""
NAMED = 100
"""Ids that the entry of a bulk act names; its `count` is of all."""
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-fA-F]{64})")
_NEARBY = 100
"""Places in either direction where an entry is looked for that is not what its position says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`action` is noun.verb in the past (`user.invited`), `subject` what it was done to (`user:{id}`).

    `details` never hold a secret.
    """

    actor: Actor
    action: str
    subject: str
    at: datetime
    details: JsonObject = field(default_factory=dict)
    id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chained:
    entry: Entry
    position: int
    previous: bytes
    hash: bytes


class Head(NamedTuple):
    """The newest entry. Kept outside the database it shows later what the chain alone cannot: that its end was cut off."""

    position: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.hash.hex()}"


START = Head(0, FIRST)


class Written(NamedTuple):
    """An entry as it stands in the database; `at`, `actor` and `details` as PostgreSQL writes them in JSON."""

    position: int
    id: UUID
    at: str
    actor: str
    action: str
    subject: str
    details: str
    previous: bytes
    hash: bytes


class Fault(NamedTuple):
    """The first place where the chain is broken, and a sentence that says how."""

    kind: Literal["changed", "missing", "inserted", "rewritten", "truncated"]
    position: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """`action` and `subject` whole, or the noun before their `.` or `:`; `until` is exclusive. None filters nothing."""

    action: str | None = None
    actor_kind: str | None = None
    actor_id: UUID | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def named(ids: Iterable[UUID]) -> JsonObject:
    """Of a bulk act: how many, and which ones up to a bound."""
    every = sorted(ids)
    return {"count": len(every), "ids": [str(each) for each in every[:NAMED]]}


def parse_head(text: str) -> Head:
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise BadRequest("invalid_head", "A head reads POSITION:HASH, as `waystate audit verify` prints it. Copy it whole.")
    return Head(int(found[1]), bytes.fromhex(found[2]))


def chain(tenant_id: TenantId, entries: Iterable[Entry], *, position: int, previous: bytes) -> list[Chained]:
    """The entries behind the one at `position` whose hash is `previous`, as they are to be stored."""
    chained = []
    for entry in entries:
        position += 1
        stored = replace(
            entry, action=clean_text(entry.action), subject=clean_text(entry.subject), details=_plain(entry.details)
        )
        link = Chained(entry=stored, position=position, previous=previous, hash=hash_of(tenant_id, stored, position, previous))
        chained.append(link)
        previous = link.hash
    return chained


def actor_document(actor: Actor) -> JsonObject:
    return {"kind": actor.kind, "id": None if actor.id is None else str(actor.id)}


def hash_of(tenant_id: TenantId, entry: Entry, position: int, previous: bytes) -> bytes:
    """SHA-256 over everything of the entry in one fixed way to write it, after the hash before it."""
    at = entry.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds").rstrip("0").rstrip(".")
    told = [tenant_id, position, str(entry.id), at, actor_document(entry.actor), entry.action, entry.subject, entry.details]
    return _hash(previous, told)


def walk(tenant_id: TenantId, rows: Iterable[Written], head: Head, expected: Head | None = None) -> Head | Fault:
    """Where the chain stands after the rows behind `head`, or the first fault. `expected` is a head noted earlier."""
    for row in rows:
        if fault := _find_fault(tenant_id, row, head):
            return fault
        head = Head(row.position, row.hash)
        if expected is not None and head.position == expected.position and head.hash != expected.hash:
            return _rewritten(head.position)
    return head


def find_missing_end(head: Head, expected: Head | None) -> Fault | None:
    """What only a head that was noted earlier tells, after the whole chain was walked."""
    if expected is None:
        return None
    if head.position < expected.position:
        gone = _entries(head.position + 1, expected.position)
        return Fault("truncated", head.position + 1, f"The chain ended at entry {expected.position} once: {gone} gone.")
    return _rewritten(0) if expected.position == 0 and expected.hash != FIRST else None


def _find_fault(tenant_id: TenantId, row: Written, head: Head) -> Fault | None:
    position = head.position + 1
    if row.position > position:
        return Fault("missing", position, f"{_entries(position, row.position - 1).capitalize()} missing.")
    if _hash_at(tenant_id, row, position) != row.hash:
        return _explain(tenant_id, row, position)
    if row.previous == head.hash:
        return None
    if position == 1:
        return Fault("changed", 1, "Entry 1 names an entry before it, and there is none.")
    return Fault(
        "changed",
        head.position,
        f"Entry {position} follows another entry than the one at {head.position}: that was changed together with its hash.",
    )


def _explain(tenant_id: TenantId, row: Written, position: int) -> Fault:
    """Of an entry that is not what its hash says: it has another place, or other contents, than when it was written."""
    nearby = (place for distance in range(1, _NEARBY) for place in (position + distance, position - distance))
    written = next((place for place in nearby if _hash_at(tenant_id, row, place) == row.hash), None)
    if written is None:
        return Fault("changed", position, f"Entry {position} is not what was written: one of its columns was changed.")
    moved = f"What stands at {position} was written as entry {written}:"
    if written > position:
        return Fault("missing", position, f"{moved} {_entries(position, written - 1)} taken out and the later ones moved up.")
    return Fault("inserted", written, f"{moved} {_entries(written, position - 1)} put in and the later ones moved down.")


def _rewritten(position: int) -> Fault:
    message = f"Entry {position} has another hash than the head that was noted: the chain up to it was written anew."
    return Fault("rewritten", position, message)


def _entries(first: int, last: int) -> str:
    return f"entry {first} is" if first >= last else f"entries {first} to {last} are"


def _hash_at(tenant_id: TenantId, row: Written, position: int) -> bytes | None:
    """What its hash would be at this position; None for what was never written here."""
    try:
        actor, details = loads(row.actor), loads(row.details)
    except (ValueError, RecursionError):
        return None
    return _hash(row.previous, [tenant_id, position, str(row.id), row.at, actor, row.action, row.subject, details])


def _hash(previous: bytes, told: list[Any]) -> bytes:
    return hashlib.sha256(previous + dumps(told, sort_keys=True, separators=(",", ":")).encode()).digest()


def _plain(value: Any) -> Any:
    """What comes back from the database exactly as it went in: no float, which it writes in its own way, as text instead."""
    match value:
        case None | bool() | int():
            return value
        case dict():
            return {clean_text(str(key)): _plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(each) for each in (sorted(value) if isinstance(value, set | frozenset) else value)]
        case datetime():
            return iso(value)
    return clean_text(str(value))
