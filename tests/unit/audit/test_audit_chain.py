"""The chain as values: what it covers, and what is said of each way to break it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from waystate.audit.model import (
    FIRST,
    NAMED,
    START,
    Entry,
    Fault,
    Head,
    Written,
    actor_document,
    chain,
    find_missing_end,
    named,
    parse_head,
    walk,
)
from waystate.errors import BadRequest
from waystate.ids import TenantId, new_id
from waystate.principal import OPERATOR, Actor

NOW = datetime(2026, 11, 21, 12, 0, 0, 120_000, tzinfo=UTC)
TENANT = TenantId("acme")


def entries(count: int) -> list[Entry]:
    return [
        Entry(
            actor=Actor("user", new_id()),
            action="key.created",
            subject=f"key:{number}",
            at=NOW + timedelta(seconds=number),
            details={"number": number},
        )
        for number in range(1, count + 1)
    ]


def written(count: int = 6, tenant: TenantId = TENANT) -> list[Written]:
    """As PostgreSQL would give them back."""
    return [
        Written(
            position=link.position,
            id=link.entry.id,
            at=link.entry.at.replace(tzinfo=None).isoformat().rstrip("0"),
            actor=json.dumps(actor_document(link.entry.actor)),
            action=link.entry.action,
            subject=link.entry.subject,
            details=json.dumps(link.entry.details),
            previous=link.previous,
            hash=link.hash,
        )
        for link in chain(tenant, entries(count), position=0, previous=FIRST)
    ]


def fault_of(rows: Sequence[Written], expected: Head | None = None, tenant: TenantId = TENANT) -> tuple[str, int] | None:
    reached = walk(tenant, rows, START, expected)
    fault = reached if isinstance(reached, Fault) else find_missing_end(reached, expected)
    return None if fault is None else (fault.kind, fault.position)


def head_of(rows: Sequence[Written]) -> Head:
    return Head(rows[-1].position, rows[-1].hash)


def test_a_whole_chain_is_walked_to_its_head() -> None:
    rows = written()
    assert walk(TENANT, rows, START) == head_of(rows)
    assert walk(TENANT, rows[3:], head_of(rows[:3])) == head_of(rows), "in batches"
    assert fault_of([]) is None


def test_each_way_to_break_it_has_its_name_and_its_place() -> None:
    rows = written()
    changed = [row._replace(subject="key:other") if row.position == 3 else row for row in rows]
    assert fault_of(changed) == ("changed", 3)
    assert fault_of(rows[:2] + rows[3:]) == ("missing", 3)
    assert fault_of(rows[1:]) == ("missing", 1)
    closed = rows[:2] + [row._replace(position=row.position - 1) for row in rows[3:]]
    assert fault_of(closed) == ("missing", 3), "the later ones moved up to hide it"
    (forged,) = chain(TENANT, entries(1), position=2, previous=rows[1].hash)
    forgery = rows[0]._replace(position=3, id=forged.entry.id, previous=forged.previous, hash=forged.hash)
    forgery = forgery._replace(at=written(1)[0].at, actor=json.dumps(actor_document(forged.entry.actor)))
    put_in = [*rows[:2], forgery, *(row._replace(position=row.position + 1) for row in rows[2:])]
    assert fault_of(put_in) == ("inserted", 3), "the later ones moved down to make room"
    assert fault_of([*rows[:2], forgery, *rows[3:]]) == ("changed", 3), "with its hash made anew"
    swapped = [*rows[:2], rows[3]._replace(position=3), rows[2]._replace(position=4), *rows[4:]]
    assert fault_of(swapped) == ("missing", 3)


def test_the_end_that_was_cut_off_is_seen_by_a_head_that_was_noted() -> None:
    rows = written()
    assert fault_of(rows[:4]) is None, "the chain alone cannot tell"
    assert fault_of(rows[:4], head_of(rows)) == ("truncated", 5)
    assert fault_of([], head_of(rows)) == ("truncated", 1)
    assert fault_of(rows, head_of(rows[:4])) is None, "it has grown since"
    assert fault_of(rows, START) is None


def test_a_chain_that_was_written_anew_is_seen_by_a_head_that_was_noted() -> None:
    rows, other = written(), written()
    assert fault_of(other) is None
    assert fault_of(other, head_of(rows[:4])) == ("rewritten", 4)


def test_the_entries_of_one_tenant_are_nothing_in_another_tenants_chain() -> None:
    assert fault_of(written(), tenant=TenantId("globex")) == ("changed", 1)


@pytest.mark.parametrize("text", ["1.5", "1.0", "NaN", "9" * 5000, "[" * 100_000, "not JSON", ""])
def test_contents_that_were_never_written_here_are_a_change_and_no_crash(text: str) -> None:
    rows = written()
    assert fault_of([*rows[:2], rows[2]._replace(details=text)]) == ("changed", 3)
    assert fault_of([*rows[:2], rows[2]._replace(actor=text)]) == ("changed", 3)
    assert fault_of([*rows[:2], rows[2]._replace(at="infinity")]) == ("changed", 3)


def test_details_are_stored_in_a_way_that_comes_back_as_it_was() -> None:
    details = {
        "float": 1.5,
        "decimal": Decimal("2.50"),
        "set": {"b", "a"},
        "id": UUID(int=7),
        "at": NOW,
        "nul": "a\x00b\ud800",
        7: None,
        "deep": [{"yes": True, "big": 1 << 70}],
    }
    (link,) = chain(
        TENANT,
        [Entry(actor=OPERATOR, action="a.b", subject="x\x00", at=NOW, details=details)],
        position=0,
        previous=FIRST,
    )
    stored = link.entry.details
    assert json.loads(json.dumps(stored)) == stored
    assert (stored["float"], stored["decimal"], stored["set"], stored["7"]) == ("1.5", "2.50", ["a", "b"], None)
    assert (stored["nul"], link.entry.subject) == ("a\ufffdb\ufffd", "x\ufffd")
    assert stored["deep"] == [{"yes": True, "big": 1 << 70}]


def test_a_moment_is_the_same_in_every_time_zone() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    one, other = (
        chain(TENANT, [Entry(actor=OPERATOR, action="a.b", subject="x", at=at, id=UUID(int=1))], position=0, previous=FIRST)
        for at in (NOW, elsewhere)
    )
    assert one[0].hash == other[0].hash


def test_a_bulk_act_names_its_ids_up_to_a_bound_and_counts_all() -> None:
    ids = [new_id() for _ in range(NAMED + 1)]
    assert named(ids) == {"count": NAMED + 1, "ids": [str(each) for each in ids[:NAMED]]}


def test_a_head_reads_as_it_is_written() -> None:
    head = head_of(written())
    assert parse_head(f" {head} ") == head
    for text in ("", "1", "1:", f"x:{'0' * 64}", f"1:{'0' * 63}", f"-1:{'0' * 64}"):
        with pytest.raises(BadRequest, match="POSITION:HASH"):
            parse_head(text)
